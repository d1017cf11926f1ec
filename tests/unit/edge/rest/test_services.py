"""What the gateway offers over REST."""

from perpetuo.rest.v1 import annotations_pb2 as rest_options

from edge.rest.services import gateway_reasons, gateway_services


def test_every_service_of_the_protos_is_found_once() -> None:
    names = [service.name for service in gateway_services()]
    assert {"AuthService", "CompletionsService", "KeysService"} <= set(names)
    assert len(names) == len(set(names))


def test_every_method_says_who_may_call_it() -> None:
    silent = [
        method.full_name
        for service in gateway_services()
        for method in service.methods
        if not method.GetOptions().Extensions[rest_options.access]
    ]
    assert silent == []


def test_the_reasons_are_those_of_the_protos() -> None:
    assert gateway_reasons().full_name == "perpetuo.v1.ErrorReason"

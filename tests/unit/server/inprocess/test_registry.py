"""Servicers are registered once, for every way in."""

from typing import Any

import grpc
import pytest
from grpc_health.v1 import health, health_pb2_grpc

from server.inprocess.registry import CallDetails, HandlerRegistry


async def answer(request: Any, context: Any) -> Any:
    return request


async def other(request: Any, context: Any) -> Any:
    return request


def handler(behavior: Any = answer) -> Any:
    return grpc.unary_unary_rpc_method_handler(behavior)


def details(method: str) -> CallDetails:
    return CallDetails(method, ())


def test_a_registered_method_is_found_by_its_full_name() -> None:
    registry = HandlerRegistry()
    made = handler()
    registry.add_registered_method_handlers("a.B", {"Do": made})
    assert registry.find(details("/a.B/Do")) is made
    assert registry.find(details("/a.B/Other")) is None
    assert registry.find(details("/a.C/Do")) is None


def test_a_registered_method_wins_over_a_generic_handler() -> None:
    registry = HandlerRegistry()
    generic, registered = handler(), handler(other)
    registry.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("a.B", {"Do": generic, "Only": generic}),))
    registry.add_registered_method_handlers("a.B", {"Do": registered})
    assert registry.find(details("/a.B/Do")) is registered
    assert registry.find(details("/a.B/Only")) is generic


async def test_generated_code_registers_with_it() -> None:
    registry = HandlerRegistry()
    health_pb2_grpc.add_HealthServicer_to_server(health.aio.HealthServicer(), registry)
    assert registry.service_names() == ("grpc.health.v1.Health",)
    assert registry.find(details("/grpc.health.v1.Health/Check")) is not None


def test_service_names_are_sorted_and_named_once() -> None:
    registry = HandlerRegistry()
    registry.add_registered_method_handlers("b.B", {"Do": handler()})
    registry.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("a.A", {"Do": handler()}),))
    registry.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("b.B", {"Do": handler()}),))
    assert registry.service_names() == ("a.A", "b.B")


async def test_installing_gives_everything_to_a_server() -> None:
    registry = HandlerRegistry()
    made = handler()
    registry.add_registered_method_handlers("b.B", {"Do": made})
    registry.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("a.A", {"Do": made}),))
    copied = HandlerRegistry()
    registry.install(copied)
    assert copied.find(details("/a.A/Do")) is copied.find(details("/b.B/Do")) is made
    assert copied.find(details("/b.B/Other")) is None


async def test_it_serves_nothing_itself() -> None:
    registry = HandlerRegistry()
    for refused in (registry.start(), registry.stop(None), registry.wait_for_termination()):
        with pytest.raises(grpc.aio.UsageError):
            await refused
    with pytest.raises(grpc.aio.UsageError):
        registry.add_insecure_port("127.0.0.1:0")
    with pytest.raises(grpc.aio.UsageError):
        registry.add_secure_port("127.0.0.1:0", grpc.ssl_server_credentials([(b"", b"")]))

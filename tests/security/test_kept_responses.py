"""Kept responses by keys of other workspaces, with strange ids and bad credentials: absent, every time and alike."""

import json
from typing import Any

import grpc.aio
import httpx2
import pytest
from google.protobuf import json_format
from perpetuo.v1 import responses_pb2, responses_pb2_grpc

from server.accounts.keys import NewKey
from server.accounts.providers import NewProvider
from tests.security.world import METHODS, Person, World, reason_of, without_ids

RPCS = [method for method in METHODS if "response_id" in method.input_type.fields_by_name]
STRANGE = ("resp_01kfjc5x8e5rq3z2m4t6w8y0ab", "not-an-id", "resp_", "../x", "%", "resp_\x00", "ключ", "x" * 5000)


def bearer(key: str) -> tuple[tuple[str, str], ...]:
    return (("authorization", f"Bearer {key}"),)


async def kept(world: World, key: str) -> str:
    """A kept response's id."""
    stub = responses_pb2_grpc.ResponsesServiceStub(world.channel)
    request = responses_pb2.CreateResponseRequest(model="demo/echo", store=True)
    request.input.text = "a secret"
    made = await stub.CreateResponse(request, metadata=bearer(key), timeout=20)
    assert made.store
    return str(made.id)


async def served(world: World, name: str) -> Person:
    """A user whose workspace has a provider."""
    person = await world.person(name)
    await world.core.stores.entries.add(person.workspace_id, NewProvider("demo"))
    return person


def test_every_rpc_of_kept_responses_is_among_those_that_are_tried() -> None:
    assert {method.name for method in RPCS} == {"GetResponse", "GetRawResponse", "ListInputItems", "DeleteResponse"}


async def test_a_response_of_another_workspace_looks_like_one_that_is_not_there(world: World) -> None:
    ann, bob = await served(world, "kept-ann"), await served(world, "kept-bob")
    foreign = await kept(world, bob.made.api_key)
    # Another workspace of the same user is another workspace.
    second = (await world.core.stores.accounts.workspaces.create(bob.id, "Second")).workspace
    other_key = (await world.core.stores.accounts.create_key(bob.id, second.id, NewKey())).secret
    cases = [(ann.made.api_key, text) for text in (foreign, *STRANGE)] + [(other_key, foreign)]
    before = world.snapshot()
    for method in RPCS:
        told = {await world.call(method, {"response_id": text}, *bearer(key)) for key, text in cases}
        assert len(told) == 1, method.name
        assert told.pop()[0] == "RESOURCE_NOT_FOUND"
    assert world.snapshot() == before
    print(f"{len(RPCS)} RPCs x {len(cases)} strange ids: {len(RPCS) * len(cases)} calls, all alike")
    method = next(method for method in RPCS if method.name == "GetResponse")
    assert (await world.call(method, {"response_id": foreign}, *bearer(bob.made.api_key)))[0] == "OK"


async def test_nobody_goes_on_from_a_response_of_another_workspace(world: World) -> None:
    ann, bob = await served(world, "goes-on-ann"), await served(world, "goes-on-bob")
    foreign = await kept(world, bob.made.api_key)
    stub = responses_pb2_grpc.ResponsesServiceStub(world.channel)
    told = []
    for text in (foreign, *STRANGE):
        request = json_format.ParseDict({"model": "demo/echo"}, responses_pb2.CreateResponseRequest())
        request.input.text, request.previous_response_id = "And?", text
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stub.CreateResponse(request, metadata=bearer(ann.made.api_key), timeout=20)
        told.append((reason_of(caught.value), caught.value.details()))
    assert set(told) == {("REQUEST_INVALID", told[0][1])}
    assert "a secret" not in str(told[0])


async def test_the_same_over_rest(world: World) -> None:
    ann, bob = await served(world, "rest-kept-ann"), await served(world, "rest-kept-bob")
    foreign = await kept(world, bob.made.api_key)
    own = await kept(world, ann.made.api_key)
    headers = {"authorization": f"Bearer {ann.made.api_key}"}
    async with httpx2.AsyncClient(base_url=world.url, timeout=20, headers=headers) as web:
        for verb, tail in (("GET", ""), ("GET", "/input_items"), ("DELETE", "")):
            bodies: list[Any] = []
            for text in (foreign, STRANGE[0], "nonsense", "%00", "%F0%9F%94%91"):
                answer = await web.request(verb, f"/v1/responses/{text}{tail}")
                assert answer.status_code == 404, (verb, text, answer.text)
                bodies.append(without_ids(answer))
            assert all(body == bodies[0] for body in bodies)
        assert json.loads((await web.get(f"/v1/responses/{own}")).text)["id"] == own
        refused = await web.get(f"/v1/responses/{own}", headers={"authorization": f"Bearer {ann.token}"})
        assert refused.status_code == 401

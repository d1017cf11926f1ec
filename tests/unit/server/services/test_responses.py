"""ResponsesService over the in-process channel: both forms agree, and every call is recorded with its face."""

import asyncio
import json
from typing import Any

import grpc.aio
import pytest
from google.api import httpbody_pb2
from perpetuo.v1 import responses_pb2, responses_pb2_grpc

from server.app import Core
from tests.unit.server.services.calls import DEMO, reason_of, refused

TYPED = responses_pb2.CreateResponseRequest(
    model="demo/echo", input=responses_pb2.ResponseInput(text="one two"), temperature=0.5
)
BODY: dict[str, Any] = {"model": "demo/echo", "input": "one two", "temperature": 0.5}


def raw(**change: object) -> responses_pb2.CreateRawResponseRequest:
    return responses_pb2.CreateRawResponseRequest(
        body=httpbody_pb2.HttpBody(data=json.dumps({**BODY, **change}).encode())
    )


@pytest.fixture
def stub(channel: grpc.aio.Channel) -> "responses_pb2_grpc.ResponsesServiceAsyncStub":
    return responses_pb2_grpc.ResponsesServiceStub(channel)


async def test_the_typed_and_the_raw_form_give_the_same_response(
    stub: "responses_pb2_grpc.ResponsesServiceAsyncStub",
) -> None:
    typed = await stub.CreateResponse(TYPED, metadata=DEMO)
    answer = await stub.CreateRawResponse(raw(), metadata=DEMO)
    as_json = json.loads(answer.body.data)
    assert answer.body.content_type == "application/json"
    assert (typed.object, typed.status, typed.error) == ("response", "completed", b"")
    assert typed.id == "resp_" + typed.gateway_metadata.request_id.removeprefix("req_")
    assert typed.output[0].content.parts.parts[0].text == as_json["output"][0]["content"][0]["text"] == "one two"
    assert typed.usage.output_tokens == as_json["usage"]["output_tokens"]
    assert typed.gateway_metadata.routed_to == as_json["gateway_metadata"]["routed_to"] == "echo"


async def test_both_forms_stream_the_same_events(stub: "responses_pb2_grpc.ResponsesServiceAsyncStub") -> None:
    call = stub.StreamResponse(responses_pb2.StreamResponseRequest(request=TYPED), metadata=DEMO)
    typed = [event async for event in call]
    request = responses_pb2.StreamRawResponseRequest(body=raw().body)
    streamed = stub.StreamRawResponse(request, metadata=DEMO)
    events = [json.loads(event) async for message in streamed for event in message.events]
    assert [event.type for event in typed] == [event["type"] for event in events]
    assert [event.sequence_number for event in typed] == list(range(len(events)))
    assert "".join(event.delta for event in typed) == "one two"
    assert typed[-1].response.usage.total_tokens == events[-1]["response"]["usage"]["total_tokens"] > 0
    assert typed[-1].response.gateway_metadata.attempts == 1


async def test_a_tool_is_called(stub: "responses_pb2_grpc.ResponsesServiceAsyncStub") -> None:
    request = responses_pb2.CreateResponseRequest()
    request.CopyFrom(TYPED)
    request.model = "demo/tool"
    request.tools.add(type="function", name="now", parameters=b'{"type":"object","properties":{}}')
    answer = await stub.CreateResponse(request, metadata=DEMO)
    [item] = [item for item in answer.output if item.type == "function_call"]
    assert item.name == "now"
    assert isinstance(json.loads(item.arguments), dict)


async def test_a_refusal_before_the_first_content_ends_the_stream(
    stub: "responses_pb2_grpc.ResponsesServiceAsyncStub",
) -> None:
    request = responses_pb2.StreamRawResponseRequest(body=raw(model="demo/error-429").body)
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        async for _ in stub.StreamRawResponse(request, metadata=DEMO):
            raise AssertionError("nothing may be sent")
    assert reason_of(caught.value)[0] == "UPSTREAM_RATE_LIMITED"


async def test_what_is_wrong_is_named_in_the_faces_terms(
    stub: "responses_pb2_grpc.ResponsesServiceAsyncStub",
) -> None:
    wrong = raw(input=[{"role": "user", "content": [{"type": "input_text"}]}])
    assert await refused(stub.CreateRawResponse(wrong, metadata=DEMO)) == (
        "REQUEST_INVALID",
        "input[0].content[0].text",
    )
    empty = responses_pb2.CreateResponseRequest(model="demo/echo")
    assert await refused(stub.CreateResponse(empty, metadata=DEMO)) == ("REQUEST_INVALID", "input")


async def test_the_record_names_the_face(core: Core, stub: "responses_pb2_grpc.ResponsesServiceAsyncStub") -> None:
    await stub.CreateRawResponse(raw(), metadata=DEMO)
    demo = await core.stores.accounts.find_user("demo@perpetuo.dev")
    assert demo is not None
    workspace = await core.stores.accounts.default_workspace(demo.id)
    async with asyncio.timeout(60):
        while True:
            async with core.stores.database.read() as tx:
                records = await tx.operations.recent(workspace.id, 10)
            if records:
                break
            await asyncio.sleep(0.01)
    assert [(record.surface, record.outcome) for record in records] == [("grpc/responses", "ok")]


async def test_a_kept_response_is_read_listed_gone_on_from_and_deleted(
    stub: "responses_pb2_grpc.ResponsesServiceAsyncStub",
) -> None:
    made = json.loads((await stub.CreateRawResponse(raw(store=True), metadata=DEMO)).body.data)
    assert made["store"] is True
    got = await stub.GetRawResponse(responses_pb2.GetRawResponseRequest(response_id=made["id"]), metadata=DEMO)
    assert (got.body.content_type, json.loads(got.body.data)) == ("application/json", made)
    typed = await stub.GetResponse(responses_pb2.GetResponseRequest(response_id=made["id"]), metadata=DEMO)
    assert (typed.response.id, typed.response.store) == (made["id"], True)
    listing = await stub.ListInputItems(responses_pb2.ListInputItemsRequest(response_id=made["id"]), metadata=DEMO)
    assert json.loads(listing.data[0])["content"] == [{"type": "input_text", "text": "one two"}]
    assert (len(listing.data), listing.has_more, listing.first_id) == (1, False, listing.last_id)
    next_one = responses_pb2.CreateResponseRequest()
    next_one.CopyFrom(TYPED)
    next_one.previous_response_id, next_one.input.text = made["id"], "three"
    answer = await stub.CreateResponse(next_one, metadata=DEMO)
    assert answer.previous_response_id == made["id"]
    assert answer.usage.input_tokens > made["usage"]["input_tokens"]
    gone = await stub.DeleteResponse(responses_pb2.DeleteResponseRequest(response_id=made["id"]), metadata=DEMO)
    assert (gone.id, gone.object, gone.deleted) == (made["id"], "response", True)
    again = stub.GetResponse(responses_pb2.GetResponseRequest(response_id=made["id"]), metadata=DEMO)
    assert (await refused(again))[0] == "RESOURCE_NOT_FOUND"


async def test_a_stream_is_kept_as_it_ended(stub: "responses_pb2_grpc.ResponsesServiceAsyncStub") -> None:
    request = responses_pb2.StreamRawResponseRequest(body=raw(store=True).body)
    events = [
        json.loads(event)
        async for message in stub.StreamRawResponse(request, metadata=DEMO)
        for event in message.events
    ]
    last = events[-1]["response"]
    got = await stub.GetRawResponse(responses_pb2.GetRawResponseRequest(response_id=last["id"]), metadata=DEMO)
    assert json.loads(got.body.data) == last
    assert {event["response"]["id"] for event in events if "response" in event} == {last["id"]}


async def test_a_kept_response_is_not_streamed_again(stub: "responses_pb2_grpc.ResponsesServiceAsyncStub") -> None:
    request = responses_pb2.GetRawResponseRequest(response_id="resp_1", stream=True)
    assert await refused(stub.GetRawResponse(request, metadata=DEMO)) == ("PARAM_UNSUPPORTED", "stream")

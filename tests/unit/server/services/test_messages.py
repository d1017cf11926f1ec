"""MessagesService over the in-process channel: both forms agree, and every call is recorded with its face."""

import asyncio
import json
from typing import Any

import grpc.aio
import pytest
from google.api import httpbody_pb2
from perpetuo.v1 import messages_pb2, messages_pb2_grpc

from server.app import Core
from server.chat.principal import Plan
from tests.unit.server.services.calls import DEMO, reason_of, refused

TYPED = messages_pb2.CreateMessageRequest(
    model="demo/echo",
    max_tokens=50,
    messages=[messages_pb2.Turn(role="user", content=messages_pb2.Blocks(text="one two"))],
)
BODY: dict[str, Any] = {
    "model": "demo/echo",
    "max_tokens": 50,
    "messages": [{"role": "user", "content": "one two"}],
}


def raw(**change: object) -> messages_pb2.CreateRawMessageRequest:
    return messages_pb2.CreateRawMessageRequest(
        body=httpbody_pb2.HttpBody(data=json.dumps({**BODY, **change}).encode())
    )


@pytest.fixture
def stub(channel: grpc.aio.Channel) -> "messages_pb2_grpc.MessagesServiceAsyncStub":
    return messages_pb2_grpc.MessagesServiceStub(channel)


async def test_the_typed_and_the_raw_form_give_the_same_message(
    stub: "messages_pb2_grpc.MessagesServiceAsyncStub",
) -> None:
    typed = await stub.CreateMessage(TYPED, metadata=DEMO)
    answer = await stub.CreateRawMessage(raw(), metadata=DEMO)
    as_json = json.loads(answer.body.data)
    assert answer.body.content_type == "application/json"
    assert (typed.type, typed.role, typed.stop_reason) == ("message", "assistant", "end_turn")
    assert typed.content[0].text == as_json["content"][0]["text"] == "one two"
    assert typed.usage.output_tokens == as_json["usage"]["output_tokens"]
    assert typed.gateway_metadata.routed_to == as_json["gateway_metadata"]["routed_to"] == "echo"


async def test_both_forms_stream_the_same_events(stub: "messages_pb2_grpc.MessagesServiceAsyncStub") -> None:
    call = stub.StreamMessage(messages_pb2.StreamMessageRequest(request=TYPED), metadata=DEMO)
    typed = [event async for event in call]
    request = messages_pb2.StreamRawMessageRequest(body=raw().body)
    streamed = stub.StreamRawMessage(request, metadata=DEMO)
    events = [json.loads(event) async for message in streamed for event in message.events]
    assert [event.type for event in typed] == [event["type"] for event in events]
    assert "".join(event.delta.text for event in typed) == "one two"
    assert typed[0].message.usage.input_tokens == events[0]["message"]["usage"]["input_tokens"] > 0
    assert typed[-2].delta.stop_reason == events[-2]["delta"]["stop_reason"] == "end_turn"
    assert typed[-2].gateway_metadata.attempts == 1


async def test_a_tool_is_called(stub: "messages_pb2_grpc.MessagesServiceAsyncStub") -> None:
    request = messages_pb2.CreateMessageRequest()
    request.CopyFrom(TYPED)
    request.model = "demo/tool"
    request.tools.add(name="now", input_schema=b'{"type":"object","properties":{}}')
    answer = await stub.CreateMessage(request, metadata=DEMO)
    assert answer.stop_reason == "tool_use"
    [block] = [block for block in answer.content if block.type == "tool_use"]
    assert block.name == "now"
    assert isinstance(json.loads(block.input), dict)


async def test_a_refusal_before_the_first_content_ends_the_stream(
    stub: "messages_pb2_grpc.MessagesServiceAsyncStub",
) -> None:
    request = messages_pb2.StreamRawMessageRequest(body=raw(model="demo/error-429").body)
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        async for _ in stub.StreamRawMessage(request, metadata=DEMO):
            raise AssertionError("nothing may be sent")
    assert reason_of(caught.value)[0] == "UPSTREAM_RATE_LIMITED"


async def test_what_is_wrong_is_named_in_the_faces_terms(stub: "messages_pb2_grpc.MessagesServiceAsyncStub") -> None:
    wrong = raw(messages=[{"role": "user", "content": [{"type": "text"}]}])
    refusal = await refused(stub.CreateRawMessage(wrong, metadata=DEMO))
    assert refusal == ("REQUEST_INVALID", "messages[0].content[0].text")
    request = messages_pb2.CreateMessageRequest(messages=TYPED.messages)
    assert await refused(stub.CreateMessage(request, metadata=DEMO)) == ("REQUEST_INVALID", "max_tokens")


async def test_tokens_are_counted_in_both_forms_and_cost_nothing(
    core: Core, stub: "messages_pb2_grpc.MessagesServiceAsyncStub"
) -> None:
    await core.stores.accounts.set_plan("demo@perpetuo.dev", Plan.FREE)
    typed = messages_pb2.CountMessageTokensRequest(messages=TYPED.messages)
    body = httpbody_pb2.HttpBody(data=json.dumps({"messages": BODY["messages"]}).encode())
    for _ in range(30):
        counted = await stub.CountMessageTokens(typed, metadata=DEMO)
    answer = await stub.CountRawMessageTokens(messages_pb2.CountRawMessageTokensRequest(body=body), metadata=DEMO)
    assert counted.input_tokens == answer.count.input_tokens > 0


async def test_the_record_names_the_face(core: Core, stub: "messages_pb2_grpc.MessagesServiceAsyncStub") -> None:
    await stub.CreateRawMessage(raw(), metadata=DEMO)
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
    assert [(record.surface, record.outcome) for record in records] == [("grpc/messages", "ok")]


async def test_limits_are_told_under_both_names(core: Core, stub: "messages_pb2_grpc.MessagesServiceAsyncStub") -> None:
    await core.stores.accounts.set_plan("demo@perpetuo.dev", Plan.FREE)
    call = stub.CreateRawMessage(raw(), metadata=DEMO)
    await call
    initial: Any = await call.initial_metadata()
    told = dict(initial)
    assert told["anthropic-ratelimit-requests-limit"] == told["x-ratelimit-limit"] == "20"
    assert told["anthropic-ratelimit-requests-reset"].endswith("Z")

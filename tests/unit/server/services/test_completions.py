"""CompletionsService over the in-process channel: the typed and the raw form agree, and every call is recorded."""

import asyncio
import json
from datetime import UTC, datetime
from typing import Any

import grpc.aio
import pytest
from google.api import httpbody_pb2
from perpetuo.v1 import chat_pb2, completions_pb2, completions_pb2_grpc

from server.app import Core
from server.chat.principal import Plan
from server.chat.records import AttemptRecord, OperationRecord
from tests.unit.server.services.calls import DEMO, reason_of, refused

TYPED = chat_pb2.CreateChatCompletionRequest(
    model="demo/echo",
    messages=[chat_pb2.ChatMessage(role="user", content=chat_pb2.MessageContent(text="one two"))],
)
BODY = {"model": "demo/echo", "messages": [{"role": "user", "content": "one two"}]}


def raw(**change: object) -> httpbody_pb2.HttpBody:
    return httpbody_pb2.HttpBody(data=json.dumps({**BODY, **change}).encode())


@pytest.fixture
def stub(channel: grpc.aio.Channel) -> "completions_pb2_grpc.CompletionsServiceAsyncStub":
    return completions_pb2_grpc.CompletionsServiceStub(channel)


async def test_the_typed_and_the_raw_form_give_the_same_answer(
    stub: "completions_pb2_grpc.CompletionsServiceAsyncStub",
) -> None:
    typed = await stub.CreateChatCompletion(TYPED, metadata=DEMO)
    answer = await stub.CreateRawChatCompletion(
        completions_pb2.CreateRawChatCompletionRequest(body=raw()), metadata=DEMO
    )
    as_json = json.loads(answer.body.data)
    assert answer.body.content_type == "application/json"
    assert typed.choices[0].message.content.text == as_json["choices"][0]["message"]["content"] == "one two"
    assert typed.usage.total_tokens == as_json["usage"]["total_tokens"]
    assert typed.gateway_metadata.routed_to == as_json["gateway_metadata"]["routed_to"] == "echo"
    assert typed.gateway_metadata.cost_nanousd == round(as_json["gateway_metadata"]["cost_usd"] * 1e9)


async def test_both_forms_stream_the_same_pieces(stub: "completions_pb2_grpc.CompletionsServiceAsyncStub") -> None:
    typed = stub.StreamChatCompletion(chat_pb2.StreamChatCompletionRequest(request=TYPED), metadata=DEMO)
    chunks = [chunk async for chunk in typed]
    streamed = stub.StreamRawChatCompletion(completions_pb2.StreamRawChatCompletionRequest(body=raw()), metadata=DEMO)
    events = [json.loads(event) async for message in streamed for event in message.events]
    pieces = [choice.delta.content for chunk in chunks for choice in chunk.choices]
    assert "".join(pieces) == "one two"
    assert pieces == [choice["delta"].get("content", "") for event in events for choice in event["choices"]]
    assert chunks[-1].gateway_metadata.attempts == events[-1]["gateway_metadata"]["attempts"] == 1


async def test_a_refusal_before_the_first_content_ends_the_stream(
    stub: "completions_pb2_grpc.CompletionsServiceAsyncStub",
) -> None:
    request = completions_pb2.StreamRawChatCompletionRequest(body=raw(model="demo/error-429"))
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        async for _ in stub.StreamRawChatCompletion(request, metadata=DEMO):
            raise AssertionError("nothing may be sent")
    assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert reason_of(caught.value)[0] == "UPSTREAM_RATE_LIMITED"


async def test_bad_json_in_a_typed_field_names_the_field(
    stub: "completions_pb2_grpc.CompletionsServiceAsyncStub",
) -> None:
    request = chat_pb2.CreateChatCompletionRequest()
    request.CopyFrom(TYPED)
    request.response_format = b"{nope"
    assert await refused(stub.CreateChatCompletion(request, metadata=DEMO)) == ("REQUEST_INVALID", "response_format")


async def test_a_deadline_ends_the_call(stub: "completions_pb2_grpc.CompletionsServiceAsyncStub") -> None:
    request = completions_pb2.CreateRawChatCompletionRequest(body=raw(model="demo/slow"))
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await stub.CreateRawChatCompletion(request, metadata=DEMO, timeout=0.2)
    assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED


async def test_leaving_a_stream_is_recorded_once(
    core: Core, stub: "completions_pb2_grpc.CompletionsServiceAsyncStub"
) -> None:
    request = completions_pb2.StreamRawChatCompletionRequest(body=raw(model="demo/slow"))
    call = stub.StreamRawChatCompletion(request, metadata=DEMO)
    async for _ in call:
        break
    call.cancel()
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
    assert [(record.outcome, record.status) for record in records] == [("CLIENT_GONE", 200)]


def earlier(user_id: str, number: int, now: datetime) -> OperationRecord:
    """A request that the gateway served before it was started again."""
    attempt = AttemptRecord(1, "prov_1", "demo", "echo", "ok", 200, now, 1)
    route = ("demo/echo", "echo", "demo", "prov_1", "default", "simple")
    return OperationRecord(
        f"req_{number}", "ws_1", user_id, None, "rest", None, *route, False, False, 200, "ok", None, None, 1, None, now,
        attempts=(attempt,),
    )  # fmt: skip


async def test_calls_from_before_a_restart_count_for_the_day(
    core: Core, stub: "completions_pb2_grpc.CompletionsServiceAsyncStub"
) -> None:
    demo = await core.stores.accounts.set_plan("demo@perpetuo.dev", Plan.FREE)
    now = datetime.now(UTC)
    async with core.stores.database.write() as tx:
        await tx.operations.add_many([earlier(demo.id, number, now) for number in range(998)], "prices/1")
    request = completions_pb2.CreateRawChatCompletionRequest(body=raw())
    told: list[str] = []
    for _ in range(2):
        call = stub.CreateRawChatCompletion(request, metadata=DEMO)
        await call
        initial: Any = await call.initial_metadata()
        told.append(f"{initial['x-ratelimit-remaining']} of {initial['x-ratelimit-limit']}")
    assert told == ["1 of 1000", "0 of 1000"]
    assert await refused(stub.CreateRawChatCompletion(request, metadata=DEMO)) == ("RATE_LIMITED", "")

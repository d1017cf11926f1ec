"""The same message over REST, a raw stub and a typed stub: the same answer, events and record."""

import json
from collections.abc import AsyncIterator
from typing import Any

import grpc.aio
import httpx2
import pytest_asyncio
from google.api import httpbody_pb2
from perpetuo.v1 import messages_pb2, messages_pb2_grpc

from tests.e2e.gateway import Gateway
from tests.e2e.test_parity import metadata, record_of

REQUEST: dict[str, Any] = {
    "model": "demo/echo",
    "max_tokens": 50,
    "system": "Be brief.",
    "messages": [{"role": "user", "content": "one two three"}],
    "temperature": 0.5,
}


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def stub(perpetuo: Gateway) -> AsyncIterator["messages_pb2_grpc.MessagesServiceAsyncStub"]:
    async with grpc.aio.insecure_channel(perpetuo.target) as channel:
        yield messages_pb2_grpc.MessagesServiceStub(channel)


def typed_request() -> messages_pb2.CreateMessageRequest:
    return messages_pb2.CreateMessageRequest(
        model="demo/echo",
        max_tokens=50,
        system=messages_pb2.Blocks(text="Be brief."),
        messages=[messages_pb2.Turn(role="user", content=messages_pb2.Blocks(text="one two three"))],
        temperature=0.5,
    )


def raw_body() -> httpbody_pb2.HttpBody:
    return httpbody_pb2.HttpBody(data=json.dumps(REQUEST).encode())


async def over_rest(gateway: Gateway, **more: Any) -> httpx2.Response:
    async with httpx2.AsyncClient(base_url=gateway.url, headers={"x-api-key": gateway.demo_key}, timeout=60) as client:
        return await client.post("/v1/messages", json={**REQUEST, **more})


async def test_every_way_gives_the_same_message_and_the_same_record(
    perpetuo: Gateway, stub: "messages_pb2_grpc.MessagesServiceAsyncStub"
) -> None:
    rest = (await over_rest(perpetuo)).json()
    asked = messages_pb2.CreateRawMessageRequest(body=raw_body())
    raw = json.loads((await stub.CreateRawMessage(asked, metadata=metadata(perpetuo))).body.data)
    typed = await stub.CreateMessage(typed_request(), metadata=metadata(perpetuo))
    ids = [rest["gateway_metadata"]["request_id"], raw["gateway_metadata"]["request_id"]]
    for answer in (rest, raw):
        assert answer.pop("gateway_metadata")["routed_to"] == "echo"
        answer.pop("id")
    assert rest == raw
    assert [block.text for block in typed.content] == [block["text"] for block in rest["content"]] == ["one two three"]
    assert typed.usage.input_tokens == rest["usage"]["input_tokens"]
    records = [await record_of(perpetuo, one) for one in (*ids, typed.gateway_metadata.request_id)]
    assert [record.pop("surface") for record in records] == ["rest/messages", "grpc/messages", "grpc/messages"]
    assert all(record == records[0] for record in records)
    assert records[0]["outcome"] == "ok"


async def test_every_way_streams_the_same_events(
    perpetuo: Gateway, stub: "messages_pb2_grpc.MessagesServiceAsyncStub"
) -> None:
    text = (await over_rest(perpetuo, stream=True)).text
    rest = [json.loads(line[6:]) for line in text.split("\n") if line.startswith("data: ")]
    asked = messages_pb2.StreamRawMessageRequest(body=raw_body())
    batches = [one async for one in stub.StreamRawMessage(asked, metadata=metadata(perpetuo))]
    raw = [json.loads(event) for batch in batches for event in batch.events]
    request = messages_pb2.StreamMessageRequest(request=typed_request())
    typed = [event async for event in stub.StreamMessage(request, metadata=metadata(perpetuo))]
    for events in (rest, raw):
        events[0]["message"].pop("id")
        events[-2].pop("gateway_metadata")
    assert rest == raw
    assert [event.type for event in typed] == [event["type"] for event in rest]
    assert "".join(event.delta.text for event in typed) == "one two three"

"""The same response over REST, a raw stub and a typed stub: the same answer, events and record."""

import json
from collections.abc import AsyncIterator
from typing import Any

import grpc.aio
import httpx2
import pytest_asyncio
from google.api import httpbody_pb2
from perpetuo.v1 import responses_pb2, responses_pb2_grpc

from tests.e2e.gateway import Gateway
from tests.e2e.test_parity import metadata, record_of

REQUEST: dict[str, Any] = {
    "model": "demo/echo",
    "instructions": "Be brief.",
    "input": [{"role": "user", "content": "one two three"}],
    "temperature": 0.5,
}


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def stub(perpetuo: Gateway) -> AsyncIterator["responses_pb2_grpc.ResponsesServiceAsyncStub"]:
    async with grpc.aio.insecure_channel(perpetuo.target) as channel:
        yield responses_pb2_grpc.ResponsesServiceStub(channel)


def typed_request() -> responses_pb2.CreateResponseRequest:
    asked = responses_pb2.ResponseItem(role="user", content=responses_pb2.ResponseContent(text="one two three"))
    items = responses_pb2.ResponseItems(items=[asked])
    return responses_pb2.CreateResponseRequest(
        model="demo/echo",
        instructions="Be brief.",
        input=responses_pb2.ResponseInput(items=items),
        temperature=0.5,
    )


def raw_body() -> httpbody_pb2.HttpBody:
    return httpbody_pb2.HttpBody(data=json.dumps(REQUEST).encode())


async def over_rest(gateway: Gateway, **more: Any) -> httpx2.Response:
    headers = {"authorization": f"Bearer {gateway.demo_key}"}
    async with httpx2.AsyncClient(base_url=gateway.url, headers=headers, timeout=60) as client:
        return await client.post("/v1/responses", json={**REQUEST, **more})


def bare(response: dict[str, Any]) -> dict[str, Any]:
    """The response without what differs from call to call; its own id is part of its items' ids."""
    text = json.dumps(response).replace(response["id"].removeprefix("resp_"), "X")
    found: dict[str, Any] = json.loads(text)
    found.pop("gateway_metadata", None)
    found.pop("created_at")
    return found


async def test_every_way_gives_the_same_response_and_the_same_record(
    perpetuo: Gateway, stub: "responses_pb2_grpc.ResponsesServiceAsyncStub"
) -> None:
    rest = (await over_rest(perpetuo)).json()
    asked = responses_pb2.CreateRawResponseRequest(body=raw_body())
    raw = json.loads((await stub.CreateRawResponse(asked, metadata=metadata(perpetuo))).body.data)
    typed = await stub.CreateResponse(typed_request(), metadata=metadata(perpetuo))
    ids = [rest["gateway_metadata"]["request_id"], raw["gateway_metadata"]["request_id"]]
    assert bare(rest) == bare(raw)
    texts = [item["content"][0]["text"] for item in rest["output"]]
    assert [item.content.parts.parts[0].text for item in typed.output] == texts == ["one two three"]
    assert typed.usage.input_tokens == rest["usage"]["input_tokens"]
    records = [await record_of(perpetuo, one) for one in (*ids, typed.gateway_metadata.request_id)]
    assert [record.pop("surface") for record in records] == ["rest/responses", "grpc/responses", "grpc/responses"]
    assert all(record == records[0] for record in records)
    assert records[0]["outcome"] == "ok"


async def test_every_way_streams_the_same_events(
    perpetuo: Gateway, stub: "responses_pb2_grpc.ResponsesServiceAsyncStub"
) -> None:
    text = (await over_rest(perpetuo, stream=True)).text
    rest = [json.loads(line[6:]) for line in text.split("\n") if line.startswith("data: ")]
    asked = responses_pb2.StreamRawResponseRequest(body=raw_body())
    batches = [one async for one in stub.StreamRawResponse(asked, metadata=metadata(perpetuo))]
    raw = [json.loads(event) for batch in batches for event in batch.events]
    request = responses_pb2.StreamResponseRequest(request=typed_request())
    typed = [event async for event in stub.StreamResponse(request, metadata=metadata(perpetuo))]
    assert [event["type"] for event in rest] == [event["type"] for event in raw]
    assert bare(rest[-1]["response"]) == bare(raw[-1]["response"])
    assert [(event.type, event.sequence_number) for event in typed] == [
        (event["type"], event["sequence_number"]) for event in rest
    ]
    assert "".join(event.delta for event in typed) == "one two three"

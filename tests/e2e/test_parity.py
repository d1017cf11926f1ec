"""The same request over REST, a typed stub, a raw stub and `buf curl`: the same answer and the same record."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import httpx2
import pytest
import pytest_asyncio
from google.api import httpbody_pb2
from google.protobuf import json_format
from google.rpc import error_details_pb2, status_pb2
from perpetuo.v1 import chat_pb2, completions_pb2, completions_pb2_grpc

from tests.e2e.gateway import Account, Gateway, add_provider, sign_up

REQUEST: dict[str, Any] = {
    "model": "demo/echo",
    "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "one two three"}],
    "temperature": 0.5,
    "max_tokens": 50,
    "seed": 7,
}
BUF = Path(sys.executable).with_name("buf")


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def stub(perpetuo: Gateway) -> AsyncIterator[completions_pb2_grpc.CompletionsServiceAsyncStub]:
    async with grpc.aio.insecure_channel(perpetuo.target) as channel:
        yield completions_pb2_grpc.CompletionsServiceStub(channel)


def typed_request() -> chat_pb2.CreateChatCompletionRequest:
    return chat_pb2.CreateChatCompletionRequest(
        model="demo/echo",
        messages=[
            chat_pb2.ChatMessage(role="system", content=chat_pb2.MessageContent(text="Be brief.")),
            chat_pb2.ChatMessage(role="user", content=chat_pb2.MessageContent(text="one two three")),
        ],
        temperature=0.5,
        max_tokens=50,
        seed=7,
    )


def metadata(gateway: Gateway) -> tuple[tuple[str, str], ...]:
    return (("authorization", f"Bearer {gateway.demo_key}"),)


async def over_rest(gateway: Gateway, **more: Any) -> httpx2.Response:
    async with httpx2.AsyncClient(base_url=gateway.url, timeout=60) as client:
        headers = {"authorization": f"Bearer {gateway.demo_key}"}
        return await client.post("/v1/chat/completions", json={**REQUEST, **more}, headers=headers)


async def over_buf(gateway: Gateway, method: str, body: dict[str, Any]) -> list[dict[str, Any]]:
    process = await asyncio.create_subprocess_exec(
        str(BUF), "curl", "--protocol", "grpc", "--http2-prior-knowledge", "--reflect",
        "-H", f"authorization: Bearer {gateway.demo_key}", "-d", json.dumps(body),
        f"http://{gateway.target}/perpetuo.v1.CompletionsService/{method}",
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    output, errors = await process.communicate()
    assert process.returncode == 0, errors.decode()
    decoder = json.JSONDecoder()
    found, text = [], output.decode().strip()
    while text:
        item, end = decoder.raw_decode(text)
        found.append(item)
        text = text[end:].strip()
    return found


async def record_of(gateway: Gateway, request_id: str) -> dict[str, Any]:
    """What the ledger wrote of a request, without what differs from call to call."""
    async with asyncio.timeout(60):
        while True:
            with sqlite3.connect(f"file:{gateway.data_dir / 'perpetuo.db'}?mode=ro", uri=True) as database:
                database.row_factory = sqlite3.Row
                row = database.execute("SELECT * FROM operations WHERE request_id = ?", (request_id,)).fetchone()
                attempts = database.execute("SELECT * FROM attempts WHERE request_id = ?", (request_id,)).fetchall()
            database.close()
            if row is not None:
                break
            await asyncio.sleep(0.02)
    differing = {"request_id", "latency_ms", "created_at", "started_at", "first_token_ms", "id"}
    differing |= {f"call_{name}" for name in ("started_at", "latency_ms", "first_token_ms")}
    kept = {name: row[name] for name in row.keys() if name not in differing}  # noqa: SIM118
    kept["is_first_try"] = row["call_started_at"] is not None
    kept["attempts"] = [
        {name: attempt[name] for name in attempt.keys() if name not in differing}  # noqa: SIM118
        for attempt in attempts
    ]
    return kept


def essence(text: str, finish: str, usage: tuple[int, int], routed: tuple[str, str]) -> dict[str, Any]:
    return {"text": text, "finish": finish, "usage": usage, "routed": routed}


async def test_every_way_gives_the_same_answer_and_the_same_record(
    perpetuo: Gateway, stub: completions_pb2_grpc.CompletionsServiceAsyncStub
) -> None:
    rest = (await over_rest(perpetuo)).json()
    raw_answer = await stub.CreateRawChatCompletion(
        completions_pb2.CreateRawChatCompletionRequest(body=httpbody_pb2.HttpBody(data=json.dumps(REQUEST).encode())),
        metadata=metadata(perpetuo),
    )
    raw = json.loads(raw_answer.body.data)
    typed = await stub.CreateChatCompletion(typed_request(), metadata=metadata(perpetuo))
    canonical = json_format.MessageToDict(typed_request(), preserving_proto_field_name=True)
    [curled] = await over_buf(perpetuo, "CreateChatCompletion", canonical)

    def of_json(body: dict[str, Any]) -> dict[str, Any]:
        choice, usage, routed = body["choices"][0], body["usage"], body["gateway_metadata"]
        return essence(
            choice["message"]["content"],
            choice["finish_reason"],
            (usage["prompt_tokens"], usage["completion_tokens"]),
            (routed["provider"], routed["routed_to"]),
        )

    of_typed = essence(
        typed.choices[0].message.content.text,
        typed.choices[0].finish_reason,
        (typed.usage.prompt_tokens, typed.usage.completion_tokens),
        (typed.gateway_metadata.provider, typed.gateway_metadata.routed_to),
    )
    of_buf = essence(
        curled["choices"][0]["message"]["content"]["text"],
        curled["choices"][0]["finishReason"],
        (int(curled["usage"]["promptTokens"]), int(curled["usage"]["completionTokens"])),
        (curled["gatewayMetadata"]["provider"], curled["gatewayMetadata"]["routedTo"]),
    )
    assert of_json(rest) == of_json(raw) == of_typed == of_buf
    assert of_typed["text"] == "one two three"
    records = [
        await record_of(perpetuo, request_id)
        for request_id in (
            rest["gateway_metadata"]["request_id"],
            raw["gateway_metadata"]["request_id"],
            typed.gateway_metadata.request_id,
            curled["gatewayMetadata"]["requestId"],
        )
    ]
    assert [record.pop("surface") for record in records] == ["rest", "grpc", "grpc", "grpc"]
    assert all(record == records[0] for record in records)
    assert records[0]["outcome"] == "ok"
    assert (records[0]["is_first_try"], records[0]["attempts"]) == (True, [])


async def test_every_way_streams_the_same_pieces(
    perpetuo: Gateway, stub: completions_pb2_grpc.CompletionsServiceAsyncStub
) -> None:
    rest = (await over_rest(perpetuo, stream=True)).text
    assert rest.endswith("data: [DONE]\n\n")
    lines = [json.loads(line[6:]) for line in rest.split("\n") if line.startswith("data: {")]
    rest_pieces = [choice["delta"].get("content") for chunk in lines for choice in chunk["choices"]]
    request = chat_pb2.StreamChatCompletionRequest(request=typed_request())
    call = stub.StreamChatCompletion(request, metadata=metadata(perpetuo))
    typed_pieces = [choice.delta.content for chunk in [one async for one in call] for choice in chunk.choices]
    body = json_format.MessageToDict(request, preserving_proto_field_name=True)
    curled = await over_buf(perpetuo, "StreamChatCompletion", body)
    curled_pieces = [
        choice.get("delta", {}).get("content", "") for chunk in curled for choice in chunk.get("choices", [])
    ]
    expected = [piece for piece in rest_pieces if piece]
    assert expected
    assert [piece for piece in typed_pieces if piece] == expected
    assert [piece for piece in curled_pieces if piece] == expected


REFUSED = [
    ("no key", None, {}, grpc.StatusCode.UNAUTHENTICATED, 401, "KEY_MISSING"),
    ("a wrong key", "pk_wrong", {}, grpc.StatusCode.UNAUTHENTICATED, 401, "KEY_INVALID"),
    ("an unknown model", "", {"model": "demo/nope"}, grpc.StatusCode.NOT_FOUND, 404, "MODEL_UNKNOWN"),
    (
        "a provider that limits",
        "",
        {"model": "demo/error-429"},
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        429,
        "UPSTREAM_RATE_LIMITED",
    ),
    (
        "a provider that fails",
        "",
        {"model": "demo/error-500"},
        grpc.StatusCode.UNAVAILABLE,
        503,
        "UPSTREAM_UNAVAILABLE",
    ),
    ("no messages", "", {"messages": []}, grpc.StatusCode.INVALID_ARGUMENT, 400, "REQUEST_INVALID"),
]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def other(perpetuo: Gateway) -> Account:
    """Somebody with an entry of its own for the same upstream, of whose failures nothing is known yet."""
    made = await sign_up(perpetuo.url, "other-way@example.com")
    await add_provider(perpetuo.url, made, "", provider="demo", api_key="")
    return made


@pytest.mark.parametrize(
    ("key", "change", "code", "status", "reason"), [case[1:] for case in REFUSED], ids=[c[0] for c in REFUSED]
)
async def test_every_way_is_refused_alike(
    perpetuo: Gateway,
    stub: completions_pb2_grpc.CompletionsServiceAsyncStub,
    other: Account,
    key: str | None,
    change: dict[str, Any],
    code: grpc.StatusCode,
    status: int,
    reason: str,
) -> None:
    secret = perpetuo.demo_key if key == "" else key
    pairs = () if secret is None else (("authorization", f"Bearer {secret}"),)
    body = json.dumps({**REQUEST, **change}).encode()
    request = completions_pb2.CreateRawChatCompletionRequest(body=httpbody_pb2.HttpBody(data=body))
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await stub.CreateRawChatCompletion(request, metadata=pairs)
    assert caught.value.code() is code
    trailing = caught.value.trailing_metadata()
    assert trailing is not None
    assert str(dict(trailing)["x-request-id"]).startswith("req_")
    headers = {"authorization": f"Bearer {other.key}"} if key == "" else dict(pairs)
    async with httpx2.AsyncClient(base_url=perpetuo.url, timeout=60) as client:
        answer = await client.post("/v1/chat/completions", content=body, headers=headers)
    assert answer.status_code == status
    error = answer.json()["error"]
    assert error["message"] == caught.value.details()
    status_details = status_pb2.Status()
    status_details.MergeFromString(bytes(dict(trailing)["grpc-status-details-bin"]))
    info = error_details_pb2.ErrorInfo()
    assert [item.Unpack(info) for item in status_details.details if item.Is(info.DESCRIPTOR)] == [True]
    assert (info.reason, info.domain) == (reason, "perpetuo.dev")
    assert answer.headers["x-request-id"] == answer.headers["request-id"] == error["request_id"]

"""Requests that come again under their `Idempotency-Key`, over sockets: one upstream call, one answer, one bill."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import grpc
import httpx2
import openai
import pytest
import pytest_asyncio
from perpetuo.v1 import chat_pb2, completions_pb2_grpc

from tests.e2e.fake_upstream import Asked, FakeUpstream, Reply, fake_upstream
from tests.e2e.gateway import Account, Gateway, add_provider, sign_up

CHAT = "/v1/chat/completions"
QUESTION: list[Any] = [{"role": "user", "content": "hi"}]


def completion(asked: Asked) -> Reply:
    head = {"id": "chatcmpl-1", "created": 1, "model": "m"}
    usage = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}
    if asked.json().get("stream"):
        deltas = [({"role": "assistant", "content": "Hel"}, None), ({"content": "lo"}, None), ({}, "stop")]
        chunks = [
            {**head, "object": "chat.completion.chunk", "choices": [{"index": 0, "delta": delta, "finish_reason": end}]}
            for delta, end in deltas
        ]
        chunks.append({**head, "object": "chat.completion.chunk", "choices": [], "usage": usage})
        pieces = [f"data: {json.dumps(chunk)}\n\n".encode() for chunk in chunks]
        return Reply([*pieces, b"data: [DONE]\n\n"], content_type="text/event-stream")
    choice = {"index": 0, "message": {"role": "assistant", "content": "Hello"}, "finish_reason": "stop"}
    return Reply.of({**head, "object": "chat.completion", "choices": [choice], "usage": usage})


@dataclass(frozen=True, slots=True)
class Stage:
    """A gateway, a user of it, and the only upstream of that user."""

    gateway: Gateway
    account: Account
    upstream: FakeUpstream

    def http(self, key: str, account: Account | None = None) -> httpx2.AsyncClient:
        headers = {"authorization": f"Bearer {(account or self.account).key}", "idempotency-key": key}
        return httpx2.AsyncClient(base_url=self.gateway.url, headers=headers, timeout=60)


@pytest_asyncio.fixture(loop_scope="session")
async def stage(perpetuo: Gateway, request: pytest.FixtureRequest) -> AsyncIterator[Stage]:
    email = f"repeats{abs(hash(request.node.name))}@example.com"
    async with fake_upstream(completion) as upstream:
        account = await sign_up(perpetuo.url, email)
        await add_provider(perpetuo.url, account, f"{upstream.url}/v1", models=["m"])
        yield Stage(perpetuo, account, upstream)


@pytest.mark.parametrize("stream", [False, True], ids=["in one piece", "streamed"])
async def test_a_hundred_at_once_are_one_call_and_the_same_bytes(stage: Stage, stream: bool) -> None:
    body = {"model": "m", "messages": QUESTION, "stream": stream}
    async with stage.http("all-at-once") as http:
        answers = await asyncio.gather(*(http.post(CHAT, json=body) for _ in range(100)))
        later = await http.post(CHAT, json=body)
        logged = await stage_logs(stage)
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.content for answer in [*answers, later]}) == 1
    assert len(stage.upstream.asked) == 1
    assert sum("idempotent-replayed" in answer.headers for answer in answers) == 99
    assert later.headers["idempotent-replayed"] == "true"
    assert later.headers["x-perpetuo-attempts"] == "1"
    assert len({answer.headers["x-request-id"] for answer in answers}) == 100
    assert len(logged) == 1


async def stage_logs(stage: Stage) -> list[Any]:
    path = f"/workspaces/{stage.account.workspace_id}/logs"
    async with httpx2.AsyncClient(base_url=stage.gateway.url, headers=stage.account.bearer, timeout=60) as http:
        async with asyncio.timeout(30):
            while not (logs := (await http.get(path)).json()["logs"]):
                await asyncio.sleep(0.05)
    found: list[Any] = logs
    return found


async def test_another_request_under_the_same_key_is_a_conflict(stage: Stage) -> None:
    async with stage.http("one-request") as http:
        await http.post(CHAT, json={"model": "m", "messages": QUESTION})
        refused = await http.post(CHAT, json={"model": "m", "messages": [{"role": "user", "content": "other"}]})
        messages = await http.post("/v1/messages", json={"model": "m", "max_tokens": 9, "messages": QUESTION})
    error = refused.json()["error"]
    assert (refused.status_code, error["code"], error["param"]) == (409, "conflict", "idempotency-key")
    assert refused.headers["x-should-retry"] == "false"
    assert messages.status_code == 409
    assert messages.json()["type"] == "error"
    assert len(stage.upstream.asked) == 1


async def test_a_key_of_another_workspace_is_another_key(stage: Stage) -> None:
    other = await sign_up(stage.gateway.url, "repeats-elsewhere@example.com")
    await add_provider(stage.gateway.url, other, f"{stage.upstream.url}/v1", models=["m"])
    for account, text in ((stage.account, "hi"), (other, "quite another")):
        async with stage.http("same-key", account) as http:
            body = {"model": "m", "messages": [{"role": "user", "content": text}]}
            answer = await http.post(CHAT, json=body)
        assert answer.status_code == 200
        assert "idempotent-replayed" not in answer.headers
    assert len(stage.upstream.asked) == 2


async def test_whoever_lost_the_connection_finds_the_answer(stage: Stage) -> None:
    arrived, may = asyncio.Event(), asyncio.Event()
    talk = stage.upstream.talk

    async def slowly(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        arrived.set()
        await may.wait()
        await talk(reader, writer)

    server = await asyncio.start_server(slowly, "127.0.0.1", 0)
    account = await sign_up(stage.gateway.url, "repeats-lost@example.com")
    await add_provider(
        stage.gateway.url, account, f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1", models=["m"]
    )
    body = {"model": "m", "messages": QUESTION}
    async with stage.http("lost", account) as http:
        first = asyncio.ensure_future(http.post(CHAT, json=body))
        await arrived.wait()
        first.cancel()
        await asyncio.wait([first])
    async with stage.http("lost", account) as http:
        second = asyncio.ensure_future(http.post(CHAT, json=body))
        may.set()
        answer = await second
    server.close()
    await server.wait_closed()
    assert answer.json()["choices"][0]["message"]["content"] == "Hello"
    assert answer.headers["idempotent-replayed"] == "true"
    assert len(stage.upstream.asked) == 1


async def test_a_kept_response_is_kept_once_and_has_one_id(stage: Stage) -> None:
    async with openai.AsyncOpenAI(base_url=f"{stage.gateway.url}/v1", api_key=stage.account.key) as asking:
        more = {"Idempotency-Key": "one-response"}
        made = [await asking.responses.create(model="m", input="hi", store=True, extra_headers=more) for _ in range(2)]
        assert made[0].id == made[1].id
        assert (await asking.responses.retrieve(made[0].id)).output_text == "Hello"
    assert len(stage.upstream.asked) == 1


async def test_grpc_callers_send_it_as_metadata(stage: Stage) -> None:
    request = chat_pb2.CreateChatCompletionRequest(model="m")
    message = request.messages.add(role="user")
    message.content.text = "hi"
    metadata = (("authorization", f"Bearer {stage.account.key}"), ("idempotency-key", "typed"))
    async with grpc.aio.insecure_channel(stage.gateway.target) as channel:
        stub = completions_pb2_grpc.CompletionsServiceStub(channel)
        first = await stub.CreateChatCompletion(request, metadata=metadata)
        call = stub.CreateChatCompletion(request, metadata=metadata)
        assert await call == first
        assert dict(await call.initial_metadata())["idempotent-replayed"] == "true"
        request.messages[0].content.text = "other"
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stub.CreateChatCompletion(request, metadata=metadata)
    assert caught.value.code() is grpc.StatusCode.ABORTED
    assert len(stage.upstream.asked) == 1

"""Limits by plan over real sockets: exact for calls side by side, over both faces and all keys, and told in headers."""

import asyncio
import contextlib
import json
import time
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import grpc.aio
import httpx2
import pytest
import pytest_asyncio
from google.api import httpbody_pb2
from perpetuo.v1 import completions_pb2, completions_pb2_grpc

from cli.mock.upstream import MockUpstream
from tests.e2e.gateway import Account, Gateway, add_provider, gateway, sign_up

BODY = {"model": "mock/ok", "messages": [{"role": "user", "content": "hi"}]}
NAMES = ("limit", "remaining", "reset", "limit-requests", "remaining-requests", "reset-requests")
OPTIONS = ("--allow-private-upstreams", "--default-plan", "free", "--cors-origins", "https://console.example")


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def limited(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Gateway]:
    """A gateway whose new users are on the free plan."""
    async with gateway(tmp_path_factory.mktemp("limited"), *OPTIONS) as running:
        yield running


async def user(limited: Gateway, upstream: MockUpstream, name: str) -> Account:
    account = await sign_up(limited.url, f"{name}@example.com")
    await add_provider(limited.url, account, upstream.base_url)
    return account


async def second_key(limited: Gateway, account: Account) -> str:
    async with httpx2.AsyncClient(base_url=limited.url, headers=account.bearer, timeout=60) as client:
        answer = await client.post("/api/keys/gateway", json={"name": "second"})
    found: str = answer.json()["key"]
    return found


async def post(client: httpx2.AsyncClient, key: str, **change: Any) -> httpx2.Response:
    headers = {"authorization": f"Bearer {key}", "origin": "https://console.example"}
    return await client.post("/v1/chat/completions", json={**BODY, **change}, headers=headers)


async def over_grpc(stub: "completions_pb2_grpc.CompletionsServiceAsyncStub", key: str) -> int:
    """What a streamed call over gRPC ends with, as an HTTP status."""
    body = httpbody_pb2.HttpBody(data=json.dumps(BODY).encode())
    request = completions_pb2.StreamRawChatCompletionRequest(body=body)
    call = stub.StreamRawChatCompletion(request, metadata=(("authorization", f"Bearer {key}"),))
    with contextlib.suppress(grpc.aio.AioRpcError):
        async for _ in call:
            pass
    initial: Any = await call.initial_metadata()
    trailing: Any = await call.trailing_metadata()
    is_refused = await call.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    told = dict(trailing if is_refused else initial)
    assert (told["x-ratelimit-limit"], is_refused and told["x-ratelimit-remaining"]) == ("20", is_refused and "0")
    return 429 if is_refused else 200


async def test_sixty_calls_side_by_side_admit_exactly_twenty(limited: Gateway, upstream: MockUpstream) -> None:
    account = await user(limited, upstream, "parallel")
    keys = [account.key, await second_key(limited, account)]
    async with (
        httpx2.AsyncClient(base_url=limited.url, timeout=30) as client,
        grpc.aio.insecure_channel(limited.target) as channel,
    ):
        stub = completions_pb2_grpc.CompletionsServiceStub(channel)
        rest = [post(client, keys[number % 2], stream=number % 3 == 0) for number in range(40)]
        direct = [over_grpc(stub, keys[number % 2]) for number in range(20)]
        answers, statuses = await asyncio.gather(asyncio.gather(*rest), asyncio.gather(*direct))
    told = Counter([*(answer.status_code for answer in answers), *statuses])
    assert told == {200: 20, 429: 40}
    for answer in answers:
        assert answer.headers["x-ratelimit-limit"] == answer.headers["x-ratelimit-limit-requests"] == "20"


async def test_headers_count_down_and_a_refusal_says_when_to_come_back(
    limited: Gateway, upstream: MockUpstream
) -> None:
    account = await user(limited, upstream, "headers")
    began = time.time()
    async with httpx2.AsyncClient(base_url=limited.url, timeout=60) as client:
        wrong: list[dict[str, Any]] = [{"messages": "nope"}, {"messages": []}, {"model": 5}]
        for bad in wrong:
            refused = await post(client, account.key, **bad)
            assert refused.status_code in {400, 404}
            assert "x-ratelimit-limit" not in refused.headers
        assert "x-ratelimit-limit" not in (await client.get("/v1/models", headers=account.bearer)).headers
        answers = [await post(client, account.key, stream=number % 2 == 0) for number in range(21)]
    assert [answer.status_code for answer in answers] == [200] * 20 + [429]
    assert [int(answer.headers["x-ratelimit-remaining"]) for answer in answers] == [*range(19, -1, -1), 0]
    refused = answers[-1]
    for name in NAMES:
        assert len(refused.headers.get_list(f"x-ratelimit-{name}")) == 1
        assert f"x-ratelimit-{name}" in refused.headers["access-control-expose-headers"]
    reset = int(refused.headers["x-ratelimit-reset"])
    assert began + 59 <= reset <= time.time() + 61
    assert 1 <= int(refused.headers["retry-after"]) <= 60
    assert refused.headers["x-should-retry"] == "true"
    assert refused.headers["x-ratelimit-reset-requests"].endswith("s")
    error = refused.json()["error"]
    assert (error["type"], error["code"]) == ("rate_limit_error", "rate_limit_exceeded")
    assert error["request_id"] == refused.headers["x-request-id"]
    assert "The free plan allows 20 model calls per minute" in error["message"]


async def test_an_unlimited_plan_has_no_such_headers(perpetuo: Gateway, account: Account) -> None:
    async with httpx2.AsyncClient(base_url=perpetuo.url, timeout=60) as client:
        answer = await post(client, account.key)
    assert answer.status_code == 200
    assert not [name for name in answer.headers if name.startswith("x-ratelimit")]

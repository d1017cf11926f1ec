"""The two halves in processes of their own, over a tunnel or without one: nothing that a client sees differs."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import openai
import pytest
import pytest_asyncio

from cli.mock.upstream import MockUpstream
from tests.e2e.gateway import Account, add_provider, change_credential, running, sign_up, until_logged

HELLO: list[Any] = [{"role": "user", "content": "Hello!"}]


@dataclass(frozen=True, slots=True)
class Apart:
    url: str
    account: Account


@pytest_asyncio.fixture(scope="module", loop_scope="session", params=["tunnel", "no-tunnel"])
async def apart(
    tmp_path_factory: pytest.TempPathFactory, upstream: MockUpstream, request: pytest.FixtureRequest
) -> AsyncIterator[Apart]:
    directory = tmp_path_factory.mktemp("apart")
    options = ("--grpc-port", "0", "--data-dir", str(directory / "data"), "--allow-private-upstreams")
    async with running(directory, *options, module="server") as core:
        address = f"127.0.0.1:{core['grpc_port']}"
        async with running(directory, "--core", address, "--port", "0", f"--{request.param}", module="edge") as edge:
            if request.param == "tunnel":
                await until_logged(edge["log"], "The tunnel to the core is open")
            url = f"http://127.0.0.1:{edge['port']}"
            account = await sign_up(url, "apart@example.com")
            await add_provider(url, account, upstream.base_url)
            yield Apart(url, account)


@pytest_asyncio.fixture(autouse=True, loop_scope="session")
async def nothing_held_against_the_upstream_apart(request: pytest.FixtureRequest) -> None:
    """What tests before have made of the upstream is forgotten, so that none of their time is left to be waited."""
    if "apart" in request.fixturenames:
        apart: Apart = request.getfixturevalue("apart")
        await change_credential(apart.url, apart.account)


def sdk(apart: Apart) -> openai.AsyncOpenAI:
    return openai.AsyncOpenAI(base_url=f"{apart.url}/v1", api_key=apart.account.key, max_retries=0)


async def test_a_completion_in_one_piece(apart: Apart) -> None:
    async with sdk(apart) as client:
        answer = await client.chat.completions.create(model="mock/ok", messages=HELLO)
    assert answer.choices[0].message.content
    assert answer.model_extra is not None
    assert answer.model_extra["gateway_metadata"]["attempts"] == 1


async def test_a_stream(apart: Apart) -> None:
    async with sdk(apart) as client:
        stream = await client.chat.completions.create(model="mock/ok", messages=HELLO, stream=True)
        chunks = [chunk async for chunk in stream]
    assert chunks[-1].model_extra is not None
    assert "gateway_metadata" in chunks[-1].model_extra


ERRORS = [
    ("mock/status-429?retry_after=3", 429, "rate_limit_exceeded", "3"),
    ("mock/status-500", 503, "upstream_unavailable", None),
    ("mock/status-404", 404, "model_not_found", None),
]


@pytest.mark.parametrize("stream", [False, True], ids=["in one piece", "streamed"])
@pytest.mark.parametrize(("model", "status", "code", "retry_after"), ERRORS, ids=[case[0] for case in ERRORS])
async def test_errors(apart: Apart, model: str, status: int, code: str, retry_after: str | None, stream: bool) -> None:
    headers = {"authorization": f"Bearer {apart.account.key}"}
    async with httpx2.AsyncClient(base_url=apart.url, headers=headers, timeout=60) as client:
        answer = await client.post("/v1/chat/completions", json={"model": model, "messages": HELLO, "stream": stream})
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
    assert answer.headers.get("retry-after") == retry_after
    assert answer.headers["x-request-id"] == answer.json()["error"]["request_id"]


async def test_a_stream_that_breaks(apart: Apart) -> None:
    headers = {"authorization": f"Bearer {apart.account.key}"}
    async with httpx2.AsyncClient(base_url=apart.url, headers=headers, timeout=60) as client:
        answer = await client.post(
            "/v1/chat/completions", json={"model": "mock/reset-after?n=3", "messages": HELLO, "stream": True}
        )
    events = [line[6:] for line in answer.text.split("\n") if line.startswith("data: ")]
    assert json.loads(events[-1])["error"]["code"] == "upstream_stream_interrupted"
    assert "[DONE]" not in events


async def test_an_abort_reaches_the_upstream(apart: Apart, upstream: MockUpstream) -> None:
    seen, before = len(upstream.requests), len(upstream.disconnects)
    headers = {"authorization": f"Bearer {apart.account.key}"}
    async with httpx2.AsyncClient(base_url=apart.url, headers=headers, timeout=60) as client:
        body = {"model": "mock/stall-headers", "messages": HELLO}
        task = asyncio.ensure_future(client.post("/v1/chat/completions", json=body))
        async with asyncio.timeout(60):
            while len(upstream.requests) == seen:
                await asyncio.sleep(0.005)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        async with asyncio.timeout(60):
            while len(upstream.disconnects) == before:
                await asyncio.sleep(0.005)


async def test_a_core_that_is_away_is_told_as_such(tmp_path: Path) -> None:
    async with (
        running(tmp_path, "--core", "127.0.0.1:9", "--port", "0", module="edge") as edge,
        httpx2.AsyncClient(base_url=f"http://127.0.0.1:{edge['port']}", timeout=30) as client,
    ):
        headers = {"authorization": "Bearer pk_x", "x-request-timeout": "5"}
        answer = await client.post("/v1/chat/completions", json={"model": "m", "messages": HELLO}, headers=headers)
        ready = await client.get("/health/ready")
        alive = await client.get("/health/live")
    assert answer.status_code in (503, 504)
    assert answer.json()["error"]["request_id"].startswith("req_")
    assert ready.status_code == 503
    assert alive.status_code == 200

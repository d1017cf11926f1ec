"""Two halves in processes of their own: whichever stops, a stream that outlasts the grace is told so."""

import asyncio
import contextlib
import json
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import pytest

from cli.mock.upstream import MockUpstream
from tests.e2e.gateway import add_provider, running, sign_up, until_logged

BODY = {"model": "mock/slow?n=100000&ms=20", "stream": True, "messages": [{"role": "user", "content": "Hello!"}]}


@contextlib.asynccontextmanager
async def halves(directory: Path, way: str) -> AsyncIterator[tuple[str, dict[str, int]]]:
    """Both halves, with a tunnel between them or without; the REST face, and the processes by their modules."""
    grace = ("--grace-s", "0.5")
    options = ("--grpc-port", "0", "--data-dir", str(directory / "data"), "--allow-private-upstreams", *grace)
    async with running(directory, *options, module="server") as core:
        address = f"127.0.0.1:{core['grpc_port']}"
        async with running(directory, "--core", address, "--port", "0", *grace, f"--{way}", module="edge") as edge:
            if way == "tunnel":
                await until_logged(edge["log"], "The tunnel to the core is open")
            yield f"http://127.0.0.1:{edge['port']}", {"edge": edge["pid"], "server": core["pid"]}


@pytest.mark.parametrize("way", ["tunnel", "no-tunnel"])
@pytest.mark.parametrize("half", ["edge", "server"])
async def test_a_stream_that_outlasts_the_grace_of_one_half_ends_with_an_error(
    half: str, way: str, tmp_path: Path, upstream: MockUpstream
) -> None:
    async with halves(tmp_path, way) as (url, processes):
        account = await sign_up(url, "stop@example.com")
        await add_provider(url, account, upstream.base_url)
        client = httpx2.AsyncClient(base_url=url, headers={"authorization": f"Bearer {account.key}"}, timeout=30)
        async with client, client.stream("POST", "/v1/chat/completions", json=BODY) as answer, asyncio.timeout(30):
            lines = answer.aiter_lines()
            while "token0" not in await anext(lines):
                pass
            os.kill(processes[half], signal.SIGTERM)
            rest = [line async for line in lines if line.startswith("data: ")]
    assert "data: [DONE]" not in rest
    error = json.loads(rest[-1].removeprefix("data: "))["error"]
    assert error["code"] == "draining"
    assert error["request_id"].startswith("req_")


async def test_a_core_that_is_killed_and_comes_back_is_reached_again(tmp_path: Path, upstream: MockUpstream) -> None:
    options = ("--data-dir", str(tmp_path / "data"), "--allow-private-upstreams")
    async with contextlib.AsyncExitStack() as stack:
        core = await stack.enter_async_context(running(tmp_path, *options, "--grpc-port", "0", module="server"))
        port = str(core["grpc_port"])
        edge_options = ("--core", f"127.0.0.1:{port}", "--port", "0")
        edge = await stack.enter_async_context(running(tmp_path, *edge_options, module="edge"))
        await until_logged(edge["log"], "The tunnel to the core is open")
        url = f"http://127.0.0.1:{edge['port']}"
        account = await sign_up(url, "killed@example.com")
        await add_provider(url, account, upstream.base_url)
        headers = {"authorization": f"Bearer {account.key}"}
        client = await stack.enter_async_context(httpx2.AsyncClient(base_url=url, headers=headers, timeout=30))
        await _killed(client, core["pid"])
        (tmp_path / "server.ready.json").unlink()
        await stack.enter_async_context(running(tmp_path, *options, "--grpc-port", port, module="server"))
        await until_logged(edge["log"], "The tunnel to the core is open", 2)
        answer = await client.post("/v1/chat/completions", json={**BODY, "model": "mock/ok", "stream": False})
        assert answer.status_code == 200, answer.text


async def _killed(client: httpx2.AsyncClient, pid: int) -> None:
    """Kills the core while it streams and while it answers: each ends with an error of the edge's own."""
    waiting = asyncio.ensure_future(
        client.post("/v1/chat/completions", json={**BODY, "model": "mock/stall-headers", "stream": False})
    )
    async with client.stream("POST", "/v1/chat/completions", json=BODY) as streaming, asyncio.timeout(30):
        lines = streaming.aiter_lines()
        while "token0" not in await anext(lines):
            pass
        os.kill(pid, signal.SIGKILL)
        rest = [line async for line in lines if line.startswith("data: ")]
    assert "data: [DONE]" not in rest
    assert json.loads(rest[-1].removeprefix("data: "))["error"]["code"] == "draining"
    answer = await waiting
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "draining")

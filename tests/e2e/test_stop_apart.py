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
from tests.e2e.gateway import add_provider, running, sign_up

BODY = {"model": "mock/slow?n=100000&ms=20", "stream": True, "messages": [{"role": "user", "content": "Hello!"}]}


@contextlib.asynccontextmanager
async def halves(directory: Path) -> AsyncIterator[tuple[str, dict[str, int]]]:
    """Both halves; the REST face, and the processes by their modules."""
    grace = ("--grace-s", "0.5")
    options = ("--grpc-port", "0", "--data-dir", str(directory / "data"), "--allow-private-upstreams", *grace)
    async with running(directory, *options, module="server") as core:
        address = f"127.0.0.1:{core['grpc_port']}"
        async with running(directory, "--core", address, "--port", "0", *grace, module="edge") as edge:
            yield f"http://127.0.0.1:{edge['port']}", {"edge": edge["pid"], "server": core["pid"]}


@pytest.mark.parametrize("half", ["edge", "server"])
async def test_a_stream_that_outlasts_the_grace_of_one_half_ends_with_an_error(
    half: str, tmp_path: Path, upstream: MockUpstream
) -> None:
    async with halves(tmp_path) as (url, processes):
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

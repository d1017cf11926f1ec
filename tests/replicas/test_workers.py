"""`perpetuo serve --workers 2` serves as one gateway: with one limit; whoever dies is replaced; and all of them end."""

import asyncio
import os
import signal
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from tests.durability.stage import mock_upstream
from tests.e2e.gateway import add_provider, running, sign_up
from tests.replicas.stage import shared_options
from tests.unit.server.state.valkeys import Valkey, running_valkey

BODY = {"model": "mock/ok", "messages": [{"role": "user", "content": "hi"}]}
REPLACED_WITHIN_S = 60.0


@pytest.fixture
def valkey() -> Iterator[Valkey]:
    with running_valkey() as server:
        yield server


def children(pid: int) -> set[int]:
    """The processes that a process has started."""
    return set(map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split()))


def is_there(pid: int) -> bool:
    """Whether a process runs."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


async def call(url: str, key: str) -> int:
    """The status of a call on a connection of its own, so that any of the workers may get it."""
    async with httpx2.AsyncClient(base_url=url, timeout=60) as client:
        headers = {"authorization": f"Bearer {key}", "connection": "close"}
        return (await client.post("/v1/chat/completions", json=BODY, headers=headers)).status_code


async def replaced(supervisor: int, before: set[int], url: str) -> set[int]:
    """The workers once there are as many as before and none of them is the dead one."""
    async with asyncio.timeout(REPLACED_WITHIN_S):
        while len(now := children(supervisor)) < len(before) or now == before:
            await asyncio.sleep(0.05)
    async with httpx2.AsyncClient(base_url=url, timeout=60) as client:
        assert (await client.get("/health/ready")).status_code == 200
    return now


async def test_workers_serve_as_one_and_none_is_left_behind(tmp_path: Path, postgres_url: str, valkey: Valkey) -> None:
    options = shared_options(tmp_path, postgres_url, valkey, "free")
    arguments = ("serve", *options, "--workers", "2", "--data-dir", str(tmp_path / "data"))
    async with mock_upstream(tmp_path) as upstream_url:
        async with running(tmp_path, *arguments) as ready:
            url, supervisor = f"http://127.0.0.1:{ready['port']}", ready["pid"]
            workers = children(supervisor)
            assert len(workers) == len(ready["workers"]) == 2
            account = await sign_up(url, "free@example.com")
            await add_provider(url, account, upstream_url)
            told = Counter(await asyncio.gather(*(call(url, account.key) for _ in range(60))))
            assert told == {200: 20, 429: 40}
            dead = min(workers)
            os.kill(dead, signal.SIGKILL)
            workers = await replaced(supervisor, workers, url)
            assert dead not in workers
            # What the dead one admitted stays counted.
            assert Counter(await asyncio.gather(*(call(url, account.key) for _ in range(10)))) == {429: 10}
        assert not any(is_there(pid) for pid in workers | {supervisor})

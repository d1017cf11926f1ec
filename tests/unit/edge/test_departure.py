"""The watch for clients that leave."""

import asyncio
from collections.abc import MutableMapping
from typing import Any

from edge.departure import PATIENCE_S, DepartureWatch


class Client:
    """Sends two pieces of a body that nobody wants, then leaves when told."""

    def __init__(self) -> None:
        self.leaves = asyncio.Event()
        self.left = asyncio.Event()
        self.asked = asyncio.Event()
        self._pieces = 2

    async def receive(self) -> MutableMapping[str, Any]:
        self.asked.set()
        if self._pieces:
            self._pieces -= 1
            return {"type": "http.request", "body": b"x", "more_body": True}
        await self.leaves.wait()
        return {"type": "http.disconnect"}


async def test_a_client_that_leaves_is_noticed_at_once() -> None:
    client = Client()
    watch = DepartureWatch(client.receive, client.left.set)
    async with asyncio.timeout(5):
        await client.asked.wait()
        assert not watch.has_gone
        client.leaves.set()
        await client.left.wait()
    assert watch.has_gone
    watch.stop()


async def test_a_call_that_is_over_in_time_costs_no_task() -> None:
    client = Client()
    DepartureWatch(client.receive, client.left.set).stop()
    await asyncio.sleep(PATIENCE_S * 2)
    assert not client.asked.is_set()


async def test_a_watch_that_was_stopped_tells_nothing() -> None:
    client = Client()
    watch = DepartureWatch(client.receive, client.left.set)
    async with asyncio.timeout(5):
        await client.asked.wait()
    watch.stop()
    watch.stop()
    client.leaves.set()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert not client.left.is_set()

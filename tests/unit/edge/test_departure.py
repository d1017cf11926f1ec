"""The watch for clients that leave."""

import asyncio
from collections.abc import MutableMapping
from types import SimpleNamespace
from typing import Any

from edge.cycle import Cycle
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
    async with asyncio.timeout(60):
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
    async with asyncio.timeout(60):
        await client.asked.wait()
    watch.stop()
    watch.stop()
    client.leaves.set()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert not client.left.is_set()


def cycle() -> Cycle:
    async def drain() -> None:
        return

    flow: Any = SimpleNamespace(read_paused=False, write_paused=False, drain=drain, resume_reading=lambda: None)
    transport: Any = SimpleNamespace(is_closing=lambda: False)
    return Cycle({"type": "http"}, transport, flow, lambda: None, keep_alive=True, expect_100_continue=False)


async def test_a_connection_of_our_own_tells_at_once_and_once() -> None:
    ours, told = cycle(), list[str]()
    watch = DepartureWatch(ours.receive, lambda: told.append("gone"))
    ours.depart()
    assert (watch.has_gone, told) == (True, ["gone"])
    ours.depart()
    watch.stop()
    assert told == ["gone"]


async def test_a_connection_of_our_own_that_was_lost_before_tells_soon() -> None:
    ours, told = cycle(), list[str]()
    ours.depart()
    watch = DepartureWatch(ours.receive, lambda: told.append("gone"))
    assert told == []
    await asyncio.sleep(0)
    assert (watch.has_gone, told) == (True, ["gone"])


async def test_a_watch_of_our_own_connection_that_was_stopped_tells_nothing() -> None:
    ours, told = cycle(), list[str]()
    watch = DepartureWatch(ours.receive, lambda: told.append("gone"))
    watch.stop()
    ours.depart()
    assert (watch.has_gone, told) == (False, [])

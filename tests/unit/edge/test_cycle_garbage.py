"""What is left of a response in memory: nothing that only the garbage collector finds."""

import asyncio
import gc
import weakref

import pytest

from edge.cycle import Cycle
from tests.unit.edge.test_cycle import Connection


@pytest.mark.parametrize("waits", [False, True], ids=["with its first piece", "before its first piece"])
async def test_nothing_of_a_stream_is_left_for_the_collector(waits: bool) -> None:
    async def answered() -> weakref.ref[Cycle]:
        connection = Connection()
        cycle, connection.cycle.on_response = connection.cycle, lambda: None
        await cycle.open(b"")
        if waits:
            await asyncio.sleep(0)
        await connection.body(b"ab")
        return weakref.ref(cycle)

    gc.disable()
    try:
        cycle = await answered()
        await asyncio.sleep(0)
        assert cycle() is None
    finally:
        gc.enable()

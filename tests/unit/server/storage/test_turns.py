"""Turns are given in order, never lost to one who left, and refused to all at once when waiting is pointless."""

import asyncio

import pytest

from server.errors import StoreUnavailable
from server.storage.turns import Turns


async def waiting(turns: Turns, count: int) -> list[asyncio.Task[None]]:
    """So many tasks that wait, in this order."""
    tasks = [asyncio.ensure_future(turns.take()) for _ in range(count)]
    while turns.waiting_count < count:
        await asyncio.sleep(0)
    return tasks


async def test_whoever_came_first_is_next() -> None:
    turns = Turns(2, 30.0)
    await turns.take()
    await turns.take()
    first, second = await waiting(turns, 2)
    turns.give_back()
    await first
    assert not second.done()
    turns.give_back()
    await second
    turns.give_back()
    turns.give_back()
    await asyncio.gather(turns.take(), turns.take())


async def test_a_turn_that_is_given_to_one_who_leaves_goes_to_the_next() -> None:
    turns = Turns(1, 30.0)
    await turns.take()
    first, second = await waiting(turns, 2)
    turns.give_back()
    first.cancel()
    await second
    assert first.cancelled()
    turns.give_back()
    await turns.take()


async def test_one_who_leaves_while_waiting_takes_no_turn() -> None:
    turns = Turns(1, 30.0)
    await turns.take()
    first, second = await waiting(turns, 2)
    first.cancel()
    await asyncio.wait([first])
    assert turns.waiting_count == 1
    turns.give_back()
    await second


async def test_those_who_wait_are_refused_together() -> None:
    turns = Turns(1, 30.0)
    await turns.take()
    tasks = await waiting(turns, 50)
    turns.refuse_waiting("away")
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert [str(result) for result in results if isinstance(result, StoreUnavailable)] == ["away"] * 50
    turns.give_back()
    await turns.take()


async def test_a_wait_that_is_too_long_is_refused() -> None:
    turns = Turns(1, 0.01)
    await turns.take()
    with pytest.raises(StoreUnavailable, match="busy"):
        await turns.take()
    turns.give_back()
    await turns.take()

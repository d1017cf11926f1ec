"""Requests that are given up are told from those whose callers have left."""

import asyncio

import pytest

from server.errors import ClientGone, Draining, RequestInvalid
from server.under_way import UnderWay


async def serve(under_way: UnderWay, told: list[str], entered: asyncio.Event) -> None:
    """A request that waits for ever, and notes how it ended."""
    visit = under_way.enter()
    entered.set()
    try:
        await asyncio.Event().wait()
    except asyncio.CancelledError as error:
        told.append(visit.reason(error).reason)
        visit.tell(error)
        raise
    finally:
        under_way.leave(visit)


async def begun(under_way: UnderWay, told: list[str]) -> "asyncio.Task[None]":
    entered = asyncio.Event()
    task = asyncio.create_task(serve(under_way, told, entered))
    await entered.wait()
    return task


async def test_who_is_given_up_is_told_that_the_gateway_stops() -> None:
    under_way, told = UnderWay(), list[str]()
    task = await begun(under_way, told)
    assert len(under_way) == 1
    under_way.give_up()
    with pytest.raises(Draining):
        await task
    assert (told, task.cancelling()) == ([Draining.reason], 0)
    assert len(under_way) == 0


async def test_who_leaves_is_a_caller_that_left() -> None:
    under_way, told = UnderWay(), list[str]()
    task = await begun(under_way, told)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert told == [ClientGone.reason]


async def test_a_task_that_is_away_is_told_when_it_is_back() -> None:
    visit = (under_way := UnderWay()).enter()
    visit.is_away = True
    visit.back()
    visit.is_away = True
    under_way.give_up()
    assert visit.task.cancelling() == 0
    with pytest.raises(Draining):
        visit.back()
    assert isinstance(visit.reason(GeneratorExit()), Draining)


async def test_what_was_raised_is_its_own_reason() -> None:
    error = RequestInvalid("No.")
    assert UnderWay().enter().reason(error) is error


async def test_nothing_begins_once_everything_was_given_up() -> None:
    under_way = UnderWay()
    under_way.give_up()
    with pytest.raises(Draining) as caught:
        under_way.enter()
    assert caught.value.retry_after_s == 1.0

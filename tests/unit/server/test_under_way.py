"""Requests that are given up are told from those whose callers have left."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from server.draining import DrainRules
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


class Stream:
    """A stream that has nothing more to say."""

    candidate: Any = SimpleNamespace(deployment=SimpleNamespace(provider="vendor"))
    has_usage = False

    async def next_chunks(self) -> None:
        return None

    def feed(self, chunks: object) -> None:
        raise AssertionError("there are none")


@pytest.mark.parametrize(("has_left", "reads_on"), [(True, True), (False, False)], ids=["left", "answered"])
async def test_only_streams_whose_callers_have_left_are_read_on(has_left: bool, reads_on: bool) -> None:
    under_way, ended = UnderWay(DrainRules(("vendor",), 1, 10.0)), list[str]()

    async def end() -> None:
        ended.append("ended")

    visit = under_way.enter()
    if has_left:
        visit.reason(GeneratorExit())
    await under_way.leave_stream(visit, Stream(), Stream(), end)
    assert (len(under_way.drains) == 1, ended == []) == (reads_on, reads_on)
    while under_way.drains:
        await asyncio.sleep(0)
    assert ended == ["ended"]

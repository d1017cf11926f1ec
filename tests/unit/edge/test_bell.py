"""A bell wakes its task at once with what was brought, as often as it waits, and lets it be cancelled."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from contextvars import ContextVar

import pytest

from edge.bell import Bell

WORD: ContextVar[str] = ContextVar("word")


class Stage:
    """A task that takes what a bell brings until it is brought None."""

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.bell: Bell[int] = Bell(self.loop)
        self.taken: list[int] = []
        self.words: list[str] = []
        self.task = self.loop.create_task(self._take())

    async def _take(self) -> None:
        WORD.set("mine")
        while (brought := await self.bell) is not None:
            self.taken.append(brought)
            self.words.append(WORD.get())
            assert asyncio.current_task() is self.task

    async def by_loop(self, do: Callable[[], None]) -> None:
        """Does something in a call of the loop."""
        done = self.loop.create_future()

        def call() -> None:
            do()
            done.set_result(None)

        self.loop.call_soon(call)
        await done


@asynccontextmanager
async def stage() -> AsyncIterator[Stage]:
    made = Stage()
    await asyncio.sleep(0)
    assert made.bell.is_awaited
    try:
        yield made
    finally:
        if not made.task.done():
            made.bell.ring_soon(None)
        await asyncio.wait([made.task])


async def test_a_task_has_taken_what_a_bell_brings_when_ringing_returns() -> None:
    async with stage() as made:

        def ring() -> None:
            for number in (1, 2, 3):
                made.bell.ring(number)
                assert made.taken[-1] == number
                assert made.bell.is_awaited

        await made.by_loop(ring)
        assert (made.taken, made.words) == ([1, 2, 3], ["mine"] * 3)


async def test_a_bell_that_is_rung_from_a_task_wakes_in_the_next_round() -> None:
    async with stage() as made:
        made.bell.ring_soon(1)
        assert (made.taken, made.bell.is_awaited) == ([], False)
        await asyncio.sleep(0)
        assert (made.taken, made.bell.is_awaited) == ([1], True)


async def test_a_task_that_waits_can_be_cancelled() -> None:
    async with stage() as made:
        assert made.task.cancel()
        assert not made.bell.is_awaited
        with pytest.raises(asyncio.CancelledError):
            await made.task
        assert made.taken == []


async def test_a_task_that_was_rung_and_then_cancelled_is_cancelled() -> None:
    async with stage() as made:
        made.bell.ring_soon(1)
        assert made.task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await made.task
        assert made.taken == []


async def test_a_task_that_was_cancelled_and_goes_on_waits_again() -> None:
    loop = asyncio.get_running_loop()
    bell: Bell[int] = Bell(loop)

    async def take() -> int | None:
        try:
            return await bell
        except asyncio.CancelledError:
            return await bell

    task = loop.create_task(take())
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.sleep(0)
    bell.ring_soon(7)
    assert await task == 7

"""Work is run in the place of a task as long as it waits but once, and nothing of it can tell."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Generator
from contextlib import asynccontextmanager
from contextvars import ContextVar
from types import coroutine
from typing import Any

import pytest

from edge.bell import Bell
from edge.runner import IDLE, Runner

WORD: ContextVar[str] = ContextVar("word", default="none")
Work = Callable[["Stage"], Awaitable[Any]]


class Stage:
    """A runner with work to do, and what keeps it."""

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.bell: Bell[int] = Bell(self.loop)
        self.done: list[Any] = []
        self.tasks: list[Any] = []
        self.released = 0
        self.waiting: Runner | None = None
        made: Any = self._working()
        self.runner = Runner(self.loop, made, self)
        self.runner.task = self.task = self.loop.create_task(self.runner.run((_says_mine,)))

    @coroutine
    def _working(self) -> Generator[Any, Any, None]:
        while True:
            (work,) = yield IDLE
            try:
                self.done.append((yield from _asked(work, self)))
            except Exception as error:  # noqa: BLE001  # as a lane takes all
                self.done.append(repr(error))
            except asyncio.CancelledError:
                self.done.append("cancelled")
            self.tasks.append(asyncio.current_task())

    def release(self, runner: Runner) -> None:
        self.released += 1
        self.waiting = None

    def take_back(self, runner: Runner) -> bool:
        if self.task.cancelling():
            return False
        self.waiting = runner
        return True

    async def by_loop(self, do: Callable[..., object], *given: object) -> None:
        """Does something in a call of the loop, as whatever a socket brings."""
        done = self.loop.create_future()

        def call() -> None:
            try:
                do(*given)
                done.set_result(None)
            except Exception as error:  # noqa: BLE001  # the test is told
                done.set_exception(error)

        self.loop.call_soon(call)
        await done


async def _asked(work: Work, stage: Stage) -> Any:
    return await work(stage)


async def _says_mine(stage: Stage) -> str:
    WORD.set("mine")
    return "said"


async def _settled() -> None:
    for _ in range(6):
        await asyncio.sleep(0)


@asynccontextmanager
async def stage() -> AsyncIterator[Stage]:
    made = Stage()
    await _settled()
    assert made.done == ["said"]
    made.done.clear()
    try:
        yield made
    finally:
        if not made.task.done():
            made.runner.ring_soon(None)
        await asyncio.wait([made.task], timeout=10)
        assert made.task.done()


async def _never_waits(stage: Stage) -> str:
    return WORD.get()


async def _waits_once(stage: Stage) -> str:
    await stage.bell
    return WORD.get()


async def _waits_twice(stage: Stage) -> str:
    await stage.bell
    await asyncio.sleep(0)
    return WORD.get()


async def _yields_first(stage: Stage) -> str:
    await asyncio.sleep(0)
    await stage.bell
    return WORD.get()


async def _waits_for_another(stage: Stage) -> str:
    await stage.bell
    await asyncio.wait_for(asyncio.sleep(0), 10)
    return WORD.get()


async def _fails(stage: Stage) -> str:
    await stage.bell
    raise ValueError("it")


async def _awaits_what_fails(stage: Stage) -> str:
    future = stage.loop.create_future()
    stage.loop.call_soon(future.set_exception, ValueError("it"))
    return str(await future)


async def _awaits_a_future(stage: Stage) -> str:
    future = stage.loop.create_future()
    stage.loop.call_soon(future.set_result, "came")
    return str(await future)


async def _is_too_late(stage: Stage) -> str:
    try:
        async with asyncio.timeout(0):
            await stage.bell
    except TimeoutError:
        return "late"
    return "in time"


WORKS: dict[str, tuple[Work, object, int]] = {
    "work that waits for nothing": (_never_waits, "mine", 0),
    "work that waits once": (_waits_once, "mine", 0),
    "work that waits again": (_waits_twice, "mine", 1),
    "work that lets others run first": (_yields_first, "mine", 1),
    "work that waits for a task": (_waits_for_another, "mine", 1),
    "work that fails": (_fails, "ValueError('it')", 0),
    "a future that fails": (_awaits_what_fails, "ValueError('it')", 0),
    "a future": (_awaits_a_future, "came", 0),
}


@pytest.mark.parametrize("case", WORKS)
async def test_work_is_done_as_in_the_task(case: str) -> None:
    work, outcome, released = WORKS[case]
    async with stage() as made:
        for number in range(1, 3):
            await made.by_loop(made.runner.begin, (work,))
            await _settled()
            if made.bell.is_awaited:
                await made.by_loop(made.bell.ring, 1)
            await _settled()
            assert made.done == [outcome] * number
            assert made.waiting is made.runner
            assert made.runner.stands_for is None
        assert set(made.tasks) == {made.task}
        assert (made.released, made.task.done()) == (released * 2, False)


async def test_what_work_waits_for_runs_it_on_in_the_call_that_brings_it() -> None:
    async with stage() as made:
        await made.by_loop(made.runner.begin, (_waits_once,))

        def ring() -> None:
            made.bell.ring(1)
            assert made.done == ["mine"]

        await made.by_loop(ring)


async def _cancels_itself(stage: Stage) -> str:
    stage.task.cancel()
    await stage.bell
    return "not cancelled"


async def _cancels_itself_later(stage: Stage) -> str:
    await stage.bell
    stage.task.cancel()
    await asyncio.sleep(0)
    return "not cancelled"


async def _cancels_itself_and_yields(stage: Stage) -> str:
    stage.task.cancel()
    await asyncio.sleep(0)
    return "not cancelled"


async def _cancels_itself_at_the_end(stage: Stage) -> str:
    stage.task.cancel()
    return "done"


async def _waits_again_when_cancelled(stage: Stage) -> str:
    try:
        await stage.bell
    except asyncio.CancelledError:
        await asyncio.sleep(0)
        return "goes on"
    return "not cancelled"


CANCELLED: dict[str, tuple[Work, bool, object]] = {
    "while it waits": (_waits_once, True, "cancelled"),
    "while it waits, and waits again": (_waits_again_when_cancelled, True, "goes on"),
    "before it waits": (_cancels_itself, False, "cancelled"),
    "before it waits for the second time": (_cancels_itself_later, False, "cancelled"),
    "before it lets others run": (_cancels_itself_and_yields, False, "cancelled"),
    "at its end": (_cancels_itself_at_the_end, False, "done"),
}


@pytest.mark.parametrize("case", CANCELLED)
async def test_who_cancels_the_task_cancels_its_work_once_and_the_task_does_no_more(case: str) -> None:
    work, is_from_outside, outcome = CANCELLED[case]
    async with stage() as made:
        await made.by_loop(made.runner.begin, (work,))
        if is_from_outside:
            assert made.task.cancel()
        elif work is _cancels_itself_later:
            await made.by_loop(made.bell.ring, 1)
        await _settled()
        assert (made.done, made.waiting) == ([outcome], None)
        assert made.task.done()


async def test_work_that_was_woken_and_then_cancelled_is_cancelled() -> None:
    async with stage() as made:
        await made.by_loop(made.runner.begin, (_waits_once,))
        made.bell.ring_soon(1)
        assert made.task.cancel()
        await _settled()
        assert made.done == ["cancelled"]


async def test_a_timeout_ends_what_is_run_and_not_the_task() -> None:
    async with stage() as made:
        await made.by_loop(made.runner.begin, (_is_too_late,))
        await _settled()
        assert made.done == ["late"]
        assert made.task.cancelling() == 0
        assert not made.runner._is_cut


async def test_a_task_that_is_cancelled_without_work_ends() -> None:
    async with stage() as made:
        made.task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await made.task


async def test_what_the_generator_raises_the_task_raises() -> None:
    async with stage() as made:

        async def is_broken(stage: Stage) -> None:
            await stage.bell
            raise GeneratorExit

        await made.by_loop(made.runner.begin, (is_broken,))
        await made.by_loop(made.bell.ring, 1)
        with pytest.raises(GeneratorExit):
            await made.task
        assert made.waiting is None

"""One task serves a connection's requests, as long as none of them has to wait for it and nobody cancels it."""

import asyncio
from typing import Any

from edge.worker import Worker


class Request:
    """A request that is served until it is let go."""

    def __init__(self) -> None:
        self.ran_in: asyncio.Task[Any] | None = None
        self.task: asyncio.Task[Any] | None = None
        self.done = asyncio.Event()

    async def run(self, app: Any) -> None:
        self.ran_in = asyncio.current_task()
        assert self.task is self.ran_in
        try:
            await self.done.wait()
        except asyncio.CancelledError:
            return


class Stage:
    """A worker and what it has done."""

    def __init__(self) -> None:
        self.tasks: set[asyncio.Task[None]] = set()
        self.worker = Worker(asyncio.get_running_loop(), self.tasks)

    async def begun(self) -> Request:
        request = Request()
        given: Any = request
        self.worker.serve(given, given)
        assert len(self.tasks) >= 1
        await _settled()
        assert request.ran_in in self.tasks
        return request

    async def served(self) -> asyncio.Task[Any]:
        request = await self.begun()
        request.done.set()
        await _settled()
        assert request.ran_in is not None
        return request.ran_in


async def _settled() -> None:
    for _ in range(4):
        await asyncio.sleep(0)


async def test_requests_that_follow_each_other_are_served_by_one_task() -> None:
    stage = Stage()
    tasks = [await stage.served() for _ in range(3)]
    assert len(set(tasks)) == 1
    assert (stage.tasks, tasks[0].done()) == (set(), False)
    stage.worker.stop()
    await _settled()
    assert tasks[0].done()


async def test_a_request_does_not_wait_for_the_one_before_it() -> None:
    stage = Stage()
    first, second = await stage.begun(), await stage.begun()
    assert first.ran_in is not second.ran_in
    second.done.set()
    await _settled()
    first.done.set()
    await _settled()
    assert [first.ran_in is not None and first.ran_in.done(), stage.tasks] == [True, set()]
    assert await stage.served() is second.ran_in
    stage.worker.stop()


async def test_a_task_that_was_cancelled_serves_no_other_request() -> None:
    stage = Stage()
    first = await stage.begun()
    assert first.ran_in is not None
    first.ran_in.cancel()
    await _settled()
    assert first.ran_in.done()
    assert await stage.served() is not first.ran_in
    stage.worker.stop()


async def test_a_task_that_is_cancelled_while_it_waits_is_replaced() -> None:
    stage = Stage()
    first = await stage.served()
    first.cancel()
    assert await stage.served() is not first
    await _settled()
    assert first.cancelled()
    stage.worker.stop()


async def test_nothing_is_left_of_a_connection_that_is_lost_meanwhile() -> None:
    stage = Stage()
    request = await stage.begun()
    stage.worker.stop()
    stage.worker.stop()
    request.done.set()
    await _settled()
    assert request.ran_in is not None
    assert (request.ran_in.done(), stage.tasks) == (True, set())

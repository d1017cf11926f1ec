"""One task serves a connection's requests, as long as none of them has to wait for it and nobody cancels it."""

import asyncio
from typing import Any

import pytest

from edge.worker import Worker


class Request:
    """A request that is served until it is let go."""

    response_complete = True
    is_spare = False
    lane = scope = receive = send = None

    def __init__(self) -> None:
        self.ran_in: asyncio.Task[Any] | None = None
        self.done = asyncio.Event()
        self.error: BaseException | None = None
        self.is_over = False

    async def serve(self, *_: object) -> None:
        self.ran_in = asyncio.current_task()
        await self.done.wait()

    async def fail(self, error: BaseException) -> None:
        self.error = error

    def end(self) -> None:
        self.is_over = True


class Stage:
    """A worker and what it has done. `is_prompt`: requests are begun at once, by the loop."""

    def __init__(self, *, is_prompt: bool = False) -> None:
        self.tasks: set[asyncio.Task[None]] = set()
        self.loop = asyncio.get_running_loop()
        self.worker = Worker(self.loop, self.tasks)
        self.is_prompt = is_prompt

    async def begun(self) -> Request:
        request = Request()
        given: Any = request
        if self.is_prompt:
            self.loop.call_soon(self._begin, given)
        else:
            self.worker.serve(given, given.serve)
            assert len(self.tasks) >= 1
        await _settled()
        assert request.ran_in in self.tasks
        return request

    def _begin(self, given: Any) -> None:
        is_waited_for = bool(self.worker.waiting)  # whether a task is there to begin at once
        self.worker.serve_now(given, given.serve)
        assert (given.ran_in is not None) is is_waited_for

    async def served(self) -> asyncio.Task[Any]:
        request = await self.begun()
        request.done.set()
        await _settled()
        assert request.ran_in is not None
        assert request.is_over
        return request.ran_in


async def _settled() -> None:
    for _ in range(4):
        await asyncio.sleep(0)


PROMPT = pytest.mark.parametrize("is_prompt", [False, True], ids=["soon", "at once"])


@PROMPT
async def test_requests_that_follow_each_other_are_served_by_one_task(is_prompt: bool) -> None:
    stage = Stage(is_prompt=is_prompt)
    tasks = [await stage.served() for _ in range(3)]
    assert len(set(tasks)) == 1
    assert (stage.tasks, tasks[0].done()) == (set(), False)
    stage.worker.stop()
    await _settled()
    assert tasks[0].done()


@PROMPT
async def test_a_request_does_not_wait_for_the_one_before_it(is_prompt: bool) -> None:
    stage = Stage(is_prompt=is_prompt)
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
    assert isinstance(first.error, asyncio.CancelledError)
    assert await stage.served() is not first.ran_in
    stage.worker.stop()


@PROMPT
async def test_a_task_that_is_cancelled_while_it_waits_is_replaced(is_prompt: bool) -> None:
    stage = Stage(is_prompt=is_prompt)
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


async def test_a_task_that_is_cancelled_before_it_has_begun_a_request_ends() -> None:
    stage = Stage()
    first = await stage.served()
    request: Any = Request()
    stage.worker.serve(request, request.serve)
    first.cancel()
    await _settled()
    assert first.cancelled()
    assert stage.tasks == set()
    assert await stage.served() is not first


async def test_an_application_that_fails_ends_its_request_and_not_the_task() -> None:
    stage = Stage()
    request: Any = Request()

    async def fails(*_: object) -> None:
        raise ZeroDivisionError

    stage.worker.serve(request, fails)
    await _settled()
    assert isinstance(request.error, ZeroDivisionError)
    assert request.is_over
    assert await stage.served() is not None
    stage.worker.stop()


class Lane:
    """Serves requests of which each waits until it is let go."""

    def __init__(self) -> None:
        self.served: list[str] = []

    def begin(self, cycle: Any, task: object) -> Any:
        return cycle.done.wait()

    def end(self, cycle: Any, served: object) -> None:
        cycle.is_spare = True
        self.served.append(repr(served))

    async def explain(self, cycle: Any, error: BaseException) -> None:
        self.served.append(repr(error))


async def _served_in_a_lane(stage: Stage, lane: Any) -> Request:
    request = Request()
    given: Any = request
    given.lane = lane
    stage.loop.call_soon(stage.worker.serve_now, given, given.serve)
    await _settled()
    return request


async def test_requests_of_a_lane_are_served_in_the_place_of_the_task_that_waits() -> None:
    stage, lane = Stage(), Lane()
    task = await stage.served()
    for number in range(1, 3):
        request = await _served_in_a_lane(stage, lane)
        assert (stage.tasks, len(lane.served)) == (set(), number - 1)
        request.done.set()
        await _settled()
        assert (lane.served, request.is_over) == (["True"] * number, False)
    assert await stage.served() is task
    stage.worker.stop()
    await _settled()
    assert task.done()


@pytest.mark.parametrize("ends", [False, True], ids=["that is asked for", "of a connection that is lost"])
async def test_a_task_in_whose_place_a_request_is_served_is_among_the_others(ends: bool) -> None:
    stage, lane = Stage(), Lane()
    task = await stage.served()
    request = await _served_in_a_lane(stage, lane)
    (stage.worker.stop if ends else stage.worker.show)()
    assert stage.tasks == {task}
    request.done.set()
    await _settled()
    assert (lane.served, stage.tasks, task.done()) == (["True"], set(), ends)
    stage.worker.stop()


async def test_a_request_of_a_lane_is_cancelled_with_the_task_that_stands_for_it() -> None:
    stage, lane = Stage(), Lane()
    task = await stage.served()
    await _served_in_a_lane(stage, lane)
    task.cancel()
    await _settled()
    assert (lane.served, task.done(), stage.tasks) == (["CancelledError()"], True, set())
    assert await stage.served() is not task
    stage.worker.stop()


async def test_a_request_does_not_wait_for_one_that_is_served_in_the_place_of_a_task() -> None:
    stage, lane = Stage(), Lane()
    task = await stage.served()
    first = await _served_in_a_lane(stage, lane)
    second = await stage.begun()
    assert stage.tasks == {task, second.ran_in}
    for each in (first, second):
        each.done.set()
        await _settled()
    assert stage.tasks == set()
    stage.worker.stop()

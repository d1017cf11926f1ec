"""Serves the requests of one connection, one after another in the same task.

A task for each request was measured at 6 us; waking one that waits costs half of it, and most requests of a lane do not
need even that: see `edge.runner`. A request that comes before the one before it is quite done has a task of its own, so
that nobody waits. A task that was cancelled serves no other.
"""

import asyncio
from collections.abc import Coroutine, Generator
from types import coroutine
from typing import Any

from starlette.types import ASGIApp

from edge.cycle import Cycle, Lane
from edge.runner import IDLE, Runner

Work = tuple[Cycle, ASGIApp, Coroutine[Any, Any, Any] | None]
"""A request, its application, and what the lane of one that has begun waits for."""


class Worker:
    """Tasks of one connection; those that serve a request are among `tasks`. `stop` it when the connection is lost.

    The one in whose place a request is served is not among them before somebody has it so (`show`).
    """

    __slots__ = ("_is_over", "_loop", "_tasks", "waiting")

    def __init__(self, loop: asyncio.AbstractEventLoop, tasks: set[asyncio.Task[None]]) -> None:
        self._loop = loop
        self._tasks = tasks
        self._is_over = False
        self.waiting: Runner | None = None

    def serve(self, cycle: Cycle, app: ASGIApp) -> None:
        """Has a request served, from the next round of the loop on."""
        self.show()
        waiting, self.waiting = self.waiting, None
        if waiting is not None and waiting.is_awaited:
            self._tasks.add(waiting.task)
            waiting.ring_soon((cycle, app, None))
            return
        runner = Runner(self._loop, _serving(), self)
        runner.task = task = self._loop.create_task(runner.run((cycle, app, None)))
        task.add_done_callback(self._tasks.discard)
        self._tasks.add(task)

    def serve_now(self, cycle: Cycle, app: ASGIApp) -> None:
        """The same at once, if that can be; for calls of the loop, where no task runs."""
        waiting, lane = self.waiting, cycle.lane
        if waiting is None or waiting.stands_for is not None or not waiting.is_awaited:
            self.serve(cycle, app)
        elif lane is None:
            self.release(waiting)
            waiting.ring((cycle, app, None))
        elif (begun := lane.begin(cycle, waiting.task)) is not None:
            waiting.begin((cycle, app, begun))

    def show(self) -> None:
        """Has the task in whose place a request is served among the others."""
        waiting = self.waiting
        if waiting is not None and waiting.stands_for is not None:
            self.release(waiting)

    def stop(self) -> None:
        """Ends the task that waits for a request; one that serves ends after it."""
        self._is_over = True
        self.show()
        waiting, self.waiting = self.waiting, None
        if waiting is not None and waiting.is_awaited:
            waiting.ring_soon(None)

    def release(self, runner: Runner) -> None:
        """See `Keeper`."""
        self._tasks.add(runner.task)
        if self.waiting is runner:
            self.waiting = None

    def take_back(self, runner: Runner) -> bool:
        """See `Keeper`."""
        task = runner.task
        if self._is_over or self.waiting is not None or task.cancelling():
            return False
        self._tasks.discard(task)
        self.waiting = runner
        return True


@coroutine
def _serving() -> Generator[Any, Work, None]:
    """Serves one request after the other."""
    while True:
        cycle, app, begun = yield IDLE
        lane = cycle.lane
        try:
            if lane is None:
                yield from _call(app, cycle)
            elif begun is not None or (begun := lane.begin(cycle, _current_task())) is not None:
                begun = lane.end(cycle, (yield from begun))
            if begun is not None:
                yield from begun
            lane = None
            if not cycle.response_complete:
                yield from cycle.conclude()
        except BaseException as error:  # noqa: BLE001  # whatever it is, the client is told
            yield from _explain(cycle, lane, error)
        finally:
            if not cycle.is_spare:
                cycle.end()
        del cycle, app, begun


async def _call(app: ASGIApp, cycle: Cycle) -> None:
    await app(cycle.scope, cycle.receive, cycle.send)


def _current_task() -> Any:
    return asyncio.current_task()


async def _explain(cycle: Cycle, lane: Lane | None, error: BaseException) -> None:
    """Has the client told what was raised: by the lane, if the request was not over for that."""
    try:
        if lane is None:
            raise error
        await lane.explain(cycle, error)
        if not cycle.response_complete:
            await cycle.conclude()
    except BaseException as defect:  # noqa: BLE001  # the same
        await cycle.fail(defect)

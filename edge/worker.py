"""Serves the requests of one connection, one after another in the same task.

A task for each request was measured at 6 us; waking one that waits costs half of it. A request that comes before the
one before it is quite done has a task of its own, so that nobody waits. A task that was cancelled serves no other.
"""

import asyncio
from collections.abc import Awaitable
from typing import Any

from starlette.types import ASGIApp

from edge.bell import Bell
from edge.cycle import Cycle, Lane

Work = tuple[Cycle, ASGIApp, Awaitable[Any] | None]
"""A request, its application, and what the lane of one that has begun waits for."""


class Worker:
    """Tasks of one connection; those that serve a request are among `tasks`. `stop` it when the connection is lost."""

    __slots__ = ("_is_over", "_loop", "_task", "_tasks", "_waiting")

    def __init__(self, loop: asyncio.AbstractEventLoop, tasks: set[asyncio.Task[None]]) -> None:
        self._loop = loop
        self._tasks = tasks
        self._is_over = False
        self._waiting: Bell[Work] | None = None
        self._task: Any = None

    def serve(self, cycle: Cycle, app: ASGIApp) -> None:
        """Has a request served, from the next round of the loop on."""
        waiting, self._waiting = self._waiting, None
        if waiting is not None and waiting.is_awaited:
            self._tasks.add(self._task)
            waiting.ring_soon((cycle, app, None))
            return
        task = self._loop.create_task(self._serve_on((cycle, app, None)))
        task.add_done_callback(self._tasks.discard)
        self._tasks.add(task)

    def serve_now(self, cycle: Cycle, app: ASGIApp) -> None:
        """The same at once, if that can be; for calls of the loop, where no task runs."""
        waiting = self._waiting
        if waiting is None or not waiting.is_awaited:
            self.serve(cycle, app)
            return
        lane = cycle.lane
        begun = None if lane is None else lane.begin(cycle, self._task)
        if begun is None and lane is not None:
            return
        self._waiting = None
        self._tasks.add(self._task)
        waiting.ring((cycle, app, begun))

    def stop(self) -> None:
        """Ends the task that waits for a request; one that serves ends after it."""
        self._is_over = True
        waiting, self._waiting = self._waiting, None
        if waiting is not None and waiting.is_awaited:
            waiting.ring_soon(None)

    async def _serve_on(self, first: Work) -> None:
        """Serves a request, and those behind it as long as no other task waits for them."""
        task: Any = asyncio.current_task(self._loop)
        bell: Bell[Work] = Bell(self._loop)
        work: Work | None = first
        del first
        while work is not None:
            cycle, app, begun = work
            lane = cycle.lane
            work, cycle.task = None, task
            try:
                if lane is None:
                    await app(cycle.scope, cycle.receive, cycle.send)
                elif begun is not None or (begun := lane.begin(cycle, task)) is not None:
                    begun = lane.end(cycle, await begun)
                if begun is not None:
                    await begun
                lane = None
                if not cycle.response_complete:
                    await cycle.conclude()
            except BaseException as error:  # noqa: BLE001  # whatever it is, the client is told
                await _explain(cycle, lane, error)
            finally:
                if not cycle.is_spare:
                    cycle.end()
            cycle.task = None
            del cycle, app, begun
            if self._is_over or self._waiting is not None or task.cancelling():
                return
            self._tasks.discard(task)
            self._waiting, self._task = bell, task
            work = await bell


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

"""Notices that a client has gone, and stops the call that was made for it.

Behind our own server the connection tells so itself, at once and at no cost. Of any other ASGI server the watch has to
ask; that takes a task, so it starts only after a short while: most calls that are over by then never pay for it.
"""

import asyncio
from collections.abc import Callable
from typing import Final

from edge.cycle import cycle_of
from edge.intake import Receive

# Long enough for an answer from memory, short against the time in which a call has to be stopped.
PATIENCE_S: Final = 0.05


class DepartureWatch:
    """Calls `on_departure` once when the client disconnects. `stop` must be called on every path.

    The body must have been read, or not be wanted: whatever comes of it is thrown away.
    """

    __slots__ = ("_cycle", "_on_departure", "_receive", "_task", "_timer", "has_gone")

    def __init__(self, receive: Receive, on_departure: Callable[[], object]) -> None:
        self._receive = receive
        self._on_departure = on_departure
        self._task: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self.has_gone = False
        self._cycle = cycle_of(receive)
        if self._cycle is not None:
            self._cycle.watch(self._depart)
        else:
            self._timer = asyncio.get_running_loop().call_later(PATIENCE_S, self._start)

    def stop(self) -> None:
        """Ends the watch. Safe to call twice."""
        if self._cycle is not None:
            self._cycle.on_departure = None
        if self._timer is not None:
            self._timer.cancel()
        if self._task is not None:
            self._task.cancel()
            self._task = None

    def _start(self) -> None:
        self._task = asyncio.get_running_loop().create_task(self._wait())

    async def _wait(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self._depart()

    def _depart(self) -> None:
        self.has_gone = True
        self._on_departure()

"""The head of an answer as a task waits for it, which is woken in the very call of the event loop that brings it.

A future would wake the task in a later round of the loop, before which the loop looks at all its sockets. This does
what `asyncio` asks of whatever a task awaits (`_asyncio_future_blocking`, `_loop` and the methods that futures have),
and nothing else. It must not know what has arrived.
"""

import asyncio
from collections.abc import Callable, Generator
from contextvars import Context
from typing import Any


class Arrival:
    """Something that one task waits for, once; who extends it sets the flags and the loop at first.

    `has_arrived` says that there is nothing more to be waited for, `is_awaited` that somebody waits who has not been
    woken.
    """

    __slots__ = ("_asyncio_future_blocking", "_context", "_is_cancelled", "_loop", "_wake", "has_arrived", "is_awaited")

    _asyncio_future_blocking: bool
    _context: Any
    _is_cancelled: bool
    _loop: asyncio.AbstractEventLoop
    _wake: Any
    has_arrived: bool
    is_awaited: bool

    def arm(self) -> bool:
        """Whether it has to be waited for; whoever is told so yields it to the task at once. See `__await__`."""
        if self.has_arrived:
            return False
        self.is_awaited = self._asyncio_future_blocking = True
        return True

    def __await__(self) -> Generator["Arrival", None, None]:
        if self.arm():
            yield self

    def ring(self) -> None:
        """Runs the task until it waits for something else. No task may be running: this is for calls of the loop."""
        self.is_awaited = False
        self._context.run(self._wake, self)

    def ring_soon(self) -> None:
        """The same in the next round of the loop, for whoever calls."""
        self.is_awaited = False
        self._loop.call_soon(self._wake, self, context=self._context)

    # What the task asks.

    def add_done_callback(self, wake: Callable[[Any], object], *, context: Context) -> None:
        """How the task is woken."""
        self._wake, self._context = wake, context

    def cancel(self, msg: object = None) -> bool:
        """The task was cancelled while it waits. False: it was woken before."""
        if not self.is_awaited:
            return False
        self._is_cancelled = True
        self.ring_soon()
        return True

    def result(self) -> None:
        """What the task is woken with. Raises CancelledError."""
        if self._is_cancelled:
            self._is_cancelled = False
            raise asyncio.CancelledError

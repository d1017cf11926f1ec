"""What a task waits for again and again that is woken each time in the very call that brings what it waits for.

A future is made for each wait, and wakes its task in a later round of the loop, before which the loop looks at all its
sockets. This is one thing for all waits of one task. It does what `asyncio` asks of whatever a task awaits
(`_asyncio_future_blocking`, `_loop` and the methods that futures have), and nothing else.
"""

import asyncio
from collections.abc import Callable, Generator
from contextvars import Context
from typing import Any, Generic, TypeVar

Wake = Callable[[Any], object]
T = TypeVar("T")


class Bell(Generic[T]):
    """Belongs to one task, which awaits it; others ring while it does, with what the task is to have."""

    __slots__ = ("_asyncio_future_blocking", "_brought", "_context", "_loop", "_raised", "_wake", "is_awaited")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._asyncio_future_blocking = False
        self._loop = loop
        self._wake: Any = None
        self._context: Any = None
        self._brought: T | None = None
        self._raised: BaseException | None = None
        self.is_awaited = False
        """Whether somebody waits who has not been woken."""

    def ring(self, brought: T) -> None:
        """Runs the task until it waits for something else. No task may be running: this is for calls of the loop."""
        self._brought, self.is_awaited = brought, False
        self._context.run(self._wake, self)

    def ring_soon(self, brought: T | None) -> None:
        """The same in the next round of the loop, for whoever calls."""
        self._brought, self.is_awaited = brought, False
        self._loop.call_soon(self._wake, self, context=self._context)

    def __await__(self) -> Generator["Bell[T]", None, T | None]:
        self._asyncio_future_blocking = True
        yield self
        brought, self._brought = self._brought, None
        return brought

    # What the task asks.

    def add_done_callback(self, wake: Wake, *, context: Context) -> None:
        """How the task is woken."""
        self._wake, self._context, self.is_awaited = wake, context, True

    def cancel(self, msg: object = None) -> bool:
        """The task was cancelled while it waits. False: it was woken before."""
        if not self.is_awaited:
            return False
        self._raised = asyncio.CancelledError()
        self.ring_soon(None)
        return True

    def result(self) -> None:
        """What the task is woken with. Raises CancelledError."""
        raised, self._raised = self._raised, None
        if raised is not None:
            raise raised

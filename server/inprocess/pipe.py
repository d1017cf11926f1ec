"""One direction of a stream: a bounded queue between two tasks of one loop.

The bound is what makes a slow reader block the writer. It must never grow beyond its limit and never lose a message
that was accepted, unless it is discarded on purpose.
"""

import asyncio
from collections import deque

from server.inprocess.payload import Sealed


class Pipe:
    """Holds at most `limit` messages. Closing ends it after what is queued; discarding ends it at once."""

    __slots__ = ("_is_closed", "_items", "_limit", "_loop", "_readers", "_writers")

    def __init__(self, loop: asyncio.AbstractEventLoop, limit: int) -> None:
        self._loop = loop
        self._limit = limit
        self._items: deque[Sealed] = deque()
        self._is_closed = False
        self._readers: deque[asyncio.Future[None]] = deque()
        self._writers: deque[asyncio.Future[None]] = deque()

    @property
    def is_drained(self) -> bool:
        """Nothing is queued."""
        return not self._items

    @property
    def is_awaited(self) -> bool:
        """Nothing is queued, and a reader waits."""
        readers = self._readers
        return bool(readers) and not self._items and not readers[0].done()

    async def put(self, item: Sealed) -> bool:
        """Waits for a free place. False: the pipe has ended, and the message went nowhere."""
        while len(self._items) >= self._limit and not self._is_closed:
            await self._wait(self._writers)
        if self._is_closed:
            return False
        self._items.append(item)
        _wake_one(self._readers)
        return True

    async def get(self) -> Sealed | None:
        """Waits for a message. None: the pipe has ended."""
        while not self._items:
            if self._is_closed:
                return None
            await self._wait(self._readers)
        item = self._items.popleft()
        _wake_one(self._writers)
        return item

    def close(self) -> None:
        """No message comes any more; those that are queued can still be read. Safe to call twice."""
        self._is_closed = True
        for waiters in (self._readers, self._writers):
            while waiters:
                _wake_one(waiters)

    def discard(self) -> None:
        """Ends both sides at once and drops what is queued."""
        self._items.clear()
        self.close()

    async def _wait(self, waiters: deque[asyncio.Future[None]]) -> None:
        waiter = self._loop.create_future()
        waiters.append(waiter)
        try:
            await waiter
        except asyncio.CancelledError:
            if waiter.done() and not waiter.cancelled():
                _wake_one(waiters)  # a wake-up meant for somebody must not die with the one who was cancelled
            raise


def _wake_one(waiters: deque[asyncio.Future[None]]) -> None:
    while waiters:
        waiter = waiters.popleft()
        if not waiter.done():
            waiter.set_result(None)
            return

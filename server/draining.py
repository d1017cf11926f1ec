"""Streams whose callers have left, read on to their end where the operator wants to know exactly what they took.

Most providers charge what they have written until they notice that nobody listens, and tell how much only at the end of
a stream. Read on, the stream tells; cut, it is estimated. It must not decide what a stream took, nor settle anything:
whoever hands one over says what follows.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection
from typing import Final, Protocol

from msgspec import Struct

from server.chat.deployment import Candidate
from server.errors import PerpetuoError
from server.providers.dialect import Chunk

_log: Final = logging.getLogger(__name__)


class Readable(Protocol):
    """A stream."""

    @property
    def candidate(self) -> Candidate:
        """Who answers."""

    async def next_chunks(self) -> list[Chunk] | None:
        """The next chunks, None after the last. Raises what broke it."""


class Counting(Protocol):
    """What counts a stream."""

    @property
    def has_usage(self) -> bool:
        """Whether the provider has told what it took."""

    def feed(self, chunks: list[Chunk]) -> object:
        """Counts chunks."""


class DrainRules(Struct, frozen=True):
    """Of which providers, how many streams at the same time, and for how long each, in seconds."""

    providers: Collection[str] = ()
    max_streams: int = 0
    max_s: float = 0.0


NO_DRAINS: Final = DrainRules()
"""Every stream is cut when its caller leaves."""


class Drains:
    """The streams that are read on. Belongs to one event loop; `close` it."""

    def __init__(self, rules: DrainRules) -> None:
        self._rules = rules
        self._tasks: set[asyncio.Task[None]] = set()

    def __len__(self) -> int:
        return len(self._tasks)

    def take(self, live: Readable, counting: Counting, end: Callable[[], Awaitable[None]]) -> bool:
        """Reads a stream on, and calls `end` then, whatever happened; False if it is not to be read on."""
        rules = self._rules
        if live.candidate.deployment.provider not in rules.providers or len(self._tasks) >= rules.max_streams:
            return False
        task = asyncio.ensure_future(self._read_on(live, counting, end))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return True

    async def close(self) -> None:
        """Ends all; each is settled with what came."""
        tasks = tuple(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _read_on(self, live: Readable, counting: Counting, end: Callable[[], Awaitable[None]]) -> None:
        try:
            async with asyncio.timeout(self._rules.max_s):
                while not counting.has_usage and (chunks := await live.next_chunks()) is not None:
                    counting.feed(chunks)
        except (PerpetuoError, TimeoutError) as error:
            _log.info("a stream without a caller could not be read to its end: %r", error)
        finally:
            await end()

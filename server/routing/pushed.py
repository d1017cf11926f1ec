"""A stream whose pieces go from the upstream's connection to the caller's at once, and wake nobody on the way.

The task that serves the request waits beside it, and goes on where something cannot be handed over: a caller who takes
no more, the end, a failure. What is handed over is what the task would have sent. It must not decide what a stream is
worth; its checks are those of the stream itself.
"""

from collections.abc import Callable, Sequence
from typing import Protocol

from server.chat.principal import PassOn, Push
from server.providers.dialect import Chunk
from server.routing.tail import StreamTail


class Pushes(Protocol):
    """A stream that can hand over what comes."""

    def relay_to(self, tail: StreamTail, send: Callable[[bytes], bool]) -> None:
        """Has what is nothing but more text sent as it stands while it is pushed, where that can be."""

    async def push(self, take: Callable[[list[Chunk]], bool]) -> None:
        """Gives what comes to `take`, as long as that answers True and the stream goes on."""


class Pushed:
    """What is handed over of one stream. `on_sent` is told of what the caller got so."""

    __slots__ = ("_left", "_live", "_on_sent", "_push", "_tail")

    def __init__(
        self,
        live: Pushes,
        tail: StreamTail,
        push: Push,
        on_sent: Callable[[Sequence[bytes]], None] | None,
        pass_on: PassOn | None = None,
    ) -> None:
        """`pass_on` is used where nobody is to be told what was sent."""
        self._live = live
        self._tail = tail
        self._push = push
        self._on_sent = on_sent
        self._left: list[bytes] = []
        if pass_on is not None and on_sent is None:
            live.relay_to(tail, pass_on)

    async def run(self) -> list[bytes]:
        """Hands over what comes until the task has to go on; answers what it has to send first, maybe nothing."""
        self._left = []
        await self._live.push(self._take)
        return self._left

    def _take(self, chunks: list[Chunk]) -> bool:
        tail = self._tail
        ready = tail.feed(chunks)
        if ready:
            if not self._push(ready):
                self._left = ready
                return False
            if self._on_sent is not None:
                self._on_sent(ready)
        return tail.usage is None or not tail.has_usage

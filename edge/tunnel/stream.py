"""A call whose answer streams: responses wait in a queue that credit bounds, or go on at once to who takes them."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

import grpc

from edge.tunnel.call import OK, TunnelCall
from edge.tunnel.frames import PIECE_COST_BYTES, Answer, End


class StreamCall(TunnelCall):
    """One request, a stream of responses, read by iteration or by `read`."""

    def __init__(self, *args: Any) -> None:
        self._queue: deque[tuple[bytes | list[bytes], int]] = deque()
        self._take: Callable[[Sequence[bytes]], bool] | None = None
        self._is_awaited = False
        self._is_read: bool | None = None
        self._plain_messages: AsyncIterator[Any] | None = None
        super().__init__(*args)

    def __aiter__(self) -> AsyncIterator[Any]:
        self._use(is_read=False)
        return self

    async def __anext__(self) -> Any:
        while not self._queue:
            if self._plain is not None:
                self._plain_messages = self._plain_messages or aiter(self._plain)
                return await anext(self._plain_messages)
            if self._end is not None:
                self._raise_unless_ok(self._end)
                raise StopAsyncIteration
            self._is_awaited = True
            try:
                await self._changed()
            except asyncio.CancelledError:
                self.cancel()
                raise
            finally:
                self._is_awaited = False
        if self._is_left:
            raise asyncio.CancelledError
        item, cost_bytes = self._queue.popleft()
        self._give_back(cost_bytes)
        if not self._queue and self._held_bytes:
            self.make_room()
        return self.method.read(item) if isinstance(item, bytes) else self.method.of_entries(item)

    async def read(self) -> Any:
        """The next response, or grpc.aio.EOF; raises as the iteration does."""
        self._use(is_read=True)
        try:
            return await anext(self)
        except StopAsyncIteration:
            return grpc.aio.EOF

    def _use(self, *, is_read: bool) -> None:
        """Of reading and iterating, whichever was first is how it goes on."""
        if self._is_read is not is_read:
            if self._is_read is not None:
                raise grpc.aio.UsageError("The iterator and read/write APIs may not be mixed on a single RPC.")
            self._is_read = is_read

    def hand_to(self, take: Callable[[Sequence[bytes]], bool]) -> None:
        """Has responses that are lists given to `take` at once, where they come while the iteration waits.

        `take` answers False for what it does not take, which the iteration gives then.
        """
        self._take = take

    def make_room(self) -> None:
        """Lets the rest of a response come, once all before it were read."""
        if not self._queue:
            super().make_room()

    def answer(self, frame: Answer) -> None:
        """A whole answer, and its end."""
        self.head(frame.initial)
        self.take_response(frame.payload, 0)
        self._finish_with(End(frame.id, OK, "", (), frame.trailing))

    def take_response(self, payload: bytes, cost_bytes: int) -> None:
        """A response waits to be read."""
        self._queue.append((payload, cost_bytes))
        self._wake()

    def take_entries(self, entries: list[bytes]) -> None:
        """A response goes on at once, or waits to be read."""
        cost_bytes = sum(map(len, entries)) + PIECE_COST_BYTES * len(entries)
        if self._take is not None and self._is_awaited and not self._queue and self._take(entries):
            self._give_back(cost_bytes)
            return
        self._queue.append((entries, cost_bytes))
        self._wake()

"""An answer of an upstream on its way, and then its body: what came, who waits for it, and until when.

The connection tells it what comes; its reader is who called. It must not parse, and it must not know sockets.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Final

from server.chat.wire import Carry, Timeouts, WireRequest, WireResponse
from server.errors import PerpetuoError, UpstreamBadResponse
from server.upstream.arrival import Arrival
from server.upstream.failures import (
    Phase,
    StaleConnectionError,
    closed_by_us,
    cut_off,
    cut_short,
    no_answer,
    too_large,
    too_late,
)
from server.upstream.head import NO_HEAD, Head
from server.upstream.inflate import Inflater
from server.upstream.line import Line, Sender

READ_BUFFER_BYTES: Final = 256 * 1024

_ENCODING: Final = "content-encoding"
_INTERIM: Final = frozenset(range(100, 200)) - {101}


class HttpResponse(Arrival):
    """An answer on its way, and then its body; see `server.chat.wire.Coming`.

    `headers`, which the connection fills, have their names in lower case; of repeated ones the first counts. `due_s` is
    when it has to look at the clock, of which the connection sees to the first time. `carries`: the piece before was
    one chunk of the body, and what comes next has to be shown to `carried` before it is parsed; else `_around_bytes`
    may be missing, as `_carry` until `push` is called.
    """

    __slots__ = (
        "_again", "_around_bytes", "_carry", "_counts_bytes", "_failure", "_given_s", "_has_gone_on", "_has_progressed",
        "_idle_s", "_inflater", "_line", "_max_body_bytes", "_pieces", "_read_bytes", "_started_s", "_take",
        "_timeouts", "_touched_s", "_unread_bytes", "_waiter", "carries", "due_s", "has_begun", "has_headers",
        "headers", "is_complete", "kind", "status",
    )  # fmt: skip

    _failure: PerpetuoError | StaleConnectionError | None
    _inflater: Inflater | None
    _take: Callable[[bytes], bool] | None
    _waiter: asyncio.Future[None] | None

    def __init__(
        self,
        line: Line,
        timeouts: Timeouts,
        started_s: float,
        max_body_bytes: int,
        again: tuple[Sender, WireRequest] | None = None,
    ) -> None:
        """`started_s` is when the call began on the loop's clock: connecting is part of the total time; `again` is who
        has sent the request at once, at that time, and can send it again.
        """
        self._asyncio_future_blocking, self._is_cancelled = False, False
        self.is_awaited, self.has_arrived, self.has_begun, self.has_headers = False, False, False, False
        self.is_complete, self.carries, self._counts_bytes, self._has_progressed = False, False, False, False
        self._failure, self._take, self._inflater, self._waiter = None, None, None, None
        self.status, self._unread_bytes, self._read_bytes, self.kind = 0, 0, 0, ""
        self._has_gone_on, self.headers = True, NO_HEAD
        self._pieces: list[bytes] = []
        self._line: Line | None = line
        self._loop = loop = line.loop
        self._timeouts, self._started_s, self._max_body_bytes, self._again = timeouts, started_s, max_body_bytes, again
        self._idle_s = timeouts.idle_s
        self._touched_s = self._given_s = now_s = loop.time() if again is None else started_s
        first_s, total_s = now_s + timeouts.first_byte_s, started_s + timeouts.total_s
        self.due_s = first_s if first_s < total_s else total_s

    # What the caller uses.

    async def arrive(self) -> None:
        """Waits for the headers. Raises what stood in the way, StaleConnectionError among it."""
        try:
            await self
        except asyncio.CancelledError:
            self.drop()
            raise
        if not self.has_headers:
            assert self._failure is not None
            raise self._failure

    async def instead(self) -> WireResponse:
        """See `server.chat.wire.Coming`."""
        failure, again = self._failure, self._again
        assert failure is not None
        if not isinstance(failure, StaleConnectionError) or again is None:
            raise failure
        sender, request = again
        return await sender.send_again(request, self._timeouts, self._started_s)

    def whole(self) -> bytes | None:
        """See `server.chat.wire.Coming`."""
        pieces = self._pieces
        if not self.is_complete or len(pieces) != 1 or self._inflater is not None:
            return None
        body = pieces[0]
        if self._read_bytes + len(body) > self._max_body_bytes:
            return None
        self._pieces = []
        return body

    async def read(self) -> bytes:
        """The whole body; see `server.chat.wire.WireResponse`."""
        if (body := self.whole()) is not None:
            return body
        length = self.headers.get("content-length", "")
        if length.isdigit() and int(length) > self._max_body_bytes:
            raise too_large(self._max_body_bytes)
        self._counts_bytes = self._has_progressed = True
        self._touched_s = self._loop.time()
        self._hurry()
        data = await self._next()
        if self.is_complete and not self._pieces and self._inflater is None:
            return data
        parts = [data]
        while data := await self._next():
            parts.append(data)
        return b"".join(parts)

    def chunks(self) -> AsyncIterator[bytes]:
        """The body in pieces as they arrive; see `server.chat.wire.WireResponse`."""
        return self

    async def push(self, take: Callable[[bytes], bool], carry: Carry | None = None) -> None:
        """See `server.chat.wire.Pushing`. A body that is compressed has to be read."""
        if self._pieces or self._inflater is not None or self._failure is not None or self.is_complete:
            return
        self._take, self._carry = take, carry
        try:
            await self._changed()
        finally:
            self._take = self._carry = None
            self.carries = False

    def progressed(self) -> None:
        """See `server.chat.wire.WireResponse`."""
        self._touched_s = self._given_s
        self._has_gone_on = True
        if not self._has_progressed:
            self._has_progressed = True
            self._hurry()

    def wind_up(self, within_s: float) -> None:
        """See `server.chat.wire.WireResponse`."""
        self._touched_s = self._loop.time()
        self._idle_s = within_s
        self._has_progressed = True
        self._hurry()

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        data = await self._next()
        if not data:
            raise StopAsyncIteration
        return data

    async def close(self) -> None:
        """Ends the exchange at once: what is unread or unsent is dropped with the connection."""
        self.drop()

    def drop(self) -> None:
        """The same without waiting."""
        line = self._line
        if line is not None:
            self.fail(closed_by_us())
            line.abort()

    async def _next(self) -> bytes:
        """The next piece of the body, empty at its end. Pieces that came before a failure come before the failure."""
        data = await self._next_raw() if self._inflater is None else await self._next_inflated(self._inflater)
        self._read_bytes += len(data)
        if self._read_bytes > self._max_body_bytes:
            raise too_large(self._max_body_bytes)
        return data

    async def _next_inflated(self, inflater: Inflater) -> bytes:
        while not (data := inflater.take()):
            raw = await self._next_raw()
            if not raw:
                inflater.finish()
                return b""
            inflater.feed(raw)
        return data

    async def _next_raw(self) -> bytes:
        if self._has_gone_on:
            self._has_gone_on = False
            if self._pieces:
                # The upstream waited for the reader, and not the reader for the upstream.
                self._touched_s += self._loop.time() - self._given_s
        elif self._line is not None and self._given_s >= self._touched_s + (clock := self._clock())[1]:
            # All that came in time was read, and said nothing: more of that, however fast, is no use.
            self._end(self._line, clock[0])
        while not self._pieces:
            if self._failure is not None:
                raise self._failure
            if self.is_complete:
                return b""
            await self._changed()
        pieces = self._pieces
        data = pieces[0] if len(pieces) == 1 else b"".join(pieces)
        self._pieces = []
        self._unread_bytes = 0
        if self._line is not None:
            self._given_s = self._loop.time()
            if self._counts_bytes:
                self._touched_s = self._given_s
            self._line.resume()
        return data

    def _hurry(self) -> None:
        """Looks at the clock sooner, if another time counts from now on that may be up sooner."""
        if self._line is not None and self._touched_s + self._idle_s < self.due_s:
            self.look_at_clock()

    def _changed(self) -> asyncio.Future[None]:
        waiter = self._waiter = self._loop.create_future()
        return waiter

    # What the connection tells.

    def begin(self, status: int, headers: Head) -> None:
        """The headers are complete; those of an interim answer say nothing.

        Who waits for them is woken by whoever calls this, once all is taken that came with them.
        """
        if status in _INTERIM:
            return
        if headers.names.is_encoded and not self._inflates(headers[_ENCODING].strip().lower()):
            return
        self.status = status
        self.headers, self.kind = headers, headers.kind
        self.has_headers = self.has_arrived = True

    def _inflates(self, encoding: str) -> bool:
        """Sees to an encoding; False if it is none that can be read, which ends the answer."""
        try:
            self._inflater = None if encoding in ("", "identity") else Inflater(encoding)
        except UpstreamBadResponse as error:
            line = self._line
            self.fail(error)
            if line is not None:
                line.abort()
            return False
        return True

    def add(self, pieces: list[bytes]) -> bool:
        """Takes pieces of the body, and leaves none; says whether its reader is so far behind that it has enough."""
        self._unread_bytes += sum(map(len, pieces))
        self._pieces += pieces
        pieces.clear()
        if self._take is None and self.has_headers:
            self._tell()
        return self._unread_bytes > READ_BUFFER_BYTES

    def carried(self, chunk: bytes) -> bool:
        """Hands on what came as it stands; False where it has to be parsed, as nothing has been done with it."""
        waiter, carry, around_bytes = self._waiter, self._carry, self._around_bytes
        if waiter is None or waiter.done() or carry is None:
            return False
        read_bytes = self._read_bytes + len(chunk) - around_bytes
        if read_bytes > self._max_body_bytes or not carry(chunk, around_bytes):
            return False
        self._read_bytes = read_bytes
        self._given_s = self._touched_s = self._loop.time()
        return True

    def hand_on(self, pieces: list[bytes], raw: bytes = b"") -> bool:
        """Hands on pieces of the body at once and leaves none, as nearly always where they are pushed; else False.

        What was not handed on has to be added. `raw` is what the pieces were parsed from.
        """
        self.carries = False
        take, waiter = self._take, self._waiter
        if take is None or waiter is None or not pieces or self._pieces or waiter.done():
            return False
        data = pieces[0] if len(pieces) == 1 else b"".join(pieces)
        read_bytes = self._read_bytes + len(data)
        if len(data) > READ_BUFFER_BYTES or read_bytes > self._max_body_bytes:
            return False
        pieces.clear()
        self._read_bytes = read_bytes
        self._given_s = self._loop.time()
        goes_on = False
        try:
            goes_on = take(data)
        finally:
            if not goes_on:
                self._tell()
        if goes_on and self._carry is not None and raw == b"%x\r\n%b\r\n" % (len(data), data):
            self._around_bytes, self.carries = len(raw) - len(data), True
        return True

    def flush(self) -> None:
        """Hands on what came, if it is pushed. Its reader wakes when that wants no more, or is too much."""
        take, waiter = self._take, self._waiter
        if take is None or waiter is None or waiter.done() or not self._pieces:
            return
        size = self._unread_bytes
        goes_on = False
        try:
            if self._read_bytes + size <= self._max_body_bytes:
                pieces, self._pieces, self._unread_bytes = self._pieces, [], 0
                self._read_bytes += size
                self._given_s = self._loop.time()
                goes_on = take(pieces[0] if len(pieces) == 1 else b"".join(pieces))
                if self._line is not None and size > READ_BUFFER_BYTES:
                    self._line.resume()
        finally:
            if not goes_on:
                self._tell()

    def complete(self, pieces: list[bytes]) -> bool:
        """The body is complete with these pieces. False: it was that of an interim answer, and the real one comes."""
        if not self.has_headers:
            return False
        self._pieces += pieces
        pieces.clear()
        self.is_complete = True
        self._line = None
        if self._waiter is not None:
            self._tell()
        return True

    def come_whole(self, status: int, headers: Head, body: bytes) -> bool:
        """Takes head and body at once, unless something came before; who waits is woken as for `begin`."""
        if self.has_begun or self.has_arrived:
            return False
        self.status, self.headers, self.kind = status, headers, headers.kind
        self._pieces, self._line = [body], None
        self.has_begun = self.has_headers = self.has_arrived = self.is_complete = True
        return True

    def lose(self, *, is_broken: bool, was_used_before: bool) -> None:
        """The connection has ended; one that is not broken was closed by the upstream, in order."""
        ends_by_close = "content-length" not in self.headers and "transfer-encoding" not in self.headers
        if self.has_headers and ends_by_close and not is_broken:
            self.complete([])
        elif was_used_before and not self.has_begun:
            self.fail(StaleConnectionError())
        else:
            self.fail(no_answer() if not self.has_headers else cut_off() if is_broken else cut_short())

    def fail(self, failure: PerpetuoError | StaleConnectionError) -> None:
        """Ends the answer; what came before is still given to its reader."""
        if self.is_complete or self._failure is not None:
            return
        self._failure = failure
        self._line = None
        self.has_arrived = True
        if self.is_awaited:
            self.ring_soon()
        self._tell()

    def _tell(self) -> None:
        """Wakes who waits for something to change, if there is somebody."""
        waiter = self._waiter
        if waiter is not None:
            self._waiter, self.carries = None, False
            if not waiter.done():
                waiter.set_result(None)

    def _clock(self) -> tuple[Phase, float]:
        return (Phase.IDLE, self._idle_s) if self._has_progressed else (Phase.FIRST_BYTE, self._timeouts.first_byte_s)

    def _end(self, line: Line, phase: Phase) -> None:
        self._pieces.clear()
        self.fail(too_late(phase, self._timeouts))
        line.abort()

    def look_at_clock(self) -> None:
        """Ends the call when one of its times is up, else looks again when the next may be."""
        line = self._line
        if line is None:
            return
        now_s, total_due_s = self._loop.time(), self._started_s + self._timeouts.total_s
        # As long as its reader is behind, nobody waits for the upstream.
        since_s = now_s if self._pieces else self._touched_s
        phase, limit_s = self._clock()
        due_s = since_s + limit_s
        if total_due_s <= due_s:
            phase, due_s = Phase.TOTAL, total_due_s
        if now_s < due_s:
            self.due_s = due_s
            line.watch(due_s)
            return
        self._end(line, phase)

"""One connection to an upstream, and the answers that come over it, one at a time. HTTP/1.1, parsed by llhttp.

A connection is idle, or it carries one exchange: from the request's bytes to the last byte of the answer. It tells its
owner when it can be used again and when it is lost. It must not choose where to connect, and it retries nothing.
"""

import asyncio
import math
from collections.abc import Callable
from typing import Any, Final, cast

import httptools

from server.errors import UpstreamBadResponse
from server.upstream.cork import Cork
from server.upstream.head import NONE, Head, names_of
from server.upstream.known_head import KnownHead, known_head
from server.upstream.response import HttpResponse

MAX_HEAD_BYTES: Final = 64 * 1024
"""Headers together, and what comes between two pieces of a body or after the last."""

READ_BYTES: Final = 256 * 1024
"""The most that comes in one piece, of which we do not know how much belongs to what came before."""

ALIKE: Final = 4
"""So many whole answers with the same names one after the other make a head known: learning takes its time."""

_NOT_HTTP: Final = "The provider answered something that is not HTTP."


class Connection(asyncio.Protocol):
    """The protocol of one connection. `on_idle` is told when it can be used again, `on_lost` when it is gone."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        cork: Cork,
        on_idle: Callable[["Connection"], None],
        on_lost: Callable[["Connection"], None],
    ) -> None:
        self.loop = loop
        self._cork = cork
        self._unsent = b""
        self._on_idle = on_idle
        self._on_lost = on_lost
        self._transport: asyncio.Transport | None = None
        self._parser: Any = None
        self._answer: HttpResponse | None = None
        self._unfinished_bytes = 0
        self._is_paused = False
        self._is_done = False
        self._is_overrun = False
        self._has_ended = False
        self._alarm: asyncio.TimerHandle | None = None
        self._alarm_s = math.inf
        self._names = NONE
        self._raw_kind, self._kind = b"", ""
        self._known: KnownHead | None = None
        self._last_names, self._alike = NONE, 0
        self._raw: dict[bytes, bytes] = {}
        self._pieces: list[bytes] = []
        # The parser calls these for each header and each piece of a body, without a step through Python.
        self.on_header: Callable[[bytes, bytes], object] = self._raw.setdefault
        self.on_body: Callable[[bytes], object] = self._pieces.append
        self.exchanges = 0
        self.idle_since_s = 0.0
        """For its owner to note when it was offered."""
        self.is_closing: Callable[[], bool] = _is_gone

    def can_carry(self) -> bool:
        """Whether another request can be tried on it."""
        transport = self._transport
        return transport is not None and self._answer is None and not transport.is_closing()

    def start(self, request: bytes, body: bytes, answer: HttpResponse) -> None:
        """Sends a request whose answer is `answer`: at once if its body comes apart, else with others of this round.

        The connection must be usable.
        """
        self._answer = answer
        self.exchanges += 1
        if answer.due_s < self._alarm_s:
            self.watch(answer.due_s)
        if body:
            transport = self._transport
            assert transport is not None
            transport.write(request)
            transport.write(body)
        else:
            self._unsent = request
            held = self._cork.held
            if not held:
                self._cork.draw_soon(self.loop)
            held.append(self)

    def leave(self) -> None:
        """Sends the request that is held, unless the connection has ended."""
        if self._unsent and self._transport is not None:
            request, self._unsent = self._unsent, b""
            self._transport.write(request)

    def watch(self, due_s: float) -> None:
        """Has the answer look at the clock at that time of the loop or before: one timer serves many exchanges."""
        if due_s < self._alarm_s:
            if self._alarm is not None:
                self._alarm.cancel()
            self._alarm_s = due_s
            self._alarm = self.loop.call_at(due_s, self._ring)

    def resume(self) -> None:
        """Lets more of the answer come."""
        if self._is_paused and self._transport is not None:
            self._is_paused = False
            self._transport.resume_reading()

    def become_idle(self) -> None:
        """Offers itself for another exchange, if it can carry one."""
        if self.can_carry():
            self._on_idle(self)

    def abort(self) -> None:
        """Ends the connection at once; nothing that is queued is sent."""
        self._unsent = b""
        if self._transport is not None:
            self._transport.abort()

    # What the event loop calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keeps the transport; uvloop's are of no class of asyncio's."""
        self._transport = cast(asyncio.Transport, transport)
        self.is_closing = transport.is_closing
        self._parser = httptools.HttpResponseParser(self)

    def data_received(self, data: bytes) -> None:
        """Parses what came. What comes without having been asked for ends the connection."""
        answer = self._answer
        if answer is not None and answer.carries and answer.carried(data):
            return  # the parser stands between two chunks before it, and would behind it
        if self._unsent and self.exchanges == 1:
            self.leave()
        if answer is None or self._unsent:
            self.abort()
            return
        known = self._known
        if known is None or len(data) > MAX_HEAD_BYTES or not known.brings(data, answer):
            self._parse(data, answer)
        else:
            # The parser stands between two answers before it, and would behind it.
            self._answer = None
            self._on_idle(self)
        if answer.is_awaited and answer.has_headers:
            answer.ring()  # the last of all: what runs now may use this connection again, or end it

    def _parse(self, data: bytes, answer: HttpResponse) -> None:
        """Takes what has to be parsed."""
        if is_first := not answer.has_begun:
            answer.has_begun, self._unfinished_bytes = True, 0
        try:
            if answer.has_headers or self._unfinished_bytes + len(data) <= MAX_HEAD_BYTES:
                self._parser.feed_data(data)
            elif not self._feed_long(data, answer):
                self._refuse(answer)
                return
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self._refuse(answer)
            return
        if self._is_done:
            if self._end() and is_first:
                self._learn(data, answer)
        elif answer.hand_on(self._pieces, data):
            self._unfinished_bytes = 0
        else:
            self._goes_on(answer, len(data))

    def _learn(self, data: bytes, answer: HttpResponse) -> None:
        """Makes the head known of an answer that was all of the data, once enough had the same names."""
        names = self._names
        self._alike = self._alike + 1 if names is self._last_names else 1
        self._last_names = names
        if self._alike == ALIKE:
            self._known = known_head(data, answer.headers)

    def _end(self) -> bool:
        """The answer is complete, and parsed is all that came with it; whether that was nothing more than it."""
        self._is_done = False
        if self._is_paused:
            self.resume()
        if self._is_overrun:
            self.abort()
            return False
        self.become_idle()
        return True

    def _feed_long(self, data: bytes, answer: HttpResponse) -> bool:
        """Parses a piece with which the head may become too long; whether it did not."""
        left_bytes = max(MAX_HEAD_BYTES - self._unfinished_bytes, 0)
        self._parser.feed_data(data[:left_bytes])
        if not answer.has_headers:
            return False
        self._parser.feed_data(data[left_bytes:])
        return True

    def _goes_on(self, answer: HttpResponse, size_bytes: int) -> None:
        """Hands on what came of an answer that is not complete."""
        # What brings no body is head, or the trailers and extensions of chunks, whose bytes the parser may keep.
        if self._pieces:
            self._unfinished_bytes = 0
            if answer.add(self._pieces) and not self._is_paused:
                self._is_paused = True
                assert self._transport is not None
                self._transport.pause_reading()
        else:
            self._unfinished_bytes += size_bytes
            if self._unfinished_bytes > MAX_HEAD_BYTES + READ_BYTES:
                self._refuse(answer)
                return
        answer.flush()

    def eof_received(self) -> bool:
        """Closes; the answer learns what that means to it when the connection is lost."""
        self._has_ended = True
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """Tells the answer under way and the owner."""
        answer, self._answer = self._answer, None
        self._transport = self._parser = None
        self.is_closing = _is_gone
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        if answer is not None:
            is_broken = exc is not None or not self._has_ended
            answer.lose(is_broken=is_broken, was_used_before=self.exchanges > 1)
        self._on_lost(self)

    # What the parser calls.

    def on_message_begin(self) -> None:
        """An answer begins; one that nobody asked for ends the connection."""
        self._is_overrun = self._answer is None

    def on_headers_complete(self) -> None:
        """The head is complete. Of headers that are repeated the first counts, and their names are in lower case.

        What comes as a header after it is a trailer, which says nothing to us.
        """
        answer = self._answer
        if answer is None:
            return
        raw, names = self._raw, self._names
        came = tuple(raw)
        if came != names.raw:
            names = self._names = names_of(came)
        values, kind = tuple(raw.values()), ""
        raw.clear()
        if names.kind_at >= 0:
            # Of most upstreams all answers are of one kind.
            if values[names.kind_at] != self._raw_kind:
                self._raw_kind = values[names.kind_at]
                self._kind = self._raw_kind.decode("latin-1")
            kind = self._kind
        answer.begin(self._parser.get_status_code(), Head(names, values, kind))

    def on_message_complete(self) -> None:
        """The answer is complete. More in the same piece of data is not ours, and ends the connection."""
        answer = self._answer
        if answer is not None and answer.complete(self._pieces):
            if self._raw:
                self._raw.clear()
            self._answer = None
            self._is_done = True
            if self._transport is not None and not self._parser.should_keep_alive():
                self._transport.close()

    def _ring(self) -> None:
        self._alarm, self._alarm_s = None, math.inf
        if self._answer is not None:
            self._answer.look_at_clock()

    def _refuse(self, answer: HttpResponse) -> None:
        if self._answer is answer and self._pieces:
            answer.add(self._pieces)
        answer.fail(UpstreamBadResponse(_NOT_HTTP, details={"kind": "protocol"}))
        self.abort()
        if answer.is_awaited and answer.has_headers:
            answer.ring_soon()  # it was complete, and what came behind it is not its own


def _is_gone() -> bool:
    """What a connection says that is not there."""
    return True

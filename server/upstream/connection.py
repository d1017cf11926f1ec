"""One connection to an upstream, and the answers that come over it, one at a time. HTTP/1.1, parsed by llhttp.

A connection is idle, or it carries one exchange: from the request's bytes to the last byte of the answer. It tells its
owner when it can be used again and when it is lost. It must not choose where to connect, and it retries nothing.
"""

import asyncio
from collections.abc import Callable
from typing import Any, Final, cast

import httptools

from server.errors import UpstreamBadResponse
from server.upstream.response import HttpResponse

MAX_HEAD_BYTES: Final = 64 * 1024
"""Headers together, and what comes between two pieces of a body or after the last."""

READ_BYTES: Final = 256 * 1024
"""The most that comes in one piece, of which we do not know how much belongs to what came before."""

_NOT_HTTP: Final = "The provider answered something that is not HTTP."


# As a number: looking for a number is ten times as fast as looking for one byte.
_LF: Final = 0x0A
_LINE_END: Final = b"\r\n"


class _TooMuchError(Exception):
    """Ends the parsing of an answer."""


class Connection(asyncio.Protocol):
    """The protocol of one connection. `on_idle` is told when it can be used again, `on_lost` when it is gone."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        on_idle: Callable[["Connection"], None],
        on_lost: Callable[["Connection"], None],
    ) -> None:
        self.loop = loop
        self._on_idle = on_idle
        self._on_lost = on_lost
        self._transport: asyncio.Transport | None = None
        self._parser: Any = None
        self._answer: HttpResponse | None = None
        self._head_bytes = 0
        self._unfinished_bytes = 0
        self._has_body = False
        self._is_between_chunks = False
        self._is_paused = False
        self._is_done = False
        self._has_ended = False
        self.exchanges = 0
        self.idle_since_s = 0.0

    @property
    def is_usable(self) -> bool:
        """Whether another request can be tried on it."""
        return self._transport is not None and self._answer is None and not self._transport.is_closing()

    def start(self, request: bytes, body: bytes, answer: HttpResponse) -> None:
        """Sends a request, head and body, whose answer is `answer`. The connection must be usable."""
        transport = self._transport
        assert transport is not None
        self._answer = answer
        self._head_bytes = self._unfinished_bytes = 0
        self._has_body = self._is_between_chunks = False
        self.exchanges += 1
        transport.write(request)
        if body:
            transport.write(body)

    def resume(self) -> None:
        """Lets more of the answer come."""
        if self._is_paused and self._transport is not None:
            self._is_paused = False
            self._transport.resume_reading()

    def become_idle(self) -> None:
        """Offers itself for another exchange, if it can carry one."""
        if self.is_usable:
            self.idle_since_s = self.loop.time()
            self._on_idle(self)

    def abort(self) -> None:
        """Ends the connection at once; nothing that is queued is sent."""
        if self._transport is not None:
            self._transport.abort()

    # What the event loop calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keeps the transport; uvloop's are of no class of asyncio's."""
        self._transport = cast(asyncio.Transport, transport)
        self._parser = httptools.HttpResponseParser(self)

    def data_received(self, data: bytes) -> None:
        """Parses what came. What comes without having been asked for ends the connection."""
        answer = self._answer
        if answer is None:
            self.abort()
            return
        if self._is_between_chunks:
            if (piece := _only_chunk(data)) is not None:
                self._unfinished_bytes = 0
                self.on_body(piece)
                answer.flush()
                return
            self._is_between_chunks = False
        answer.has_begun = True
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self._refuse(answer)
            return
        if self._is_between_chunks and data[-1] != _LF:
            self._is_between_chunks = False  # the next chunk's size has begun
        # What brings no body is head, or the trailers and extensions of chunks, whose bytes the parser may keep.
        self._unfinished_bytes = 0 if self._has_body else self._unfinished_bytes + len(data)
        self._has_body = False
        if self._unfinished_bytes > MAX_HEAD_BYTES + READ_BYTES or (
            self._unfinished_bytes > MAX_HEAD_BYTES and not answer.has_headers
        ):
            self._refuse(answer)
            return
        answer.flush()
        if self._is_done:
            self._is_done = False
            self.resume()
            self.become_idle()

    def eof_received(self) -> bool:
        """Closes; the answer learns what that means to it when the connection is lost."""
        self._has_ended = True
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """Tells the answer under way and the owner."""
        answer, self._answer = self._answer, None
        self._transport = self._parser = None
        if answer is not None:
            is_broken = exc is not None or not self._has_ended
            answer.lose(is_broken=is_broken, was_used_before=self.exchanges > 1)
        self._on_lost(self)

    # What the parser calls.

    def on_chunk_header(self) -> None:
        """A chunk of the body begins."""
        self._is_between_chunks = False

    def on_chunk_complete(self) -> None:
        """A chunk of the body has ended, to its line end."""
        self._is_between_chunks = True

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header; trailers of a chunked body say nothing to us."""
        answer = self._answer
        if answer is not None and not answer.has_headers:
            self._head_bytes += len(name) + len(value)
            if self._head_bytes > MAX_HEAD_BYTES:
                raise _TooMuchError
            answer.headers.setdefault(name.decode("latin-1").lower(), value.decode("latin-1"))

    def on_headers_complete(self) -> None:
        """The head is complete."""
        if self._answer is None:
            return
        if self._head_bytes > MAX_HEAD_BYTES:
            self._refuse(self._answer)
        else:
            self._answer.begin(self._parser.get_status_code())

    def on_body(self, data: bytes) -> None:
        """A piece of the body."""
        self._has_body = True
        if self._answer is not None and self._answer.add(data) and not self._is_paused:
            self._is_paused = True
            assert self._transport is not None
            self._transport.pause_reading()

    def on_message_complete(self) -> None:
        """The answer is complete. More in the same piece of data is not ours, and ends the connection."""
        if self._answer is None:
            self.abort()
        elif self._answer.complete():
            self._answer = None
            self._is_done = True
            if self._transport is not None and not self._parser.should_keep_alive():
                self._transport.close()

    def _refuse(self, answer: HttpResponse) -> None:
        answer.fail(UpstreamBadResponse(_NOT_HTTP, details={"kind": "protocol"}))
        self.abort()


def _only_chunk(data: bytes) -> bytes | None:
    """What stands in a chunk that is all of the data, as nearly every piece of a stream is.

    The parser need not know of it, as it stands between two chunks before it and after it. None for all else, and for a
    size that is written in another way.
    """
    start = data.find(_LINE_END) + len(_LINE_END)
    size = len(data) - start - len(_LINE_END)
    if size > 0 and data.startswith(b"%x\r\n" % size) and data.endswith(_LINE_END):
        return data[start : start + size]
    return None

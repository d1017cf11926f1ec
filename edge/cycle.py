"""One request and its response on an HTTP/1.1 connection: what an ASGI application receives and sends.

In the place of uvicorn's own, whose attributes the protocol around it reads. It differs in three ways: the head of a
response goes out in one write with what is sent right after it, headers are checked together and not one by one, and
there is no access log. It must not parse requests or know paths. Facts: ASGI's HTTP messages, RFC 9112.
"""

import asyncio
import http
import logging
from collections.abc import Callable, Coroutine, MutableMapping
from typing import Any, Final, Protocol

from starlette.types import Scope

from edge.outlet import Outlet

_LOGGER: Final = logging.getLogger("uvicorn.error")
_STATUS_LINES: Final = {
    status.value: b"HTTP/1.1 %d %s\r\n" % (status.value, status.phrase.encode()) for status in http.HTTPStatus
}
_CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"
_CLOSE: Final = b"connection: close\r\n"
_CHUNKED: Final = b"transfer-encoding: chunked\r\n"
_DEFECT: Final = b"Internal Server Error"
# What is larger is written by itself: joined with the head it would be a copy, kept until a slow reader takes it.
_JOINED_BYTES: Final = 64 * 1024
_BODILESS: Final = frozenset({204, 304})


class Flow(Protocol):
    """Whether the connection may be read from and written to."""

    read_paused: bool
    write_paused: bool

    async def drain(self) -> None:
        """Waits until the connection takes more."""

    def resume_reading(self) -> None:
        """Lets more of the request come in."""


class Lane(Protocol):
    """Serves requests that differ in nothing but the body from one that was served."""

    @property
    def max_bytes(self) -> int:
        """Larger bodies it does not take."""

    def begin(self, cycle: "Cycle", task: "asyncio.Task[Any]") -> Coroutine[Any, Any, Any] | None:
        """Begins to serve a request whose body is all there, in `task` or just before it goes on.

        Gives what the task has to wait for, whose outcome `end` takes, and what it raises `explain`. None: the request
        is answered.
        """

    def end(self, cycle: "Cycle", served: Any) -> Coroutine[Any, Any, None] | None:
        """Answers with what was awaited; gives what else has to be awaited. What is raised `explain` takes."""

    async def explain(self, cycle: "Cycle", error: BaseException) -> None:
        """Answers where that was raised, or raises what is nobody's answer."""

    async def answer(self, cycle: "Cycle", body: bytes) -> int:
        """The same for one that others count; gives its status."""


class Lanes(Protocol):
    """The lanes of requests with one head."""

    def of(self, body: bytes) -> Lane | None:
        """What serves a request with this body, if there is such a lane."""


class Cycle:
    """A request from the end of its head to the end of its response.

    `body` is what has come of the body and was not received yet, `more_body` whether more will come; the protocol calls
    `tell` when either changes. `on_response` is called once the response is complete. `lane` serves it in the place of
    the application, and keeps here when it began and its `call`, which is cancelled if the client leaves; `lanes` are
    left here by what serves the request, for others with the same head. `is_spare`: it is over, the connection is kept,
    and who has served it keeps nothing of it, so that it can be renewed; it ends with its connection.
    """

    waiting_for_100_continue = False
    body: bytes | bytearray = b""
    more_body = True
    on_departure: Callable[[], object] | None = None
    lane: Lane | None = None
    lanes: Lanes | None = None
    is_spare = False
    call: Any = None
    began_s = 0.0
    response_started = False
    response_complete = False
    _has_news = False
    _news: asyncio.Event | None = None
    _has_given = False
    _is_chunked = False
    _left_bytes = 0
    _head: bytes | None = None
    _flushing: asyncio.Handle | None = None

    def __init__(
        self,
        scope: Scope,
        transport: Outlet,
        flow: Flow,
        on_response: Callable[[], None],
        *,
        keep_alive: bool,
        expect_100_continue: bool,
    ) -> None:
        self.scope = scope
        self.transport = transport
        self.flow = flow
        self.on_response = on_response
        self.keep_alive = keep_alive
        self.disconnected = False  # what is here itself is found faster than what is in the class
        if expect_100_continue:
            self.waiting_for_100_continue = True

    def renew(self, lane: Lane, body: bytes) -> None:
        """The next request with the same head, whose body is all there, in the place of one that is over."""
        self.lane, self.body = lane, body
        self.is_spare = self.response_started = self.response_complete = False

    @property
    def message_event(self) -> asyncio.Event:
        """What who waits for a message waits for; made only for those who do."""
        if self._news is None:
            self._news = asyncio.Event()
            if self._has_news:
                self._news.set()
        return self._news

    def tell(self) -> None:
        """Something has come that `receive` tells."""
        self._has_news = True
        if self._news is not None:
            self._news.set()

    async def fail(self, error: BaseException) -> None:
        """What serves the request has raised."""
        if not isinstance(error, asyncio.CancelledError):  # the server stops, and was waited for long enough
            _LOGGER.error("Exception in ASGI application", exc_info=error)
        await self._give_up()

    async def conclude(self) -> None:
        """What serves the request has returned."""
        if not self.response_complete and not self.disconnected:
            if not self.response_started:
                _LOGGER.error("The application returned without a response.")
            await self._give_up()

    def end(self) -> None:
        """The request is over; nobody is called any more."""
        self.on_response = _nothing

    def answer_written(self, response: bytes) -> None:
        """Answers with a whole response that is written already, and says whether the connection is kept."""
        self.response_started = True
        self._write_out(response)
        self._end()

    def answer_kept(self, response: bytes) -> None:
        """The same where the connection is kept and the client there, and nobody waits for messages."""
        self.response_started = self.response_complete = True
        self.transport.write(response)
        on_response = self.on_response
        on_response()

    async def _give_up(self) -> None:
        if self.response_started:
            self._flush()
            self.transport.close()
            return
        headers = [
            (b"content-type", b"text/plain"),
            (b"content-length", b"%d" % len(_DEFECT)),
            (b"connection", b"close"),
        ]
        await self.send({"type": "http.response.start", "status": 500, "headers": headers})
        await self.send({"type": "http.response.body", "body": _DEFECT})

    def watch(self, on_departure: Callable[[], object]) -> None:
        """Has `on_departure` called once when the client leaves before the response is complete; soon if it has."""
        if self.disconnected:
            asyncio.get_running_loop().call_soon(on_departure)
            return
        self.on_departure = on_departure
        if self.flow.read_paused:  # a connection that is not read from does not tell that it has ended
            self.flow.resume_reading()

    def depart(self) -> None:
        """The connection is lost."""
        self.disconnected |= not self.response_complete
        self.tell()
        on_departure, self.on_departure = self.on_departure, None
        if self.disconnected and on_departure is not None:
            on_departure()
        elif self.disconnected and self.call is not None:
            self.call.cancel()

    def take_body(self) -> bytes | None:
        """The body if all of it has come and nothing of it was received; None: it has to be received."""
        if self.more_body or self.disconnected or self.response_complete or self._has_given:
            return None
        body, self.body, self._has_given, self._has_news = bytes(self.body), b"", True, False
        if self._news is not None:
            self._news.clear()
        return body

    async def receive(self) -> MutableMapping[str, Any]:
        """The next piece of the body, or the end of the connection."""
        if self.waiting_for_100_continue and not self.transport.is_closing():
            self.transport.write(_CONTINUE)
            self.waiting_for_100_continue = False
        if not self.disconnected and not self.response_complete:
            self.flow.resume_reading()
            if not self._has_news:
                await self.message_event.wait()
            self._has_news = False
            if self._news is not None:
                self._news.clear()
        if self.disconnected or self.response_complete:
            return {"type": "http.disconnect"}
        body, self.body, self._has_given = bytes(self.body), b"", True
        return {"type": "http.request", "body": body, "more_body": self.more_body}

    async def send(self, message: MutableMapping[str, Any]) -> None:
        """Takes the head of the response, or a piece of its body; waits while the connection takes no more.

        Raises RuntimeError for messages out of their order, for headers that cannot be sent, and for a body that is not
        of the length that was declared.
        """
        if self.flow.write_paused and not self.disconnected:
            await self.flow.drain()
        if self.disconnected:
            return
        kind = message["type"]
        if not self.response_started:
            if kind != "http.response.start":
                raise RuntimeError(f"{kind} was sent before the response was started.")
            self._start(message["status"], message.get("headers", ()))
        elif self.response_complete or kind != "http.response.body":
            raise RuntimeError(f"{kind} was sent where it does not belong.")
        else:
            self._write(message.get("body", b""), more_body=message.get("more_body", False))

    async def answer(self, status: int, lines: bytes, body: bytes) -> None:
        """Sends a response whole: lines of a head that are known to be well-formed, and a body.

        The lines say nothing of the body's length, nor of the connection.
        """
        if self.flow.write_paused and not self.disconnected:
            await self.flow.drain()
        if self.disconnected:
            return
        close = self._begin()
        shown = b"" if self.scope["method"] == "HEAD" else body
        self.transport.write(
            b"%b%bcontent-length: %d\r\n%b\r\n%b" % (_STATUS_LINES[status], lines, len(body), close, shown)
        )
        self._end()

    async def open(self, lines: bytes) -> None:
        """Takes the head of a response whose body is streamed: lines as for `answer`, for status 200."""
        if self.flow.write_paused and not self.disconnected:
            await self.flow.drain()
        if self.disconnected:
            return
        close = self._begin()
        self._is_chunked = self.scope["method"] != "HEAD"
        chunked = _CHUNKED if self._is_chunked else b""
        self._head = b"%b%b%b%b\r\n" % (_STATUS_LINES[200], lines, close, chunked)
        self._flushing = asyncio.get_running_loop().call_soon(self._flush)

    async def drained(self) -> None:
        """Waits until the connection takes more."""
        if self.flow.write_paused and not self.disconnected:
            await self.flow.drain()

    def open_with(self, lines: bytes, body: bytes) -> None:
        """The head of such a response and the first of its body, in one piece, where the connection takes more."""
        if self.disconnected:
            return
        chunk = (_STATUS_LINES[200], lines, self._begin(), len(body), body)
        self._is_chunked = True
        self.transport.write(b"%b%b%btransfer-encoding: chunked\r\n\r\n%x\r\n%b\r\n" % chunk)

    def push(self, body: bytes) -> bool:
        """Sends a piece of a chunked body at once; False if the connection takes nothing now: nothing was sent."""
        if not self._is_chunked or self.flow.write_paused or self.disconnected or self.response_complete:
            return False
        if self._head is not None or self.scope["method"] == "HEAD":
            return False
        self.transport.write_now(b"%x\r\n%b\r\n" % (len(body), body))
        return True

    def _begin(self) -> bytes:
        """A response begins whose lines are known; gives the one that says that the connection is not kept."""
        if self.response_started:
            raise RuntimeError("A response was sent after another.")
        self.response_started = True
        self.waiting_for_100_continue = False
        return b"" if self.keep_alive else _CLOSE

    def _start(self, status: int, headers: list[tuple[bytes, bytes]]) -> None:
        lines = [_STATUS_LINES.get(status) or b"HTTP/1.1 %d \r\n" % status]
        count = 2
        has_length = has_close = is_chunked = False
        for name, value in headers:
            lines += (name, b": ", value, b"\r\n")
            count += 1
            if name == b"content-length":
                has_length = True
                self._left_bytes = int(value)
            elif name == b"transfer-encoding":
                is_chunked = value.lower() == b"chunked"
            elif name == b"connection" and b"close" in value.lower():
                has_close = True
                self.keep_alive = False
        if not self.keep_alive and not has_close:
            lines.append(_CLOSE)
            count += 1
        self._is_chunked = is_chunked or not (has_length or self.scope["method"] == "HEAD" or status in _BODILESS)
        if self._is_chunked and not is_chunked:
            lines.append(_CHUNKED)
            count += 1
        lines.append(b"\r\n")
        head = b"".join(lines)
        if head.count(b"\n") != count or head.count(b"\r") != count or 0 in head:
            raise RuntimeError("A header of the response holds what no header may hold.")
        self.response_started = True
        self.waiting_for_100_continue = False
        self._head = head
        self._flushing = asyncio.get_running_loop().call_soon(self._flush)

    def _flush(self) -> None:
        """Sends the head if nothing has come to go with it."""
        self._flushing = None
        if self._head is not None:
            head, self._head = self._head, None
            self._write_out(head)

    def _write(self, body: bytes, *, more_body: bool) -> None:
        if self.scope["method"] == "HEAD":
            self._left_bytes, data = 0, b""
        elif self._is_chunked:
            data = b"%x\r\n%b\r\n" % (len(body), body) if body else b""
            if not more_body:
                data += b"0\r\n\r\n"
        else:
            self._left_bytes -= len(body)
            if self._left_bytes < 0:
                raise RuntimeError("The body of the response is longer than its Content-Length.")
            data = body
        if self._head is not None:
            data = self._behind_the_head(data)
        if data:
            self._write_out(data)
        if not more_body:
            if self._left_bytes:
                raise RuntimeError("The body of the response is shorter than its Content-Length.")
            self._end()

    def _behind_the_head(self, data: bytes) -> bytes:
        """What is to be written: both, or the data alone once the head is written."""
        if self._flushing is not None:
            self._flushing.cancel()
            self._flushing = None
        if len(data) > _JOINED_BYTES:
            self._flush()
            return data
        head, self._head = self._head or b"", None
        return head + data

    def _write_out(self, data: bytes) -> None:
        if not self.disconnected:
            self.transport.write(data)

    def _end(self) -> None:
        self.response_complete = self._has_news = True
        if self._news is not None:
            self._news.set()
        if not self.keep_alive:
            self.transport.close()
        on_response = self.on_response
        on_response()


def cycle_of(call: object) -> Cycle | None:
    """The cycle whose `receive` or `send` it is; None for those of another server, or of what stands before them."""
    cycle = getattr(call, "__self__", None)
    return cycle if isinstance(cycle, Cycle) else None


def _nothing() -> None:
    """What a cycle that is over calls."""

"""uvicorn's HTTP/1.1 protocol with bounds where it has none: on the head, on trailers, and on the time they take.

The parser (llhttp, strict) refuses what is ambiguous; here is refused what is too much or too slow. A request that is
too much is answered 400 and the connection closed, one that is too slow is closed. What is checked while bytes come in
costs nothing that grows with them; time is looked at by one sweep a second over all connections, not by timers.
"""

import asyncio
from functools import partial
from typing import Any, Final
from urllib.parse import unquote

import httptools
from uvicorn.protocols.http.flow_control import HIGH_WATER_LIMIT
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from edge.cycle import Cycle
from edge.doorman import Doorman, TooManyConnectionsError
from edge.gate import Gate
from edge.known_head import KnownHead, known_head
from edge.last_words import MALFORMED, TOO_MANY_CONNECTIONS, TOO_MUCH, LastWords, written
from edge.outlet import Cork, Outlet
from edge.trailers import TooMuchError, Trailers
from edge.unread import Head
from edge.worker import Worker

MAX_HEAD_BYTES: Final = 64 * 1024
"""Request line and headers together, and what comes between two pieces of a body."""

MAX_HEADERS: Final = 100

HEAD_TIMEOUT_S: Final = 10.0
"""From the first byte of a request, or from the connection, to the end of the headers."""

BODY_WINDOW_S: Final = 10.0
MIN_BODY_BYTES: Final = 1024
"""What has to come of a body in every window while we are reading, unless it ends sooner."""

READER_TIMEOUT_S: Final = 60.0
"""How long a client may take nothing of an answer that waits for it."""

SWEEP_S: Final = 1.0

# The most that comes in one piece, of which we do not know how much belongs to what came before.
_READ_BYTES: Final = 256 * 1024
_ASGI: Final = {"version": "3.0", "spec_version": "2.3"}
_IDLE, _HEAD, _BODY = range(3)
_QUESTION: Final = ord("?")
_HASH: Final = ord("#")
# Heads that are remembered of a connection, one after another: more, and no two of its requests are alike.
_MAX_HEADS: Final = 8


class GuardedProtocol(HttpToolsProtocol):
    """One connection. The `gate`, if there is one, answers requests for which there is no time."""

    def __init__(self, doorman: Doorman, gate: Gate | None, cork: Cork, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._doorman = doorman
        self._gate = gate
        self._cork = cork
        self._name: str | None = None
        self._phase = _HEAD
        self._since_s = self.loop.time()
        self._chunk_bytes = self._unused_bytes = self._body_bytes = self._marked_bytes = 0
        self._reason = MALFORMED
        self._answering: Cycle | None = None
        self._known: KnownHead | None = None
        self._heads_left = _MAX_HEADS
        self._worker = Worker(self.loop, self.tasks)
        self._is_let_in = False
        self._refused: Head | None = None
        # A head that came without its body: `_held` is not parsed yet, `_apart` is, and is kept to be learnt from.
        self._held = self._apart = b""
        self._stuck_since_s, self._stuck_bytes = 0.0, 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """Takes a connection, unless its address has too many."""
        self._outlet = Outlet(transport, self._cork)
        super().connection_made(self._outlet)
        try:
            self._name = self._doorman.enter(self.client[0] if self.client else None)
        except TooManyConnectionsError:
            self._refuse(TOO_MANY_CONNECTIONS)
        # Made once; that of our own is let go of when the connection is lost.
        self._is_closing, self._on_response = transport.is_closing, self.on_response_complete

    def data_received(self, data: bytes) -> None:
        """Parses, and refuses a head or trailers that do not end."""
        if self._held:
            data = self._held_head() + data
        gate, known = self._gate, self._known
        if gate is not None and gate.door.is_shut and self._refuse_unread(data, gate):
            return
        is_closing = self._is_closing
        if (
            known is None
            or (body := known.body_in(data)) is None
            or self._phase != _IDLE
            or not self.cycle.response_complete
            or self._doorman.is_closing
            or is_closing()
        ):
            self._parse(data)
            return
        # A request with the head of one that was served needs no parser. A head alone is kept until the first of its
        # body comes: many clients write the two apart.
        if not body and known.due_bytes:
            self._held, self._phase, self._since_s = data, _BODY, self.loop.time()
            self._body_bytes = self._marked_bytes = 0
            return
        cycle = known.next(body, self._on_response)
        self.cycle = cycle  # type: ignore[assignment]  # in the place of uvicorn's own
        if gate is None or not known.is_gated or self._pass(cycle, gate):
            self._answering = cycle
            self._worker.serve_now(cycle, self.app)

    def _parse(self, data: bytes) -> None:
        """Has the parser tell what is in the data."""
        whole = data if self._is_between() else self._apart and self._apart + data
        self._chunk_bytes, self._apart = len(data), b""
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserError:
            self.logger.warning("Invalid HTTP request received.")
            self.send_400_response("")
        except httptools.HttpParserUpgrade:
            self._unsupported_upgrade_warning()
        if self._phase == _IDLE:
            if whole and self._heads_left:
                self._learn(whole)
            return
        if whole is data and self._phase == _BODY and not self._body_bytes:
            self._apart = data
        self._unused_bytes += len(data)
        if self._unused_bytes > MAX_HEAD_BYTES + _READ_BYTES and not self.transport.is_closing():
            self._reason = TOO_MUCH
            self.send_400_response("")

    def connection_lost(self, exc: Exception | None) -> None:
        """Tells the request that is being answered, which need not be the last one that came."""
        self._outlet.lose()
        if self._held:
            self._parse(self._held_head())
        super().connection_lost(exc)
        if self._name is not None:
            self._doorman.leave(self._name)
            self._name = None
        if self._answering is not None:
            self._answering.depart()
        answered: Any
        for answered in (self._answering, self.cycle):
            if answered is not None and answered.response_complete:
                answered.end()
        self._worker.stop()
        self._known = None
        del self._on_response

    def eof_received(self) -> None:
        """The loop closes a connection that sends no more: what was said to it goes first."""
        self._outlet.flush()

    def _held_head(self) -> bytes:
        """What is held, as if it had not come yet."""
        held, self._held, self._phase = self._held, b"", _IDLE
        return held

    def _learn(self, data: bytes) -> None:
        """Remembers the head of a request that came whole; not for ever, on a connection where all are different."""
        cycle: Any = self.cycle
        if cycle.keep_alive:
            self._heads_left -= 1
            self._known = known = known_head(data, cycle)
            if known is not None and self._gate is not None:
                known.is_gated = self._gate.concerns(cycle.scope["method"], cycle.scope["raw_path"])

    def on_message_begin(self) -> None:
        """A request begins, maybe behind another in the same piece of data."""
        self._phase = _HEAD
        self._since_s = self.loop.time()
        self._unused_bytes = 0
        self.url = b""
        self.expect_100_continue = False
        self.headers = []

    def on_headers_complete(self) -> None:
        """Lets a head through that is small enough. Trailers are kept apart from it."""
        headers = self.headers
        if len(headers) > MAX_HEADERS or (
            self._unused_bytes + self._chunk_bytes > MAX_HEAD_BYTES
            and len(self.url) + sum(len(name) + len(value) for name, value in headers) > MAX_HEAD_BYTES
        ):
            self._reason = TOO_MUCH
            raise TooMuchError
        self._begin()
        self.headers = Trailers()
        self._phase = _BODY
        self._since_s = self.loop.time()
        self._unused_bytes = self._body_bytes = self._marked_bytes = 0

    def _begin(self) -> None:
        """Hands the request to the application, or keeps it until the one before it on the connection is answered."""
        url = self.url
        if url[:1] == b"/" and _QUESTION not in url and _HASH not in url:
            raw_path, query = url, b""
        else:
            parsed = httptools.parse_url(url)
            raw_path, query = parsed.path, parsed.query or b""
        path = raw_path.decode("ascii")
        version = self.parser.get_http_version()
        scope: Any = {
            "type": "http",
            "asgi": _ASGI,
            "http_version": version,
            "server": self.server,
            "client": self.client,
            "scheme": self.scheme,
            "root_path": "",
            "method": self.parser.get_method().decode("ascii"),
            "path": unquote(path) if "%" in path else path,
            "raw_path": raw_path,
            "query_string": query,
            "headers": self.headers,
            "state": self.app_state.copy(),
        }
        before = self.cycle
        cycle = Cycle(
            scope,
            self._outlet,
            self.flow,
            self.on_response_complete,
            keep_alive=version != "1.0" and self.parser.should_keep_alive() and not self._doorman.is_closing,
            expect_100_continue=self.expect_100_continue,
        )
        self.cycle = cycle  # type: ignore[assignment]  # in the place of uvicorn's own
        if before is not None and not before.response_complete:
            self.flow.pause_reading()
            self.pipeline.appendleft((self.cycle, self.app))
        else:
            gate = self._gate
            if gate is None or not gate.concerns(scope["method"], scope["raw_path"]) or self._pass(cycle, gate):
                self._start_asgi_task(cycle, self.app)

    def _pass(self, cycle: Cycle, gate: Gate) -> bool:
        """Whether a request is served at once. False: there is no time for it, or too many have just been."""
        if self._is_let_in:
            self._is_let_in = False
        elif (wait_s := gate.door.turn_away()) is not None:
            self._turn_away(cycle, gate, wait_s)
            return False
        now_s = self.loop.time()
        if gate.turns.takes(now_s):
            return True
        self._answering = cycle
        gate.turns.wait(now_s, partial(self._start_late, cycle))
        return False

    def _start_late(self, cycle: Cycle) -> bool:
        """The same for one that has waited, unless its client has left."""
        if cycle.disconnected:
            return False
        self._start_asgi_task(cycle, self.app)
        return True

    def _turn_away(self, cycle: Cycle, gate: Gate, wait_s: float) -> None:
        """Answers a request in the place of the application."""
        scope = cycle.scope
        # A client that waits for leave to send its body may send it all the same, or not.
        closes = not cycle.keep_alive or cycle.waiting_for_100_continue
        cycle.keep_alive = not closes
        cycle.answer_written(gate.refusal(wait_s, scope["raw_path"], scope["headers"], closes=closes))

    def _refuse_unread(self, data: bytes, gate: Gate) -> bool:
        """Answers a request that came whole between two others, without a look at more than where it ends."""
        if not self._is_between() or self._doorman.is_closing or self.flow.write_paused or self._is_closing():
            return False
        cycle, head = self.cycle, self._refused
        if cycle is not None and not cycle.response_complete:
            return False
        if head is None or not head.comes_again(data):
            head = gate.recognize(data)
            if head is None:
                return False
            self._refused = head if head.is_small else None
        response = gate.answer_unread(head)
        if response is None:
            self._is_let_in = True
            return False
        self._phase = _IDLE
        self._since_s = self.loop.time()
        self._outlet.write(response)
        return True

    def _is_between(self) -> bool:
        """Nothing has come of a request that is not all there."""
        return self._phase == _IDLE or (self._phase == _HEAD and not self._unused_bytes)

    def _start_asgi_task(self, cycle: Any, app: Any) -> None:
        self._answering = cycle
        self._worker.serve(cycle, app)

    def on_body(self, body: bytes) -> None:
        """A piece of the body."""
        self._unused_bytes = 0
        self._body_bytes += len(body)
        if self.cycle.response_complete:
            return
        cycle: Any = self.cycle
        if not cycle.body:
            cycle.body = body
        elif isinstance(cycle.body, bytes):
            cycle.body = bytearray(cycle.body) + body
        else:
            cycle.body += body
        if len(cycle.body) > HIGH_WATER_LIMIT:
            self.flow.pause_reading()
        cycle.tell()

    def on_message_complete(self) -> None:
        """All of a request is here."""
        self._phase = _IDLE
        if not self.cycle.response_complete:
            cycle: Any = self.cycle
            cycle.more_body = False
            cycle.tell()

    def on_response_complete(self) -> None:
        """Answers the request behind, or waits for the next; for how long, the sweep looks, and no timer is made."""
        is_closing = self._is_closing
        if is_closing():
            return
        if self._phase == _IDLE:
            self._since_s = self.loop.time()
        if self.flow.read_paused:
            self.flow.resume_reading()
        if self.pipeline:
            self._start_asgi_task(*self.pipeline.pop())

    def send_400_response(self, msg: str) -> None:
        """Tells what was wrong in the form of all errors, and closes."""
        self._refuse(self._reason)

    def _refuse(self, refusal: LastWords) -> None:
        cycle: Any = self.cycle
        if cycle is None or cycle.response_complete or not (cycle.response_started or self.pipeline):
            self.transport.write(written(refusal))
        if cycle is not None:
            cycle.disconnected = True
            cycle.tell()
        self.transport.close()

    def wind_up(self) -> None:
        """The response under way is the last on this connection."""
        self._worker.show()
        if self.cycle is not None:
            self.cycle.keep_alive = False

    def shutdown(self) -> None:
        """Closes a connection on which nothing has come that is not answered; what has begun to come is."""
        self.wind_up()
        if self._is_answered() and self._is_between():
            self.transport.close()

    def _is_answered(self) -> bool:
        return self.cycle is None or self.cycle.response_complete

    def abort(self) -> None:
        """Cuts the connection."""
        self.transport.abort()

    def check_pace(self, now_s: float) -> None:
        """Closes a connection whose request comes too slowly or not at all, or whose reader takes nothing."""
        if self.flow.write_paused:
            self._check_reader(now_s)
        else:
            self._stuck_since_s = now_s
        took_s = now_s - self._since_s
        if self._phase == _HEAD and took_s > HEAD_TIMEOUT_S:
            self.transport.abort()
        elif self._phase == _BODY and took_s > BODY_WINDOW_S:
            if self._body_bytes - self._marked_bytes < MIN_BODY_BYTES and not self.flow.read_paused:
                self.transport.abort()
            self._since_s, self._marked_bytes = now_s, self._body_bytes
        elif self._phase == _IDLE and took_s > self.timeout_keep_alive and self._is_answered():
            self.transport.close()

    def _check_reader(self, now_s: float) -> None:
        left_bytes = self.transport.get_write_buffer_size()
        if left_bytes != self._stuck_bytes:
            self._stuck_since_s, self._stuck_bytes = now_s, left_bytes
        elif now_s - self._stuck_since_s > READER_TIMEOUT_S:
            self.transport.abort()

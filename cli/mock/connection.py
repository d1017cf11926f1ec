"""One connection of the mock: bytes in, parsed by httptools; plans played out. It decides nothing about answers."""

import asyncio
import socket
import struct
from typing import Final, Protocol, cast

import httptools

from cli.mock.plan import Plan
from cli.mock.record import Recorded
from cli.mock.steps import Ending

_RESET_ON_CLOSE: Final = struct.pack("ii", 1, 0)
_SCENARIO: Final = b"x-mock-scenario"


def reset(transport: asyncio.Transport) -> None:
    """Ends a connection with a reset instead of an orderly close."""
    raw: socket.socket = transport.get_extra_info("socket")
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
    transport.abort()


class Answerer(Protocol):
    """Who decides what a request gets."""

    def plan_for(self, request: Recorded, scenario: bytes | None) -> Plan:
        """The plan for a request that has arrived."""

    def opened(self, connection: "Connection") -> int:
        """A connection was opened; its number."""

    def closed(self, connection: "Connection", unanswered: Recorded | None) -> None:
        """A connection has ended, while a request was unanswered or not."""


class Connection(asyncio.Protocol):
    """Serves the requests of one connection, one after the other."""

    def __init__(self, answerer: Answerer) -> None:
        self._answerer = answerer
        self._loop = asyncio.get_running_loop()
        self._parser = httptools.HttpRequestParser(self)
        self._transport: asyncio.Transport | None = None
        self._number = 0
        self._exchanges = 0
        self._url = b""
        self._headers: list[tuple[bytes, bytes]] = []
        self._body: list[bytes] = []
        self._scenario: bytes | None = None
        self._current: Recorded | None = None
        self._waiting: list[tuple[Recorded, bytes | None]] = []
        self._player: asyncio.Task[None] | None = None
        self._can_write = asyncio.Event()
        self._can_write.set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called by the loop."""
        self._transport = cast(asyncio.Transport, transport)
        self._number = self._answerer.opened(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """Called by the loop: the client has left, or we closed."""
        self._transport = None
        if self._player is not None:
            self._player.cancel()
        if self._current is not None:
            self._current.disconnected_at_s = self._loop.time()
        self._answerer.closed(self, self._current)

    def data_received(self, data: bytes) -> None:
        """Called by the loop."""
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self.abort()

    def pause_writing(self) -> None:
        """Called by the loop when the client reads too slowly."""
        self._can_write.clear()

    def resume_writing(self) -> None:
        """Called by the loop."""
        self._can_write.set()

    def abort(self) -> None:
        """Drops the connection."""
        if self._transport is not None:
            self._transport.abort()

    def on_message_begin(self) -> None:
        """Called by the parser."""
        self._url = b""
        self._headers = []
        self._body = []
        self._scenario = None

    def on_url(self, url: bytes) -> None:
        """Called by the parser, perhaps with a part."""
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """Called by the parser."""
        self._headers.append((name, value))
        if len(name) == len(_SCENARIO) and name.lower() == _SCENARIO:
            self._scenario = value
        elif len(name) == 6 and name.lower() == b"expect" and self._transport is not None:
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def on_body(self, body: bytes) -> None:
        """Called by the parser, with a part."""
        self._body.append(body)

    def on_message_complete(self) -> None:
        """Called by the parser."""
        self._exchanges += 1
        request = Recorded(
            self._parser.get_method().decode(),
            self._url.decode("latin-1"),
            self._headers,
            b"".join(self._body),
            self._loop.time(),
            self._number,
            self._exchanges,
        )
        if self._current is None:
            self._serve(request, self._scenario)
        else:
            self._waiting.append((request, self._scenario))

    def _serve(self, request: Recorded, scenario: bytes | None) -> None:
        self._current = request
        plan = self._answerer.plan_for(request, scenario)
        steps = plan.steps
        if len(steps) == 1 and steps[0].delay_s <= 0 and plan.ending is Ending.KEEP and not plan.forever:
            if self._transport is not None:
                self._transport.write(steps[0].data)
            self._end(plan.ending)
        else:
            self._player = self._loop.create_task(self._play(plan))

    async def _play(self, plan: Plan) -> None:
        for step in plan.steps:
            await asyncio.sleep(max(step.delay_s, 0.0))
            await self._write(step.data)
        while plan.forever:
            await asyncio.sleep(plan.every_s)
            await self._write(plan.forever)
        self._player = None
        self._end(plan.ending)

    async def _write(self, data: bytes) -> None:
        await self._can_write.wait()
        if self._transport is not None:
            self._transport.write(data)

    def _end(self, ending: Ending) -> None:
        transport = self._transport
        if ending is Ending.STALL or transport is None:
            return
        if self._current is not None:
            self._current.is_answered = True
            self._current = None
        if ending is Ending.RESET:
            reset(transport)
        elif ending is Ending.CLOSE or not self._parser.should_keep_alive():
            transport.close()
        elif self._waiting:
            self._serve(*self._waiting.pop(0))

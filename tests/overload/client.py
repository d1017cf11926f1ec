"""A bare client that offers requests at a steady rate, however many are answered: an open loop, as the world is one.

It keeps its connections and opens another when none is free, so that a slow answer holds up no other request. It costs
little beside what is tested: bytes are written, and only status, length and wait are read of an answer.
"""

import asyncio
import re
from collections.abc import Sequence
from dataclasses import dataclass, field

_LENGTH = re.compile(rb"\r\ncontent-length: (\d+)\r\n", re.IGNORECASE)
_WAIT = re.compile(rb"\r\nretry-after: (\d+)\r\n", re.IGNORECASE)
_TICK_S = 0.005
LIMIT_S = 30.0


@dataclass(slots=True)
class Asked:
    """One request: when it was sent and how long its answer took, seconds; `status` 0 if there was none."""

    at_s: float
    took_s: float = 0.0
    status: int = 0
    has_wait: bool = False
    body: bytes = b""


class _Connection(asyncio.Protocol):
    """Sends a request at a time."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._received = b""
        self._answer: asyncio.Future[bytes] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(ConnectionError("the gateway closed the connection"))

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, found, body = self._received.partition(b"\r\n\r\n")
        length = _LENGTH.search(head + b"\r\n")
        if found and length is not None and len(body) >= int(length[1]) and self._answer is not None:
            received, self._received = self._received, b""
            if not self._answer.done():
                self._answer.set_result(received)

    async def ask(self, request: bytes) -> bytes:
        if self._transport is None:
            raise ConnectionError("the connection is closed")
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return await self._answer

    @property
    def is_open(self) -> bool:
        return self._transport is not None and not self._transport.is_closing()

    def close(self) -> None:
        if self._transport is not None:
            self._transport.abort()


@dataclass(slots=True)
class Client:
    """Asks a port of 127.0.0.1; `asked` keeps every request in the order in which they were sent."""

    port: int
    asked: list[Asked] = field(default_factory=list)
    _free: list[_Connection] = field(default_factory=list)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    async def ask(self, request: bytes) -> Asked:
        """One request."""
        loop = asyncio.get_running_loop()
        asked = Asked(loop.time())
        self.asked.append(asked)
        connection = None
        try:
            async with asyncio.timeout(LIMIT_S):
                connection = await self._connection()
                received = await connection.ask(request)
            head, _, asked.body = received.partition(b"\r\n\r\n")
            asked.status, asked.has_wait = int(received[9:12]), _WAIT.search(head + b"\r\n") is not None
            self._free.append(connection)
        except (OSError, TimeoutError):
            if connection is not None:
                connection.close()
        asked.took_s = loop.time() - asked.at_s
        return asked

    async def offer(self, request: bytes, rate: float, seconds: float) -> Sequence[Asked]:
        """Sends `rate` requests a second for so long, and waits for the last answer; gives those requests."""
        loop, before = asyncio.get_running_loop(), len(self.asked)
        began_s, sent = loop.time(), 0
        while (passed_s := loop.time() - began_s) < seconds:
            while sent < passed_s * rate:
                task = loop.create_task(self._ask(request))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)
                sent += 1
            await asyncio.sleep(_TICK_S)
        await asyncio.gather(*self._tasks)
        return self.asked[before:]

    async def saturate(self, request: bytes, at_once: int, seconds: float) -> Sequence[Asked]:
        """Asks again as soon as there is an answer, so many at once; gives those requests."""
        loop, before = asyncio.get_running_loop(), len(self.asked)
        until_s = loop.time() + seconds

        async def again_and_again() -> None:
            while loop.time() < until_s:
                await self.ask(request)

        await asyncio.gather(*(again_and_again() for _ in range(at_once)))
        return self.asked[before:]

    def close(self) -> None:
        """Closes what is open."""
        for connection in self._free:
            connection.close()

    async def _ask(self, request: bytes) -> None:
        await self.ask(request)

    async def _connection(self) -> _Connection:
        while self._free:
            connection = self._free.pop()
            if connection.is_open:
                return connection
        loop = asyncio.get_running_loop()
        _, made = await loop.create_connection(_Connection, "127.0.0.1", self.port)
        return made


def post(path: str, key: str, body: bytes) -> bytes:
    """A POST of JSON."""
    head = f"POST {path} HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: Bearer {key}\r\n"
    return f"{head}content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n".encode() + body


def get(path: str) -> bytes:
    """A GET."""
    return f"GET {path} HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n".encode()

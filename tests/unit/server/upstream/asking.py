"""What the tests of the client ask with: requests, readers of answers, names that resolve as wanted, a transport."""

import asyncio
import socket
from collections.abc import Sequence

from cli.mock.upstream import MockUpstream
from server.chat.wire import Timeouts, WireRequest, WireResponse
from server.upstream.client import HttpTransport
from server.upstream.connection import Connection
from server.upstream.cork import Cork
from server.upstream.egress import AddrInfo
from server.upstream.response import HttpResponse

QUICK = Timeouts(connect_s=5.0, first_byte_s=5.0, idle_s=5.0, total_s=10.0)
ANSWER = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"


def post(url: str, body: bytes = b'{"model":"m"}', **headers: str) -> WireRequest:
    return WireRequest("POST", url, {"Content-Type": "application/json", **headers}, body)


def chat(mock: MockUpstream, scenario: str = "", *, stream: bool = False) -> WireRequest:
    body = b'{"model":"m","stream":true}' if stream else b'{"model":"m"}'
    return post(f"{mock.base_url}/chat/completions", body, **{"x-mock-scenario": scenario})


async def read_all(transport: HttpTransport, request: WireRequest, timeouts: Timeouts = QUICK) -> bytes:
    response = await transport.send(request, timeouts)
    try:
        return await response.read()
    finally:
        await response.close()


async def collect(response: WireResponse, into: list[bytes]) -> None:
    async for piece in response.chunks():
        into.append(piece)


class Names:
    """Resolves every name to fixed addresses, or to none, and counts how often it was asked."""

    def __init__(self, *addresses: str) -> None:
        self.addresses = addresses
        self.asked = 0

    async def resolve(self, host: str, port: int) -> Sequence[AddrInfo]:
        self.asked += 1
        if not self.addresses:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return [
            (socket.AF_INET6 if ":" in each else socket.AF_INET, socket.SOCK_STREAM, 0, "", (each, port))
            for each in self.addresses
        ]


class Wire(asyncio.Transport):
    """A transport that only notes that it is to end."""

    def __init__(self) -> None:
        super().__init__()
        self.is_ended = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Sends nothing."""

    def abort(self) -> None:
        self.is_ended = True

    def is_closing(self) -> bool:
        return self.is_ended


def answering() -> tuple[Connection, HttpResponse, Wire]:
    """A connection that carries an exchange, the answer to come, and what is below."""
    connection = Connection(asyncio.get_running_loop(), Cork(), lambda _: None, lambda _: None)
    answer = HttpResponse(connection, Timeouts(), asyncio.get_running_loop().time(), 1 << 20)
    below = Wire()
    connection.connection_made(below)
    connection.start(b"", b"", answer)
    return connection, answer, below

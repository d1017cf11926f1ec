"""Requests that begin in one round leave together: what upstreams get, and what becomes of a request that is held."""

import asyncio
import gc
import ssl
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
import uvloop

from server.chat.wire import Timeouts
from server.errors import UpstreamReset
from server.upstream.client import HttpTransport
from server.upstream.connection import Connection
from server.upstream.cork import Cork
from server.upstream.failures import StaleConnectionError
from server.upstream.response import HttpResponse
from tests.unit.server.upstream.asking import ANSWER, QUICK, Names, post, read_all
from tests.unit.server.upstream.raw_server import raw_server, read_request

LOOPS = [pytest.param(asyncio.new_event_loop, id="asyncio"), pytest.param(uvloop.new_event_loop, id="uvloop")]
TIMES = Timeouts(first_byte_s=50.0)


def run(loop_factory: Callable[[], asyncio.AbstractEventLoop], main: Callable[[], Awaitable[None]]) -> None:
    async def whole() -> None:
        await main()

    with asyncio.Runner(loop_factory=loop_factory) as runner:
        runner.run(whole())


class Wire(asyncio.Transport):
    """Keeps what is sent, and how it ended."""

    def __init__(self, log: list[str], name: str) -> None:
        super().__init__()
        self.log, self.name = log, name
        self.is_ended = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.log.append(f"{self.name} {bytes(data).decode()}")
        if data == b"!":
            raise RuntimeError("the transport fails")

    def abort(self) -> None:
        self.is_ended = True

    def is_closing(self) -> bool:
        return self.is_ended


def begun(cork: Cork, wire: Wire, request: bytes, body: bytes = b"", *, used: int = 0) -> tuple[Connection, Any]:
    """A connection that was used so often, with a request under way."""
    loop = asyncio.get_running_loop()
    connection = Connection(loop, cork, lambda _: None, lambda _: None)
    connection.exchanges = used
    connection.connection_made(wire)
    answer = HttpResponse(connection, TIMES, loop.time(), 1000)
    connection.start(request, body, answer)
    return connection, answer


async def test_requests_leave_in_turn_and_one_that_fails_holds_up_none() -> None:
    log, told, cork = list[str](), list[str](), Cork()
    asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(str(context["exception"])))
    kept = [begun(cork, Wire(log, name), data) for name, data in (("a", b"1"), ("b", b"!"), ("c", b"2"))]
    kept.append(begun(cork, Wire(log, "d"), b"head", b"body"))
    log.append("the round ends")
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert log == ["d head", "d body", "the round ends", "a 1", "b !", "c 2"]
    assert told == ["the transport fails"]
    kept.append(begun(cork, Wire(log, "e"), b"3"))
    await asyncio.sleep(0)
    assert log[-1] == "e 3"
    for connection, _ in kept:
        connection.connection_lost(None)


def is_lost(connection: Connection) -> None:
    connection.connection_lost(None)


def is_broken(connection: Connection) -> None:
    connection.connection_lost(ConnectionResetError())


def is_closed(connection: Connection) -> None:
    connection.eof_received()
    connection.connection_lost(None)


def is_spoken_to(connection: Connection) -> None:
    connection.data_received(b"HTTP/1.1 408 Request Timeout\r\ncontent-length: 0\r\n\r\n")
    connection.connection_lost(None)


@pytest.mark.parametrize(
    ("happens", "used", "failure"),
    [
        pytest.param(is_lost, 1, StaleConnectionError, id="a used one that is lost: again"),
        pytest.param(is_broken, 1, StaleConnectionError, id="a used one that is reset: again"),
        pytest.param(is_closed, 1, StaleConnectionError, id="a used one that the upstream closes: again"),
        pytest.param(is_spoken_to, 1, StaleConnectionError, id="a used one with an answer to nothing: again"),
        pytest.param(is_lost, 0, UpstreamReset, id="a new one that is lost: no answer"),
        pytest.param(is_broken, 0, UpstreamReset, id="a new one that is reset: no answer"),
        pytest.param(is_closed, 0, UpstreamReset, id="a new one that the upstream closes: no answer"),
    ],
)
async def test_what_ends_before_its_request_has_left(
    happens: Callable[[Connection], None], used: int, failure: type[Exception]
) -> None:
    log: list[str] = []
    connection, answer = begun(Cork(), Wire(log, "a"), b"1", used=used)
    happens(connection)
    await asyncio.sleep(0)
    assert log == []
    with pytest.raises(failure):
        await answer.arrive()


async def test_a_new_connection_whose_upstream_speaks_first_is_heard() -> None:
    log: list[str] = []
    connection, answer = begun(Cork(), Wire(log, "a"), b"1")
    connection.data_received(ANSWER)
    await answer.arrive()
    assert (answer.status, await answer.read()) == (200, b"ok")
    await asyncio.sleep(0)
    assert log == ["a 1"]
    connection.connection_lost(None)


async def test_a_call_that_is_given_up_in_the_round_of_its_request_sends_nothing() -> None:
    log: list[str] = []
    wire = Wire(log, "a")
    connection, answer = begun(Cork(), wire, b"1")
    await answer.close()
    await asyncio.sleep(0)
    assert (log, wire.is_ended) == ([], True)
    connection.connection_lost(None)


@pytest.mark.parametrize("loop_factory", LOOPS)
def test_many_calls_at_once_each_get_their_answer(loop_factory: Any) -> None:
    """Over connections that are kept, and that the upstream closes after three requests without a word."""

    async def talk(_: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for _ in range(3):
            head = await read_request(reader)
            path = head.split(b" ")[1]
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%b" % (len(path), path))
            await writer.drain()

    async def main() -> None:
        transport = HttpTransport(allow_private_upstreams=True)
        async with raw_server(talk) as port:
            for turn in range(6):
                paths = [f"/{turn}/{number}" for number in range(16)]
                calls = [read_all(transport, post(f"http://127.0.0.1:{port}{path}")) for path in paths]
                assert await asyncio.gather(*calls) == [path.encode() for path in paths]
        await transport.close()

    run(loop_factory, main)
    gc.collect()


@pytest.mark.parametrize("loop_factory", LOOPS)
def test_requests_over_tls(loop_factory: Any, tls_files: Path) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tls_files / "good.pem")
    trust = ssl.create_default_context(cafile=str(tls_files / "ca.pem"))

    async def talk(_: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for _ in range(3):
            await read_request(reader)
            writer.write(ANSWER)
            await writer.drain()

    async def main() -> None:
        transport = HttpTransport(allow_private_upstreams=True, tls=trust, resolver=Names("127.0.0.1"))
        async with raw_server(talk, context) as port:
            bodies = (b"small", b"x" * 100_000, b"small", b"x" * 1_000_000)
            for _ in range(2):
                calls = [read_all(transport, post(f"https://a.example:{port}/", body), QUICK) for body in bodies]
                assert await asyncio.gather(*calls) == [b"ok"] * len(bodies)
        await transport.close()

    run(loop_factory, main)


@pytest.mark.parametrize("loop_factory", LOOPS)
def test_a_call_that_is_cancelled_at_once_leaves_the_others_alone(loop_factory: Any) -> None:
    async def talk(_: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            await read_request(reader)
            writer.write(ANSWER)
            await writer.drain()

    async def main() -> None:
        transport = HttpTransport(allow_private_upstreams=True)
        async with raw_server(talk) as port:
            request = post(f"http://127.0.0.1:{port}/")
            for _ in range(3):
                tasks = [asyncio.ensure_future(read_all(transport, request)) for _ in range(6)]
                await asyncio.sleep(0)
                for task in tasks[::2]:
                    task.cancel()
                assert await asyncio.gather(*tasks[1::2]) == [b"ok"] * 3
                ended = await asyncio.gather(*tasks[::2], return_exceptions=True)
                assert all(isinstance(each, asyncio.CancelledError) for each in ended)
            assert await read_all(transport, request) == b"ok"
        await transport.close()

    run(loop_factory, main)

"""Requests over raw sockets: one in is at most one seen, and what is too much or too slow ends."""

import asyncio
import contextlib
import socket
import struct
from collections.abc import AsyncIterator
from typing import Any

import pytest

from edge import guarded
from edge.departure import DepartureWatch
from edge.guarded import GuardedProtocol
from edge.serve import serving
from edge.settings import EdgeSettings
from tests.unit.edge.connecting import connection

OK = b"HTTP/1.1 200 OK"
BAD = b"HTTP/1.1 400 Bad Request"


class Seen:
    """An application that reads every request to its end and keeps what it saw."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, str, bytes, list[tuple[bytes, bytes]]]] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        body = b""
        while True:
            message = await receive()
            if message["type"] != "http.request":
                return
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        self.requests.append((scope["method"], scope["path"], body, list(scope["headers"])))
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
        await send({"type": "http.response.body", "body": b"ok"})


@contextlib.asynccontextmanager
async def connected(app: Any) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    settings = EdgeSettings.from_environment(port=0, grace_s=0)
    async with serving(app, settings) as port, connection(port) as both:
        yield both


async def exchange(app: Any, *pieces: bytes, quiet_s: float = 0.2) -> bytes:
    """What comes back for the pieces, until the connection closes or nothing has come for `quiet_s` seconds."""
    async with connected(app) as (reader, writer):
        for piece in pieces:
            writer.write(piece)
        return b"".join([data async for data in arriving(reader, quiet_s)])


async def arriving(reader: asyncio.StreamReader, quiet_s: float) -> AsyncIterator[bytes]:
    """What arrives, until it ends or nothing has come for so long."""
    with contextlib.suppress(OSError, TimeoutError):
        while data := await asyncio.wait_for(reader.read(65_536), quiet_s):
            yield data


POST = b"POST / HTTP/1.1\r\nHost: a\r\n"
INNER = b"GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n"
CHUNKED = b"5\r\nhello\r\n0\r\n\r\n"
TE = b"Transfer-Encoding: chunked\r\n"
# Each is one request to somebody, and something else to somebody else.
AMBIGUOUS = {
    "a length and chunks": POST + b"Content-Length: 6\r\n" + TE + b"\r\n0\r\n\r\nG",
    "chunks and a length": POST + TE + b"Content-Length: 4\r\n\r\n" + b"5c\r\n" + INNER + b"\r\n0\r\n\r\n",
    "a length of nothing and chunks": POST + b"Content-Length: 0\r\n" + TE + b"\r\n" + CHUNKED + INNER,
    "two lengths": POST + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello" + INNER,
    "the same length twice": POST + b"Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello" + INNER,
    "two lengths in one": POST + b"Content-Length: 5, 6\r\n\r\nhello" + INNER,
    "the same length twice in one": POST + b"Content-Length: 5, 5\r\n\r\nhello" + INNER,
    "a length with a plus": POST + b"Content-Length: +5\r\n\r\nhello" + INNER,
    "a negative length": POST + b"Content-Length: -5\r\n\r\nhello" + INNER,
    "a length in hexadecimal": POST + b"Content-Length: 0x5\r\n\r\nhello" + INNER,
    "a length with a blank inside": POST + b"Content-Length: 1 0\r\n\r\nhello" + INNER,
    "an empty length": POST + b"Content-Length: \r\n\r\nhello" + INNER,
    "a length beyond 64 bits": POST + b"Content-Length: 18446744073709551621\r\n\r\nhello" + INNER,
    "a length with an underscore": POST + b"Content-Length: 1_0\r\n\r\nhello" + INNER,
    "a length in other digits": POST + b"Content-Length: \xd9\xa5\r\n\r\nhello" + INNER,
    "a blank before the colon of a length": POST + b"Content-Length : 5\r\n\r\nhello" + INNER,
    "a blank before the colon of chunks": POST + b"Transfer-Encoding : chunked\r\n\r\n" + CHUNKED,
    "a tab before the colon": POST + b"Transfer-Encoding\t: chunked\r\n\r\n" + CHUNKED,
    "chunks that are not last": POST + b"Transfer-Encoding: chunked, identity\r\n\r\n" + CHUNKED,
    "chunks twice": POST + b"Transfer-Encoding: chunked, chunked\r\n\r\n" + CHUNKED + INNER,
    "chunks in two headers": POST + TE + TE + b"\r\n" + CHUNKED + INNER,
    "chunks and then something": POST + TE + b"Transfer-Encoding: x\r\n\r\n" + CHUNKED + INNER,
    "an unknown coding": POST + b"Transfer-Encoding: xchunked\r\n\r\n" + CHUNKED,
    "chunks in quotes": POST + b'Transfer-Encoding: "chunked"\r\n\r\n' + CHUNKED,
    "chunks with a vertical tab": POST + b"Transfer-Encoding: \x0bchunked\r\n\r\n" + CHUNKED,
    "chunks with a semicolon": POST + b"Transfer-Encoding: chunked;q=1\r\n\r\n" + CHUNKED,
    "identity and a length": POST + b"Transfer-Encoding: identity\r\nContent-Length: 5\r\n\r\nhello" + INNER,
    "chunks in HTTP/1.0 with a length": b"POST / HTTP/1.0\r\n" + TE + b"Content-Length: 5\r\n\r\n" + CHUNKED,
    "a folded coding": POST + b"Transfer-Encoding:\r\n chunked\r\n\r\n" + CHUNKED + INNER,
    "a folded length": POST + b"Content-Length:\r\n 5\r\n\r\nhello" + INNER,
    "a folded header": POST + b"X-A: b\r\n c\r\nContent-Length: 0\r\n\r\n" + INNER,
    "a line that begins with a blank": POST + b" X: y\r\n\r\n" + INNER,
    "bare line feeds": b"POST / HTTP/1.1\nHost: a\nContent-Length: 5\n\nhello" + INNER,
    "a bare line feed in a header": POST + b"X: y\nTransfer-Encoding: chunked\r\n\r\n" + CHUNKED,
    "a bare line feed before the body": POST + b"Content-Length: 5\r\n\nhello" + INNER,
    "a bare carriage return": POST + b"X: y\rTransfer-Encoding: chunked\r\n\r\n" + CHUNKED,
    "a bare carriage return at the end": POST + b"Content-Length: 5\r\r\n\r\nhello" + INNER,
    "a NUL in a value": POST + b"X: a\x00b\r\n\r\n" + INNER,
    "a NUL in a name": POST + b"X\x00: a\r\n\r\n" + INNER,
    "a name without a colon": POST + b"Transfer-Encoding chunked\r\n\r\n" + CHUNKED,
    "an empty name": POST + b": chunked\r\n\r\n" + INNER,
    "a name that is not a token": POST + b"Content(Length): 5\r\n\r\nhello",
    "bytes beyond ASCII in a name": POST + b"Transf\xc3\xa9r-Encoding: chunked\r\n\r\n" + CHUNKED,
    "a chunk size with a plus": POST + TE + b"\r\n+5\r\nhello\r\n0\r\n\r\n",
    "a chunk size with 0x": POST + TE + b"\r\n0x5\r\nhello\r\n0\r\n\r\n",
    "a negative chunk size": POST + TE + b"\r\n-5\r\nhello\r\n0\r\n\r\n",
    "a chunk size beyond 64 bits": POST + TE + b"\r\n10000000000000005\r\nhello\r\n0\r\n\r\n",
    "an empty chunk size": POST + TE + b"\r\n\r\nhello\r\n0\r\n\r\n",
    "a chunk size with a blank": POST + TE + b"\r\n5 \r\nhello\r\n0\r\n\r\n",
    "a chunk longer than it says": POST + TE + b"\r\n3\r\nhello\r\n0\r\n\r\n",
    "a chunk that ends in a bare line feed": POST + TE + b"\r\n5\r\nhello\n0\r\n\r\n",
    "a chunk size that ends in a bare line feed": POST + TE + b"\r\n5\nhello\r\n0\r\n\r\n",
    "a chunk extension with a bare line feed": POST + TE + b"\r\n5;a\nb\r\nhello\r\n0\r\n\r\n",
    "a last chunk that ends in bare line feeds": POST + TE + b"\r\n5\r\nhello\r\n0\n\n" + INNER,
    "no target": b"GET HTTP/1.1\r\nHost: a\r\n\r\n",
    "two targets": b"GET / /b HTTP/1.1\r\nHost: a\r\n\r\n",
    "an unknown version": b"GET / HTTP/9.9\r\nHost: a\r\n\r\n",
    "no version at all": b"GET /\r\n\r\n" + INNER,
    "a version in small letters": b"GET / http/1.1\r\nHost: a\r\n\r\n",
    "a method in small letters": b"get / HTTP/1.1\r\nHost: a\r\n\r\n",
    "a line of TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    "the preface of HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "blanks before the method": b" GET / HTTP/1.1\r\nHost: a\r\n\r\n",
}


@pytest.mark.parametrize("name", AMBIGUOUS)
async def test_what_is_ambiguous_is_seen_once_at_most(name: str) -> None:
    seen = Seen()
    answer = await exchange(seen, AMBIGUOUS[name])
    paths = [path for _, path, _, _ in seen.requests]
    assert "/smuggled" not in paths
    assert len(paths) <= 1
    assert answer.startswith(BAD) or (answer.startswith(OK) and len(paths) == 1) or (not answer and not paths)


def test_there_are_enough_of_them() -> None:
    assert len(AMBIGUOUS) >= 60


async def test_two_requests_on_one_connection_are_two() -> None:
    seen = Seen()
    answer = await exchange(seen, POST + b"Content-Length: 5\r\n\r\nhello" + POST + TE + b"\r\n" + CHUNKED)
    assert [(path, body) for _, path, body, _ in seen.requests] == [("/", b"hello"), ("/", b"hello")]
    assert answer.count(OK) == 2


async def test_what_follows_the_end_of_a_connection_is_not_looked_at() -> None:
    seen = Seen()
    answer = await exchange(seen, b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n" + INNER)
    assert [path for _, path, _, _ in seen.requests] == ["/"]
    assert answer.count(OK) == 1


async def test_trailers_are_no_headers() -> None:
    seen = Seen()
    trailers = b"0\r\nAuthorization: Bearer x\r\nX-Forwarded-For: 1.2.3.4\r\n\r\n"
    await exchange(seen, POST + TE + b"\r\n5\r\nhello\r\n" + trailers)
    [(_, _, body, headers)] = seen.requests
    assert body == b"hello"
    assert {name for name, _ in headers} == {b"host", b"transfer-encoding"}


MANY = b"".join(b"X-%d: y\r\n" % number for number in range(101))
TOO_MUCH = {
    "too many headers": [b"GET / HTTP/1.1\r\n" + MANY + b"\r\n"],
    "a million headers": [b"GET / HTTP/1.1\r\n"] + [b"X: y\r\n" * 10_000] * 100,
    "a long header": [b"GET / HTTP/1.1\r\nX: " + b"y" * 100_000 + b"\r\n\r\n"],
    "a header without an end": [b"GET / HTTP/1.1\r\nX: "] + [b"y" * 65_536] * 64,
    "a name without an end": [b"GET / HTTP/1.1\r\n"] + [b"y" * 65_536] * 64,
    "a target without an end": [b"GET /"] + [b"y" * 65_536] * 64,
    "a long target": [b"GET /" + b"y" * 70_000 + b" HTTP/1.1\r\nHost: a\r\n\r\n"],
    "a chunk extension without an end": [POST + TE + b"\r\n5;"] + [b"y" * 65_536] * 64,
    "a trailer without an end": [POST + TE + b"\r\n" + CHUNKED[:-2] + b"X: "] + [b"y" * 65_536] * 64,
    "too many trailers": [POST + TE + b"\r\n" + CHUNKED[:-2] + MANY + b"\r\n"],
}


@pytest.mark.parametrize("name", TOO_MUCH)
async def test_what_is_too_much_is_refused_early(name: str) -> None:
    seen = Seen()
    async with connected(seen) as (reader, writer):
        sent = 0
        with contextlib.suppress(OSError):
            for piece in TOO_MUCH[name]:
                writer.write(piece)
                await writer.drain()
                sent += len(piece)
        answer = b""
        async with asyncio.timeout(60):
            with contextlib.suppress(OSError):
                answer = await reader.read()
    assert seen.requests == []
    assert answer == b"" or (answer.startswith(BAD) and b"connection: close" in answer and b"invalid_request" in answer)


async def test_the_most_headers_pass() -> None:
    seen = Seen()
    await exchange(seen, b"GET / HTTP/1.1\r\n" + MANY[: MANY.rindex(b"X-100")] + b"\r\n")
    assert len(seen.requests[0][3]) == 100


SLOW = {
    "a connection that says nothing": b"",
    "a head that does not end": b"GET / HTTP/1.1\r\nX: y",
    "a second head that does not end": b"GET / HTTP/1.1\r\nHost: a\r\n\r\nGET /",
    "a body that does not come": POST + b"Content-Length: 5\r\n\r\n",
    "a body that stops": POST + b"Content-Length: 500000\r\n\r\n" + b"x" * 900,
    "chunks that stop": POST + TE + b"\r\n5\r\nhel",
}


@pytest.mark.parametrize("name", SLOW)
async def test_what_is_too_slow_is_closed(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    for constant in ("HEAD_TIMEOUT_S", "BODY_WINDOW_S"):
        monkeypatch.setattr(guarded, constant, 0.05)
    monkeypatch.setattr("edge.serve.SWEEP_S", 0.01)
    async with connected(Seen()) as (reader, writer):
        writer.write(SLOW[name])
        async with asyncio.timeout(60):
            with contextlib.suppress(OSError):
                assert (await reader.read()).count(b"HTTP/1.1 ") == ("second" in name)


class Clock:
    """The time of connections, which goes on by hand: how long this test has to wait for a processor is not in it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.moved_s = 0.0
        self.looks = 0
        self.connection: Any = None
        made, check_pace = GuardedProtocol.connection_made, GuardedProtocol.check_pace

        def make(connection: Any, transport: Any) -> None:
            self.connection, connection.loop = connection, self
            made(connection, transport)

        def look(connection: Any, now_s: float) -> None:
            check_pace(connection, now_s + self.moved_s)
            self.looks += 1

        monkeypatch.setattr(GuardedProtocol, "connection_made", make)
        monkeypatch.setattr(GuardedProtocol, "check_pace", look)
        monkeypatch.setattr("edge.serve.SWEEP_S", 0.01)

    def time(self) -> float:
        """In the place of the loop's."""
        return asyncio.get_running_loop().time() + self.moved_s

    async def move(self, by_s: float) -> None:
        """Lets time pass, and the pace of the connection be looked at."""
        self.moved_s += by_s
        before = self.looks
        async with asyncio.timeout(20):
            while self.looks < before + 2 and not self.connection.transport.is_closing():
                await asyncio.sleep(0.005)

    async def has_come(self, body_bytes: int) -> None:
        """Waits until so much of a body is there."""
        async with asyncio.timeout(20):
            while self.connection._body_bytes != body_bytes:
                await asyncio.sleep(0.005)


async def test_a_body_that_comes_at_a_pace_and_a_kept_connection_are_left_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock, seen = Clock(monkeypatch), Seen()
    async with connected(seen) as (reader, writer):
        for _ in range(2):
            writer.write(POST + b"Content-Length: 12000\r\n\r\n")
            for number in range(1, 7):
                writer.write(b"x" * 2_000)
                await clock.has_come(number * 2_000)
                await clock.move(guarded.BODY_WINDOW_S * 0.9)
            assert (await reader.readuntil(b"ok")).startswith(OK)
            await clock.move(guarded.HEAD_TIMEOUT_S * 2)
    assert [len(body) for _, _, body, _ in seen.requests] == [12_000, 12_000]


async def test_a_body_of_which_too_little_comes_in_a_while_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, seen = Clock(monkeypatch), Seen()
    async with connected(seen) as (reader, writer):
        writer.write(POST + b"Content-Length: 12000\r\n\r\n")
        for piece_bytes, is_enough in ((2_000, True), (guarded.MIN_BODY_BYTES - 1, False)):
            writer.write(b"x" * piece_bytes)
            await clock.has_come(2_000 if is_enough else 2_000 + piece_bytes)
            await clock.move(guarded.BODY_WINDOW_S * 1.5)
            assert clock.connection.transport.is_closing() is not is_enough
        with contextlib.suppress(OSError):
            assert await reader.read() == b""
    assert seen.requests == []


async def test_a_connection_on_which_no_other_request_comes_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge.serve._KEEP_ALIVE_S", 0.3)
    monkeypatch.setattr("edge.serve.SWEEP_S", 0.01)
    async with connected(Seen()) as (reader, writer):
        async with asyncio.timeout(60):
            for _ in range(2):
                writer.write(POST + b"Content-Length: 2\r\n\r\nhi")
                assert (await reader.readuntil(b"ok")).startswith(OK)
            assert await reader.read() == b""


async def test_a_request_that_is_being_answered_is_not_slow(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch)

    async def slow(scope: Any, receive: Any, send: Any) -> None:
        await clock.move(600.0)
        await Seen()(scope, receive, send)

    sent = POST + b"Content-Length: 2\r\nConnection: close\r\n\r\nhi"
    assert (await exchange(slow, sent, quiet_s=30)).startswith(OK)


@pytest.mark.parametrize("way", ["in order", "by a reset"])
async def test_a_client_that_leaves_is_told_to_whoever_answers_it(way: str) -> None:
    started, gone = asyncio.Event(), asyncio.Event()

    async def answers(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        watch = DepartureWatch(receive, gone.set)
        started.set()
        await gone.wait()
        watch.stop()

    async with connected(answers) as (_, writer):
        writer.write(POST + b"Content-Length: 2\r\n\r\nhi")
        async with asyncio.timeout(60):
            await started.wait()
            if way == "in order":
                writer.close()
            else:
                writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                writer.transport.abort()
            await gone.wait()


async def test_an_address_that_has_too_many_connections_is_told_so() -> None:
    settings = EdgeSettings.from_environment(port=0, grace_s=0, max_connections_per_address=1)
    async with serving(Seen(), settings) as port, asyncio.timeout(20):
        _, first = await asyncio.open_connection("127.0.0.1", port)
        said = b""
        while not said.startswith(b"HTTP/1.1 503 Service Unavailable"):
            said = await asked(port)
        assert b'"code":"overloaded"' in said
        assert b"\r\nretry-after: 1\r\n" in said
        first.close()
        while not (await asked(port)).startswith(OK):
            pass


async def asked(port: int) -> bytes:
    """What a request on a connection of its own is answered."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(POST + b"Content-Length: 2\r\nConnection: close\r\n\r\nhi")
    try:
        return await reader.read()
    except OSError:
        return b""
    finally:
        writer.close()


async def test_a_client_that_takes_nothing_of_its_answer_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guarded, "READER_TIMEOUT_S", 0.05)
    monkeypatch.setattr("edge.serve.SWEEP_S", 0.01)
    gone = asyncio.Event()

    async def endless(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        watch = DepartureWatch(receive, gone.set)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        while not gone.is_set():
            await send({"type": "http.response.body", "body": b"x" * 65_536, "more_body": True})
        watch.stop()

    async with connected(endless) as (_, writer):
        writer.write(POST + b"Content-Length: 2\r\n\r\nhi")
        writer.transport.pause_reading()  # type: ignore[attr-defined]  # the transport of a socket has it
        async with asyncio.timeout(20):
            await gone.wait()

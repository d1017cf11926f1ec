"""One connection at a time: what comes unasked, interim answers, and what can be read in two ways."""

import asyncio
import gc
import random
import weakref

import pytest

from server.chat.wire import Timeouts, WireRequest
from server.errors import UpstreamBadResponse, UpstreamBlocked, UpstreamTimeout
from server.upstream.client import HttpTransport
from server.upstream.connection import MAX_HEAD_BYTES, Connection
from server.upstream.cork import Cork
from server.upstream.response import HttpResponse
from tests.unit.server import virtual_time
from tests.unit.server.upstream.asking import ANSWER, QUICK, Wire, answering, post, read_all
from tests.unit.server.upstream.raw_server import raw_server, read_request


@pytest.mark.parametrize(
    ("answer", "body"),
    [
        pytest.param(b"HTTP/1.1 100 Continue\r\n\r\n" + ANSWER, b"ok", id="an interim answer"),
        pytest.param(
            b"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n" + ANSWER,
            b"ok",
            id="two interim answers",
        ),
        pytest.param(b"HTTP/1.1 204 No Content\r\n\r\n", b"", id="no content"),
        pytest.param(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n", b"", id="an empty body"),
        pytest.param(
            b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1;x=y\r\na\r\n2\r\nbc\r\n0\r\nt: v\r\n\r\n",
            b"abc",
            id="chunks with extensions and trailers",
        ),
    ],
)
@pytest.mark.parametrize("step", [1, 1 << 20], ids=["byte by byte", "at once"])
async def test_reads_answers_of_every_shape(transport: HttpTransport, answer: bytes, body: bytes, step: int) -> None:
    opened: list[int] = []

    async def talk(number: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        opened.append(number)
        for _ in range(2):
            await read_request(reader)
            for start in range(0, len(answer), step):
                writer.write(answer[start : start + step])
                await writer.drain()

    async with raw_server(talk) as port:
        for _ in range(2):
            assert await read_all(transport, post(f"http://127.0.0.1:{port}/")) == body
    assert opened == [1]


TOO_MUCH = {
    "headers in one piece": (b"HTTP/1.1 200 OK\r\nx: " + b"y" * 70_000 + b"\r\ncontent-length: 0\r\n\r\n", b""),
    "many headers": (b"HTTP/1.1 200 OK\r\n" + b"x: yyyyyyyyy\r\n" * 8_000 + b"content-length: 0\r\n\r\n", b""),
    "a header without an end": (b"HTTP/1.1 200 OK\r\nx: ", b"y" * 65_536),
    "a status line without an end": (b"HTTP/1.1 200 ", b"O" * 65_536),
    "interim answers without an end": (b"", b"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n" * 1_000),
    "a trailer without an end": (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\nx: ", b"y" * 65_536),
    "trailers without an end": (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n", b"x: y\r\n" * 8_000),
    "an extension without an end": (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1;", b"y" * 65_536),
}


@pytest.mark.parametrize("name", TOO_MUCH)
async def test_what_is_no_body_has_a_bound(transport: HttpTransport, name: str) -> None:
    start, forever = TOO_MUCH[name]
    sent_bytes = 0

    async def talk(_: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent_bytes
        await read_request(reader)
        writer.write(start)
        await writer.drain()
        while forever:
            writer.write(forever)
            sent_bytes += len(forever)
            await writer.drain()
        await reader.read()

    async with raw_server(talk) as port:
        with pytest.raises(UpstreamBadResponse, match="not HTTP"):
            await read_all(transport, post(f"http://127.0.0.1:{port}/"))
    assert sent_bytes < 16 << 20


async def test_pieces_of_a_body_between_long_extensions_pass(transport: HttpTransport) -> None:
    async def talk(_: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
        for _ in range(40):
            writer.write(b"1;" + b"y" * 60_000 + b"\r\na\r\n")
            await writer.drain()
        writer.write(b"0\r\n\r\n")
        await writer.drain()

    async with raw_server(talk) as port:
        assert await read_all(transport, post(f"http://127.0.0.1:{port}/")) == b"a" * 40


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(ANSWER + ANSWER, id="a second answer with the first"),
        pytest.param(ANSWER.replace(b"\r\n\r\n", b"\r\nconnection: close\r\n\r\n"), id="the wish to close"),
        pytest.param(ANSWER.replace(b"1.1", b"1.0"), id="an old version"),
    ],
)
async def test_a_connection_is_not_used_again_after(transport: HttpTransport, answer: bytes) -> None:
    opened: list[int] = []

    async def talk(number: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        opened.append(number)
        await read_request(reader)
        writer.write(answer)
        await writer.drain()
        await reader.read()

    async with raw_server(talk) as port:
        for _ in range(2):
            assert await read_all(transport, post(f"http://127.0.0.1:{port}/")) == b"ok"
    assert opened == [1, 2]


async def test_a_head_that_is_too_long_is_refused_however_it_comes(transport: HttpTransport) -> None:
    async def talk(_: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nx-long: %b\r\ncontent-length: 2\r\n\r\nok" % (b"x" * (MAX_HEAD_BYTES + 1)))
        await writer.drain()

    async with raw_server(talk) as port:
        with pytest.raises(UpstreamBadResponse):
            await transport.send(post(f"http://127.0.0.1:{port}/"), QUICK)


async def test_what_comes_unasked_on_an_idle_connection_ends_it(transport: HttpTransport) -> None:
    opened: list[int] = []
    gone = asyncio.Event()

    async def talk(number: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        opened.append(number)
        await read_request(reader)
        writer.write(ANSWER)
        await writer.drain()
        if number == 1:
            await asyncio.sleep(0.02)
            writer.write(b"HTTP/1.1 408 Request Timeout\r\ncontent-length: 0\r\n\r\n")
            try:
                await reader.read()
            finally:
                gone.set()

    async with raw_server(talk) as port:
        request = post(f"http://127.0.0.1:{port}/")
        assert await read_all(transport, request) == b"ok"
        await gone.wait()
        assert await read_all(transport, request) == b"ok"
    assert opened == [1, 2]


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\ncontent-length: 2\r\n\r\nok", id="two lengths"),
        pytest.param(
            b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
            id="a length beside chunks",
        ),
        pytest.param(b"HTTP/1.1 200 OK\r\nx: " + b"a" * 100_000, id="a header without an end"),
        pytest.param(b"HTTP/1.1 200 OK\r\ncontent-encoding: br\r\ncontent-length: 2\r\n\r\nok", id="another encoding"),
    ],
)
async def test_what_can_be_read_in_two_ways_is_refused(transport: HttpTransport, answer: bytes) -> None:
    async def talk(_: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(answer)
        await writer.drain()
        await reader.read()

    async with raw_server(talk) as port:
        with pytest.raises(UpstreamBadResponse):
            await read_all(transport, post(f"http://127.0.0.1:{port}/"))


@pytest.mark.parametrize(
    ("name", "value"),
    [("x", "a\r\nb: c"), ("x", "a\nb"), ("x", "a\rb"), ("x", "a\0b"), ("x\r\ny", "a"), ("x", "€")],
    ids=[
        "a header within a value",
        "a line feed",
        "a return",
        "a zero byte",
        "a header within a name",
        "a wide letter",
    ],
)
async def test_a_header_cannot_hold_another(transport: HttpTransport, name: str, value: str) -> None:
    with pytest.raises(UpstreamBlocked, match="no header"):
        await transport.send(WireRequest("POST", "http://127.0.0.1:1/", {name: value}, b""), QUICK)


async def test_connections_that_upstreams_close_after_some_requests_fail_nobody(transport: HttpTransport) -> None:
    """As servers do that serve only so many requests on a connection, and close without saying so."""
    opened: list[int] = []

    async def talk(number: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        opened.append(number)
        for _ in range(5):
            await read_request(reader)
            writer.write(ANSWER)
            await writer.drain()

    async with raw_server(talk) as port:
        request = post(f"http://127.0.0.1:{port}/")

        async def ask() -> None:
            for _ in range(50):
                assert await read_all(transport, request) == b"ok"

        await asyncio.gather(*(ask() for _ in range(16)))
    assert len(opened) >= 16 * 50 // 5


async def test_each_answer_has_its_own_headers(transport: HttpTransport) -> None:
    heads = [b"X-A: 1\r\n", b"X-A: 2\r\n", b"x-b: 3\r\nX-A:\r\n", b"", b"X-C: 4\r\nx-c: 5\r\n"]

    async def talk(_: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for head in heads:
            await read_request(reader)
            writer.write(b"HTTP/1.1 200 OK\r\n%bcontent-length: 0\r\n\r\n" % head)

    found = []
    async with raw_server(talk) as port:
        for _ in heads:
            response = await transport.send(post(f"http://127.0.0.1:{port}/"), QUICK)
            found.append({name: value for name, value in response.headers.items() if name != "content-length"})
            assert await response.read() == b""
            await response.close()
    assert found == [{"x-a": "1"}, {"x-a": "2"}, {"x-b": "3", "x-a": ""}, {}, {"x-c": "4"}]


@pytest.mark.parametrize(
    "more",
    [b"HTTP/1.1 200 OK\r\nx: y\r\ncontent", b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nstolen", ANSWER],
    ids=["a part of a head", "a part of a body", "a whole one"],
)
async def test_another_answer_in_the_same_piece_goes_to_nobody(transport: HttpTransport, more: bytes) -> None:
    opened: list[int] = []

    async def talk(number: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        opened.append(number)
        await read_request(reader)
        writer.write(ANSWER + (more if number == 1 else b""))
        await writer.drain()
        await reader.read()

    async with raw_server(talk) as port:
        request = post(f"http://127.0.0.1:{port}/")
        assert [await read_all(transport, request) for _ in range(2)] == [b"ok", b"ok"]
    assert opened == [1, 2]


@pytest.mark.parametrize(("first_byte_s", "ends_s"), [(60.0, 60.0), (5.0, 5.0), (200.0, 200.0)])
def test_every_exchange_of_a_connection_has_its_own_time(first_byte_s: float, ends_s: float) -> None:
    """The timer of an earlier exchange neither ends a later one early nor lets it wait for longer."""

    async def main() -> float:
        loop = asyncio.get_running_loop()
        connection = Connection(loop, Cork(), lambda _: None, lambda _: None)
        connection.connection_made(Wire())
        for times in (Timeouts(first_byte_s=50.0), Timeouts(first_byte_s=100.0)):
            answer = HttpResponse(connection, times, loop.time(), 1000)
            connection.start(b"", b"", answer)
            await asyncio.sleep(20.0)
            connection.data_received(ANSWER)
            assert await answer.read() == b"ok"
        began_s = loop.time()
        answer = HttpResponse(connection, Timeouts(first_byte_s=first_byte_s), began_s, 1000)
        connection.start(b"", b"", answer)
        with pytest.raises(UpstreamTimeout):
            await answer.arrive()
        connection.connection_lost(None)
        return loop.time() - began_s

    assert virtual_time.run(main()) == pytest.approx(ends_s)


def test_a_connection_that_is_gone_keeps_no_timer() -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        connection = Connection(loop, Cork(), lambda _: None, lambda _: None)
        connection.connection_made(Wire())
        answer = HttpResponse(connection, Timeouts(first_byte_s=50.0), loop.time(), 1000)
        connection.start(b"", b"", answer)
        await asyncio.sleep(0)
        connection.connection_lost(None)
        gone = weakref.ref(connection)
        del connection, answer
        gc.collect()
        assert gone() is None

    virtual_time.run(main())


SIZES = ("%x", "%X", "0%x", "%x;name=value", '%x;name="x"')
HEAD = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"


async def test_a_chunked_body_is_the_same_wherever_it_is_cut() -> None:
    rng = random.Random(11)
    texts = (b"data: x\n\n", b"\r\n", b"1\r\na\r\n", b"0\r\n\r\n", b"a", b"\xc3\xa9" * 9)
    for _ in range(300):
        chunks = [b"".join(rng.choices(texts, k=rng.randrange(1, 5))) for _ in range(rng.randrange(1, 9))]
        framed = [
            (rng.choice(SIZES) % len(chunk)).encode() + b"\r\n" + chunk + b"\r\n"
            if rng.random() < 0.3
            # Mostly as servers write them.
            else b"%x\r\n%b\r\n" % (len(chunk), chunk)
            for chunk in chunks
        ]
        connection, answer, below = answering()
        connection.data_received(HEAD)
        for piece in (*framed, b"0\r\n\r\n"):
            cut = rng.randrange(len(piece) + 1) if rng.random() < 0.5 else 0
            for part in filter(None, (piece[:cut], piece[cut:])):
                connection.data_received(part)
        assert await answer.read() == b"".join(chunks)
        assert answer.is_complete
        assert connection.can_carry(), "the parser has followed to the end"
        assert not below.is_ended


@pytest.mark.parametrize(
    "piece",
    [
        pytest.param(b"2\r\na\r\n", id="a chunk that is shorter than it says"),
        pytest.param(b"1\r\nab\r\n", id="a chunk that is longer than it says"),
        pytest.param(b"+1\r\na\r\n", id="a size with a sign"),
        pytest.param(b"0x1\r\na\r\n", id="a size with a prefix"),
        pytest.param(b" 1\r\na\r\n", id="a size with a space"),
        pytest.param(b"1\na\n", id="lines that end with nothing but a line feed"),
        pytest.param(b"\r\na\r\n", id="no size"),
    ],
)
async def test_a_chunk_that_is_none_ends_a_connection_that_stood_between_two(piece: bytes) -> None:
    connection, answer, below = answering()
    connection.data_received(HEAD + b"1\r\na\r\n")
    connection.data_received(b"1\r\nb\r\n")
    connection.data_received(piece)
    connection.data_received(b"1\r\nc\r\n")
    assert below.is_ended
    with pytest.raises(UpstreamBadResponse, match="not HTTP"):
        await drain(answer)


async def drain(answer: HttpResponse) -> None:
    async for _ in answer.chunks():
        pass

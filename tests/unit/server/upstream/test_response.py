"""Answers and their readers: pieces that arrive together, readers that are behind, and readers that left."""

import asyncio
import gzip
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import pytest

from server.chat.wire import Timeouts
from server.errors import PerpetuoError, UpstreamBadResponse, UpstreamReset, UpstreamTimeout
from server.upstream.client import HttpTransport
from server.upstream.head import NO_HEAD
from server.upstream.response import HttpResponse
from tests.unit.server import virtual_time
from tests.unit.server.upstream.asking import QUICK, post
from tests.unit.server.upstream.raw_server import raw_server, read_request


async def test_chunks_that_arrive_together_are_one_piece(transport: HttpTransport) -> None:
    async def talk(_: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\na\r\n1\r\nb\r\n1\r\nc\r\n0\r\n\r\n")
        await writer.drain()

    async with raw_server(talk) as port:
        response = await transport.send(post(f"http://127.0.0.1:{port}/"), QUICK)
        assert [piece async for piece in response.chunks()] == [b"abc"]


async def test_a_reader_that_is_behind_holds_up_the_upstream_and_is_not_idle(transport: HttpTransport) -> None:
    size = 64 << 20
    is_written = asyncio.Event()

    async def talk(_: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % size)
        for _ in range(size >> 20):
            writer.write(b"x" * (1 << 20))
            await writer.drain()
        is_written.set()

    async with raw_server(talk) as port:
        times = Timeouts(first_byte_s=60.0, idle_s=1.0)
        response = await transport.send(post(f"http://127.0.0.1:{port}/"), times)
        pieces = response.chunks()
        came = len(await anext(pieces))
        await asyncio.sleep(1.5)
        assert not is_written.is_set()
        async for piece in pieces:
            came += len(piece)
        assert came == size


async def test_an_answer_to_nobody_ends_with_its_connection(transport: HttpTransport) -> None:
    async def talk(_: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc")
        await writer.drain()
        await reader.read()

    async with raw_server(talk) as port:
        response = await transport.send(post(f"http://127.0.0.1:{port}/"), QUICK)
        await response.close()
        assert await anext(response.chunks()) == b"abc"
        with pytest.raises(UpstreamReset):
            await anext(response.chunks())


class Wire:
    """A connection that only notes what becomes of it."""

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.is_aborted = False
        self.answer: HttpResponse | None = None
        self.timer: asyncio.TimerHandle | None = None

    def resume(self) -> None:
        return None

    def abort(self) -> None:
        self.is_aborted = True

    def watch(self, due_s: float) -> None:
        if self.timer is not None:
            self.timer.cancel()
        assert self.answer is not None
        self.timer = self.loop.call_at(due_s, self.answer.look_at_clock)


def answering(wire: Wire, times: Timeouts, limit_bytes: int = 1 << 20) -> HttpResponse:
    """An answer whose head is still to come."""
    answer = wire.answer = HttpResponse(wire, times, asyncio.get_running_loop().time(), limit_bytes)
    wire.watch(answer.due_s)
    return answer


TIMES = Timeouts(first_byte_s=10.0, idle_s=30.0, total_s=600.0)


async def feed(answer: HttpResponse, wire: Wire, gap_s: float, count: int = 10_000) -> None:
    """Bytes that come every so often, until the connection is given up."""
    for _ in range(count):
        await asyncio.sleep(gap_s)
        if wire.is_aborted:
            break
        answer.add([b"x"])


async def heard(*, gap_s: float, progress_at: int, away_s: float = 0.0, winds_up: bool = False) -> tuple[float, str]:
    """How long a reader heard an upstream that sends a byte every `gap_s` for ever, and which time was up.

    Every `progress_at`-th byte is progress, 0 for none; after each the reader is away for `away_s`.
    """
    loop = asyncio.get_running_loop()
    began_s, answer = loop.time(), answering(wire := Wire(), TIMES)
    answer.begin(200, NO_HEAD)
    feeding = loop.create_task(feed(answer, wire, gap_s))
    taken = 0
    try:
        async for piece in answer.chunks():
            before, taken = taken, taken + len(piece)
            if progress_at and taken // progress_at > before // progress_at:
                answer.progressed()
            if winds_up and taken == 1:
                answer.wind_up(2.0)
            await asyncio.sleep(away_s)
    except UpstreamTimeout as error:
        assert wire.is_aborted
        return round(loop.time() - began_s, 1), error.details["phase"]
    finally:
        feeding.cancel()
    raise AssertionError("it ended")


CLOCKS = [
    ("nothing but bytes: the time to the first progress", {"gap_s": 1.0, "progress_at": 0}, (10.0, "firstByte")),
    ("progress often enough: only the total time", {"gap_s": 9.0, "progress_at": 1}, (600.0, "total")),
    ("slow progress between many bytes", {"gap_s": 2.0, "progress_at": 4}, (600.0, "total")),
    ("progress too seldom", {"gap_s": 2.5, "progress_at": 13}, (10.0, "firstByte")),
    ("a reader who is away holds the idle clock", {"gap_s": 9.0, "progress_at": 1, "away_s": 40.0}, (609.0, "total")),
    ("a flood that says nothing", {"gap_s": 0.01, "progress_at": 0, "away_s": 0.3}, (10.5, "firstByte")),
    ("a flood at the end", {"gap_s": 0.01, "progress_at": 0, "away_s": 0.3, "winds_up": True}, (2.4, "idle")),
    ("a stream that is wound up goes on for 2 s", {"gap_s": 0.5, "progress_at": 0, "winds_up": True}, (2.5, "idle")),
]  # fmt: skip


@pytest.mark.parametrize(("script", "expected"), [c[1:] for c in CLOCKS], ids=[c[0] for c in CLOCKS])
def test_which_time_is_up(script: dict[str, Any], expected: tuple[float, str]) -> None:
    assert virtual_time.run(heard(**script)) == expected


async def stalled_after(progress: int) -> tuple[float, str]:
    """An upstream that says something a few times, and then sends only what is no progress."""
    loop = asyncio.get_running_loop()
    began_s, answer = loop.time(), answering(wire := Wire(), TIMES)
    answer.begin(200, NO_HEAD)
    feeding = loop.create_task(feed(answer, wire, 1.0))
    taken = 0
    try:
        async for _ in answer.chunks():
            taken += 1
            if taken <= progress:
                answer.progressed()
    except UpstreamTimeout as error:
        return round(loop.time() - began_s, 1), error.details["phase"]
    finally:
        feeding.cancel()
    raise AssertionError("it ended")


def test_bytes_that_say_nothing_do_not_keep_a_stream_alive() -> None:
    assert virtual_time.run(stalled_after(5)) == (35.0, "idle")


def test_what_is_read_as_a_whole_lives_by_its_bytes() -> None:
    async def main() -> float:
        loop = asyncio.get_running_loop()
        began_s, answer = loop.time(), answering(wire := Wire(), TIMES)
        await asyncio.sleep(5.0)
        answer.begin(200, NO_HEAD)
        feeding = loop.create_task(feed(answer, wire, 20.0, 3))
        with pytest.raises(UpstreamTimeout):
            await answer.read()
        await feeding
        return round(loop.time() - began_s, 1)

    assert virtual_time.run(main()) == 95.0


class Taker:
    """Takes pieces that are pushed; wants no more after the last of `wanted`, if it says how many."""

    def __init__(self, wanted: int = 1_000_000) -> None:
        self.pieces: list[bytes] = []
        self.wanted = wanted

    def take(self, data: bytes) -> bool:
        self.pieces.append(data)
        return len(self.pieces) < self.wanted


class Chunked:
    """An upstream that sends what it is told, when it is told."""

    def __init__(self, headers: bytes = b"transfer-encoding: chunked\r\n") -> None:
        self.headers = headers
        self.writers: asyncio.Queue[asyncio.StreamWriter] = asyncio.Queue()

    async def talk(self, _: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(b"HTTP/1.1 200 OK\r\n" + self.headers + b"\r\n")
        await self.writers.put(writer)
        await reader.read()


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not condition():
            await asyncio.sleep(0.001)


async def test_pieces_are_pushed_until_the_taker_wants_no_more_and_the_rest_is_read(transport: HttpTransport) -> None:
    upstream, taker = Chunked(), Taker(wanted=2)
    async with raw_server(upstream.talk) as port:
        response = await transport.send(post(f"http://127.0.0.1:{port}/"), QUICK)
        writer = await upstream.writers.get()
        pushing = asyncio.ensure_future(response.push(taker.take))
        for text in (b"a", b"b"):
            writer.write(b"1\r\n%b\r\n" % text)
            await until(lambda text=text: text in taker.pieces)  # type: ignore[misc]  # bound now
        await pushing
        writer.write(b"1\r\nc\r\n1\r\nd\r\n0\r\n\r\n")
        assert b"".join([piece async for piece in response.chunks()]) == b"cd"
        assert taker.pieces == [b"a", b"b"]
        await response.push(taker.take)
        assert taker.pieces == [b"a", b"b"]


ENDS = {
    "in order": (b"2\r\nab\r\n0\r\n\r\n", None),
    "by a cut": (b"2\r\nab\r\n", UpstreamBadResponse),
    "by what is not HTTP": (b"2\r\nab\r\nnonsense\r\n", UpstreamBadResponse),
}


@pytest.mark.parametrize(("sent", "failure"), ENDS.values(), ids=ENDS)
async def test_the_end_of_what_is_pushed_is_the_readers(
    sent: bytes, failure: type[PerpetuoError] | None, transport: HttpTransport
) -> None:
    upstream, taker = Chunked(), Taker()
    async with raw_server(upstream.talk) as port:
        response = await transport.send(post(f"http://127.0.0.1:{port}/"), QUICK)
        writer = await upstream.writers.get()
        pushing = asyncio.ensure_future(response.push(taker.take))
        await asyncio.sleep(0)
        writer.write(sent)
        writer.write_eof()
        await pushing
        rest: list[bytes] = []
        with nullcontext() if failure is None else pytest.raises(failure):
            while piece := await anext(response.chunks(), b""):
                rest.append(piece)
        assert b"".join([*taker.pieces, *rest]) == b"ab"


async def test_a_pushed_body_that_is_too_long_is_refused() -> None:
    small = HttpTransport(allow_private_upstreams=True, max_body_bytes=4)
    upstream, taker = Chunked(), Taker()
    try:
        async with raw_server(upstream.talk) as port:
            response = await small.send(post(f"http://127.0.0.1:{port}/"), QUICK)
            writer = await upstream.writers.get()
            pushing = asyncio.ensure_future(response.push(taker.take))
            writer.write(b"4\r\nabcd\r\n")
            await until(lambda: taker.pieces == [b"abcd"])
            writer.write(b"1\r\ne\r\n")
            await pushing
            with pytest.raises(UpstreamBadResponse, match="longer than 4 bytes"):
                await anext(response.chunks())
            assert taker.pieces == [b"abcd"]
    finally:
        await small.close()


async def test_a_compressed_body_is_never_pushed(transport: HttpTransport) -> None:
    upstream, taker = Chunked(b"transfer-encoding: chunked\r\ncontent-encoding: gzip\r\n"), Taker()
    async with raw_server(upstream.talk) as port:
        response = await transport.send(post(f"http://127.0.0.1:{port}/"), QUICK)
        await response.push(taker.take)
        writer = await upstream.writers.get()
        body = gzip.compress(b"abc")
        writer.write(b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body))
        assert b"".join([piece async for piece in response.chunks()]) == b"abc"
        assert not taker.pieces


async def test_silence_ends_a_push_as_it_ends_a_reading() -> None:
    response = answering(Wire(), Timeouts(idle_s=0.01), 1000)
    response.begin(200, NO_HEAD)
    response.progressed()
    taker = Taker()
    async with asyncio.timeout(60):
        await response.push(taker.take)
    with pytest.raises(UpstreamTimeout):
        await anext(response.chunks())


async def test_a_reader_that_is_cancelled_is_pushed_nothing_more() -> None:
    response = answering(Wire(), Timeouts(), 1000)
    response.begin(200, NO_HEAD)
    taker = Taker()
    pushing = asyncio.ensure_future(response.push(taker.take))
    await asyncio.sleep(0)
    pushing.cancel()
    response.add([b"late"])
    response.flush()
    with pytest.raises(asyncio.CancelledError):
        await pushing
    assert not taker.pieces
    assert await anext(response.chunks()) == b"late"


async def test_what_is_handed_on_leaves_nothing_and_what_is_not_leaves_all() -> None:
    response = answering(Wire(), Timeouts(), 10)
    response.begin(200, NO_HEAD)
    taker, pieces = Taker(), [b"a", b"b"]
    assert not response.hand_on(pieces)  # nobody takes it
    pushing = asyncio.ensure_future(response.push(taker.take))
    await asyncio.sleep(0)
    assert not response.hand_on([])
    assert response.hand_on(pieces)
    assert (pieces, taker.pieces) == ([], [b"ab"])
    long = [b"x" * 9]
    assert not response.hand_on(long)  # with what came it is more than a body may have
    assert long == [b"x" * 9]
    pushing.cancel()
    assert not response.hand_on([b"c"])
    with pytest.raises(asyncio.CancelledError):
        await pushing
    assert taker.pieces == [b"ab"]


async def test_what_is_handed_on_wakes_a_reader_who_wants_no_more() -> None:
    response = answering(Wire(), Timeouts(), 10)
    response.begin(200, NO_HEAD)
    pushing = asyncio.ensure_future(response.push(lambda piece: False))
    await asyncio.sleep(0)
    assert response.hand_on([b"a"])
    async with asyncio.timeout(60):
        await pushing
    assert not response.hand_on([b"b"])

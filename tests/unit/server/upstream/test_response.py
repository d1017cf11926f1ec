"""Answers and their readers: pieces that arrive together, readers that are behind, and readers that left."""

import asyncio
from typing import Any

import pytest

from server.chat.wire import Timeouts
from server.errors import UpstreamReset, UpstreamTimeout
from server.upstream.client import HttpTransport
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
        times = Timeouts(first_byte_s=5.0, idle_s=0.1)
        response = await transport.send(post(f"http://127.0.0.1:{port}/"), times)
        pieces = response.chunks()
        came = len(await anext(pieces))
        await asyncio.sleep(0.3)
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

    def resume(self) -> None:
        return None

    def abort(self) -> None:
        self.is_aborted = True


TIMES = Timeouts(first_byte_s=10.0, idle_s=30.0, total_s=600.0)


async def feed(answer: HttpResponse, wire: Wire, gap_s: float, count: int = 10_000) -> None:
    """Bytes that come every so often, until the connection is given up."""
    for _ in range(count):
        await asyncio.sleep(gap_s)
        if wire.is_aborted:
            break
        answer.touch()
        answer.add(b"x")


async def heard(*, gap_s: float, progress_at: int, away_s: float = 0.0, winds_up: bool = False) -> tuple[float, str]:
    """How long a reader heard an upstream that sends a byte every `gap_s` for ever, and which time was up.

    Every `progress_at`-th byte is progress, 0 for none; after each the reader is away for `away_s`.
    """
    loop = asyncio.get_running_loop()
    began_s, answer = loop.time(), HttpResponse(wire := Wire(), TIMES, loop.time(), 1 << 20)
    answer.begin(200)
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
    ("a stream that is wound up goes on for 2 s", {"gap_s": 0.5, "progress_at": 0, "winds_up": True}, (2.5, "idle")),
]  # fmt: skip


@pytest.mark.parametrize(("script", "expected"), [c[1:] for c in CLOCKS], ids=[c[0] for c in CLOCKS])
def test_which_time_is_up(script: dict[str, Any], expected: tuple[float, str]) -> None:
    assert virtual_time.run(heard(**script)) == expected


async def stalled_after(progress: int) -> tuple[float, str]:
    """An upstream that says something a few times, and then sends only what is no progress."""
    loop = asyncio.get_running_loop()
    began_s, answer = loop.time(), HttpResponse(wire := Wire(), TIMES, loop.time(), 1 << 20)
    answer.begin(200)
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
        began_s, answer = loop.time(), HttpResponse(wire := Wire(), TIMES, loop.time(), 1 << 20)
        await asyncio.sleep(5.0)
        answer.begin(200)
        feeding = loop.create_task(feed(answer, wire, 20.0, 3))
        with pytest.raises(UpstreamTimeout):
            await answer.read()
        await feeding
        return round(loop.time() - began_s, 1)

    assert virtual_time.run(main()) == 95.0

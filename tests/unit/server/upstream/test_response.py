"""Answers and their readers: pieces that arrive together, readers that are behind, and readers that left."""

import asyncio

import pytest

from server.chat.wire import Timeouts
from server.errors import UpstreamReset
from server.upstream.client import HttpTransport
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

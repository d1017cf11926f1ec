"""Frames of HTTP/2 written by hand, as no client would send them. Facts: RFC 9113, RFC 7541."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, RST_STREAM, SETTINGS, PING, CONTINUATION = 0, 1, 3, 4, 6, 9
END_STREAM, END_HEADERS = 1, 4
CANCEL = (8).to_bytes(4, "big")
EMPTY_MESSAGE = bytes(5)


def frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    """One frame."""
    return len(payload).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + payload


def text(value: str) -> bytes:
    """A string of HPACK, shorter than 127 bytes."""
    return bytes([len(value)]) + value.encode()


def call_headers(path: str) -> bytes:
    """The headers of a gRPC call, none of them indexed."""
    pseudo = b"\x83\x86\x04" + text(path) + b"\x01" + text("localhost")
    return pseudo + b"\x0f\x10" + text("application/grpc") + b"\x00" + text("te") + text("trailers")


class Http2:
    """A connection. Whatever comes is read and thrown away; it is over when the server says so."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._stream = 1

    @classmethod
    @contextlib.asynccontextmanager
    async def connected(cls, port: int) -> "AsyncIterator[Http2]":
        """A connection to a port of this machine, with the preface sent."""
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        connection = cls(reader, writer)
        writer.write(PREFACE + frame(SETTINGS, 0, 0))
        reading = asyncio.ensure_future(connection._throw_away())
        try:
            yield connection
        finally:
            reading.cancel()
            writer.transport.abort()

    async def _throw_away(self) -> None:
        with contextlib.suppress(OSError):
            while await self._reader.read(65_536):
                pass

    async def reset_calls(self, count: int) -> int:
        """Begins calls and resets them at once; gives how many before the server had enough."""
        head = call_headers("/grpc.health.v1.Health/Check")
        for number in range(count):
            stream, self._stream = self._stream, self._stream + 2
            self._writer.write(
                frame(HEADERS, END_HEADERS, stream, head)
                + frame(DATA, END_STREAM, stream, EMPTY_MESSAGE)
                + frame(RST_STREAM, 0, stream, CANCEL)
            )
            if not await self._goes_on():
                return number
        return count

    async def endless_headers(self, count: int) -> int:
        """Headers that go on and on; gives in how many frames before the server had enough."""
        piece = b"".join(b"\x00" + text(f"x-{number:04}") + text("y" * 100) for number in range(140))
        self._writer.write(frame(HEADERS, 0, 1, call_headers("/grpc.health.v1.Health/Check")))
        for number in range(count):
            self._writer.write(frame(CONTINUATION, 0, 1, piece))
            if not await self._goes_on():
                return number
        return count

    async def pings(self, count: int) -> int:
        """Pings; gives how many before the server had enough."""
        for number in range(count):
            self._writer.write(frame(PING, 0, 0, bytes(8)))
            if not await self._goes_on():
                return number
        return count

    async def _goes_on(self) -> bool:
        try:
            await self._writer.drain()
        except OSError:
            return False
        await asyncio.sleep(0)
        return not (self._reader.at_eof() or self._writer.transport.is_closing())

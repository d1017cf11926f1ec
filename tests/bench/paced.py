"""An upstream that streams as a model does: every event is written on its own, a fixed gap after the one before.

It reads just enough HTTP/1.1 to keep a connection alive, so that it costs less than what is measured. Not a server for
anything else: `python -m tests.bench.paced PORT GAP_MS`.
"""

import asyncio
import sys

from tests.bench import payload

_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
_END = b"0\r\n\r\n"


class Paced(asyncio.Protocol):
    """One connection: a request after the other, each answered by the whole stream."""

    def __init__(self, chunks: list[bytes], gap_s: float) -> None:
        self._chunks = chunks
        self._gap_s = gap_s
        self._received = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keeps the transport to write to."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def connection_lost(self, exc: Exception | None) -> None:
        """Stops writing."""
        self._transport = None

    def data_received(self, data: bytes) -> None:
        """Starts the answer once a request is whole."""
        self._received += data
        head, found, body = self._received.partition(b"\r\n\r\n")
        if found and len(body) >= _content_length(head):
            self._received = b""
            asyncio.get_running_loop().call_soon(self._write, 0)

    def _write(self, index: int) -> None:
        if self._transport is None:
            return
        self._transport.write(self._chunks[index])
        if index + 1 < len(self._chunks):
            asyncio.get_running_loop().call_later(self._gap_s, self._write, index + 1)


def _content_length(head: bytes) -> int:
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            return int(value)
    return 0


def chunks() -> list[bytes]:
    """What is written for one answer, piece by piece."""
    pieces = [b"%x\r\n%b\r\n" % (len(event), event) for event in payload.events()]
    # The last event and [DONE] come together, as from the vendors.
    return [_HEAD + pieces[0], *pieces[1:-2], pieces[-2] + pieces[-1] + _END]


async def serve(port: int, gap_ms: float) -> None:
    """Serves on 127.0.0.1 until it is stopped."""
    pieces = chunks()
    server = await asyncio.get_running_loop().create_server(
        lambda: Paced(pieces, gap_ms / 1000), "127.0.0.1", port, backlog=1024
    )
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), float(sys.argv[2])))

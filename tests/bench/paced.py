"""An upstream that takes its time as a model does: by path a stream, a whole answer, or a stream that falls silent.

`/paced/` streams, every event on its own, a fixed gap after the one before; `/slow/` gives a whole answer after 50 ms;
`/idle/` sends the first two events of a stream and then nothing. It reads just enough HTTP/1.1 to keep a connection
alive, so that it costs less than what is measured. Not a server for anything else: `python -m tests.bench.paced PORT
GAP_MS`.
"""

import asyncio
import sys
from collections.abc import Mapping

from tests.bench import payload

_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
_END = b"0\r\n\r\n"
SLOW_S = 0.05
"""How long `/slow/` takes, seconds."""

Script = list[tuple[float, bytes]]
"""What is written for one answer: how long after the piece before, in seconds, and the piece."""


class Paced(asyncio.Protocol):
    """One connection: a request after the other, each answered by the whole stream."""

    def __init__(self, scripts: Mapping[bytes, Script]) -> None:
        self._scripts = scripts
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
            name = head.split(b"/", 2)[1]
            self._go_on(self._scripts[name], 0)

    def _go_on(self, script: Script, index: int) -> None:
        if index < len(script):
            asyncio.get_running_loop().call_later(script[index][0], self._write, script, index)

    def _write(self, script: Script, index: int) -> None:
        if self._transport is not None:
            self._transport.write(script[index][1])
            self._go_on(script, index + 1)


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


def scripts(gap_s: float) -> dict[bytes, Script]:
    """What each path answers; `gap_s` is between two events of a stream, seconds."""
    whole = payload.answer()
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(whole)
    first, *rest = chunks()
    paced = [(0.0, first), *((gap_s, piece) for piece in rest)]
    return {b"paced": paced, b"slow": [(SLOW_S, head + whole)], b"idle": paced[:2]}


async def serve(port: int, gap_ms: float) -> None:
    """Serves on 127.0.0.1 until it is stopped."""
    known = scripts(gap_ms / 1000)
    server = await asyncio.get_running_loop().create_server(lambda: Paced(known), "127.0.0.1", port, backlog=1024)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), float(sys.argv[2])))

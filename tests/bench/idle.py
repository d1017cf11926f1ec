"""What a stream that waits costs in memory: many are opened at once, and nothing more comes on them."""

import socket
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit

from tests.bench import payload
from tests.bench.load import Target, WrongAnswerError
from tests.bench.processes import rss_mib

_SETTLE_S = 2.0
_TIMEOUT_S = 60.0


def stream_kib(target: Target, pids: Sequence[int], streams: int) -> float:
    """KiB of resident memory of the processes for each of so many streams that have begun and fell silent."""
    with ExitStack() as stack:
        _open(target, stack, streams // 10)  # what the first streams cost once for all
        time.sleep(_SETTLE_S)
        before = rss_mib(pids)
        _open(target, stack, streams)
        time.sleep(_SETTLE_S)
        return (rss_mib(pids) - before) * 1024 / streams


def _open(target: Target, stack: ExitStack, streams: int) -> None:
    address = urlsplit(target.url)
    body = payload.request(stream=True)
    head = (
        f"POST {address.path} HTTP/1.1\r\nHost: {address.netloc}\r\nContent-Type: application/json\r\n"
        f"Authorization: Bearer {target.key}\r\nContent-Length: {len(body)}\r\n\r\n"
    ).encode()
    place = address.hostname or "", address.port or 80
    opened = [stack.enter_context(socket.create_connection(place, timeout=_TIMEOUT_S)) for _ in range(streams)]
    for connection in opened:
        connection.sendall(head + body)
    for connection in opened:
        received = b""
        while b" token000" not in received:
            piece = connection.recv(65536)
            if not piece:
                raise WrongAnswerError(f"a stream ended: {received[:300]!r}")
            received += piece


def descriptors() -> int:
    """How many files a process may have open here, and so about how many streams can be."""
    text = Path("/proc/self/limits").read_text(encoding="ascii")
    line = next(line for line in text.splitlines() if line.startswith("Max open files"))
    return int(line.split()[3])

"""`python -m tests.faults.attacks NAME …`: clients that mean no good, in a process of their own.

It attacks for so many seconds, and then prints as JSON how many of its connections were closed on it and how many
frames it got rid of.
"""

import argparse
import asyncio
import contextlib
import sys
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from tests.faults.frames import Http2

HEAD: Final = b"POST /v1/chat/completions HTTP/1.1\r\nHost: a\r\nX-Slow: "
BODY: Final = b"POST /v1/chat/completions HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n{"
READ: Final = b"GET /openapi.json HTTP/1.1\r\nHost: a\r\n\r\n" * 4
DRIP_S: Final = 1.0
ADDRESSES: Final = 8
"""Attackers come from so many loopback addresses."""

BURST: Final = 1000


@dataclass(slots=True)
class Attackers:
    """Those that attack a REST port and a gRPC port. `closed` and `sent` are what is told in the end."""

    port: int
    grpc_port: int
    closed: int = 0
    sent: int = 0

    async def slow_head(self, number: int) -> None:
        """Headers that come byte by byte."""
        await self._drip(number, HEAD, b"x")

    async def slow_body(self, number: int) -> None:
        """A body that comes byte by byte."""
        await self._drip(number, BODY, b" ")

    async def slow_reader(self, number: int) -> None:
        """Answers that nobody takes."""
        await self._drip(number, READ, b"", reads=False)

    async def resets(self, number: int) -> None:
        """Calls that are begun and reset at once, at the gRPC port, as fast as they are taken."""
        await self._flood(Http2.reset_calls)

    async def continuations(self, number: int) -> None:
        """Headers without an end."""
        await self._flood(Http2.endless_headers)

    async def pings(self, number: int) -> None:
        """Pings that nobody needs."""
        await self._flood(Http2.pings)

    async def _flood(self, burst: Callable[[Http2, int], Coroutine[Any, Any, int]]) -> None:
        while True:
            with contextlib.suppress(OSError):
                async with Http2.connected(self.grpc_port) as connection:
                    self.sent += await burst(connection, BURST)
            self.closed += 1

    async def _drip(self, number: int, first: bytes, drips: bytes, *, reads: bool = True) -> None:
        place = (f"127.0.0.{2 + number % ADDRESSES}", 0)
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port, local_addr=place)
        if not reads:
            writer.transport.pause_reading()  # type: ignore[attr-defined]  # the transport of a socket has it
        with contextlib.suppress(OSError):
            writer.write(first)
            while not (writer.transport.is_closing() or reader.at_eof()):
                await asyncio.sleep(DRIP_S)
                writer.write(drips)
        self.closed += 1
        writer.transport.abort()


ATTACKS: Final[dict[str, tuple[Callable[[Attackers, int], Coroutine[Any, Any, None]], bool]]] = {
    "slow heads": (Attackers.slow_head, True),
    "slow bodies": (Attackers.slow_body, True),
    "slow readers": (Attackers.slow_reader, True),
    "resets by gRPC": (Attackers.resets, False),
    "endless headers by gRPC": (Attackers.continuations, False),
    "pings by gRPC": (Attackers.pings, False),
}
"""The attacks, and whether each takes all the sockets that it may have, or one."""


async def attack(name: str, attackers: Attackers, sockets: int, seconds: float) -> None:
    """Attacks for so long. Many sockets come within the first third of it, not all at once."""
    one, is_wide = ATTACKS[name]

    async def joins(number: int) -> None:
        await asyncio.sleep(seconds / 3 * number / sockets)
        await one(attackers, number)

    tasks = [asyncio.ensure_future(joins(number)) for number in range(sockets if is_wide else 1)]
    await asyncio.wait(tasks, timeout=seconds)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def main(arguments: Sequence[str] | None = None) -> int:
    """Reads the command line, and attacks."""
    parser = argparse.ArgumentParser("tests.faults.attacks")
    parser.add_argument("name", choices=ATTACKS)
    for option in ("--port", "--grpc-port", "--sockets"):
        parser.add_argument(option, type=int, required=True)
    parser.add_argument("--seconds", type=float, required=True)
    options = parser.parse_args(arguments)
    attackers = Attackers(options.port, options.grpc_port)
    asyncio.run(attack(options.name, attackers, options.sockets, options.seconds))
    print(msgspec.json.encode({"closed": attackers.closed, "sent": attackers.sent}).decode())
    return 0


if __name__ == "__main__":
    sys.exit(main())

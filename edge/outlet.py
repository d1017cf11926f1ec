"""What is written to clients in one round of the event loop leaves together, in the next.

Each write to a socket wakes whoever waits at its other end, mostly on another core, and the kernel's code takes the
interpreter's place in the caches: sixteen writes in a row cost less than sixteen with a request's work between them,
and pieces of one answer become one write. It must not look at what is written, and it keeps nothing for longer than a
round, nor more of a connection than `HELD_BYTES`.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Final

HELD_BYTES: Final = 64 * 1024
"""What one connection holds back at most. A larger piece goes out at once, and never by way of a copy."""


class Cork:
    """Belongs to the connections of one event loop."""

    __slots__ = ("_held",)

    def __init__(self) -> None:
        self._held: deque[Outlet] = deque()

    def hold(self, outlet: "Outlet", loop: asyncio.AbstractEventLoop) -> None:
        """Has an outlet flushed when the round is over, behind those that are held already."""
        held = self._held
        if not held:
            loop.call_soon(self._release, loop)
        held.append(outlet)

    def _release(self, loop: asyncio.AbstractEventLoop) -> None:
        held = self._held
        try:
            while held:
                held.popleft().flush()
        finally:
            if held:  # one of them failed, which is none of the others' business
                loop.call_soon(self._release, loop)


class Outlet(asyncio.Transport):
    """The way out of one connection, in the place of its transport: what is told to that comes after what was written.

    `loop` is the connection's, as is `cork`.
    """

    __slots__ = ("_cork", "_held", "_held_bytes", "_loop", "_transport", "_write")

    def __init__(self, transport: asyncio.Transport, cork: Cork, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__()
        self._transport = transport
        self._write: Callable[[bytes | bytearray | memoryview], object] = transport.write
        self._cork = cork
        self._loop = loop
        self._held: list[bytes] = []
        self._held_bytes = 0

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Sends when the round is over; at once, with all that is held, what is large or makes that too much."""
        held, size_bytes = self._held, len(data)
        if size_bytes > HELD_BYTES:
            self.flush()
            self._write(data)
            return
        if held:
            self._held_bytes += size_bytes
        else:
            self._held_bytes = size_bytes
            self._cork.hold(self, self._loop)
        held.append(bytes(data))
        if self._held_bytes > HELD_BYTES:
            self.flush()

    def flush(self) -> None:
        """Sends what is held, as one piece."""
        held = self._held
        if held:
            data = b"".join(held)
            held.clear()
            self._write(data)

    def lose(self) -> None:
        """The connection has ended; what is held is dropped, and whatever comes."""
        self._held.clear()
        self._write = _drop

    def close(self) -> None:
        """Closes once everything is sent."""
        self.flush()
        self._transport.close()

    def abort(self) -> None:
        """Closes at once: what the kernel has not taken is not sent."""
        self.flush()
        self._transport.abort()

    def is_closing(self) -> bool:
        """Whether nothing more can be sent."""
        return self._transport.is_closing()

    def get_write_buffer_size(self) -> int:
        """What is not sent yet, in bytes."""
        self.flush()
        return self._transport.get_write_buffer_size()

    def pause_reading(self) -> None:
        """Lets nothing more come."""
        self._transport.pause_reading()

    def resume_reading(self) -> None:
        """Lets more come."""
        self._transport.resume_reading()

    def get_extra_info(self, name: str, default: object = None) -> object:
        """See `asyncio.BaseTransport`."""
        return self._transport.get_extra_info(name, default)


def _drop(data: bytes | bytearray | memoryview) -> None:
    """Where that goes which nobody can be sent any more."""

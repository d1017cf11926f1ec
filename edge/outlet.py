"""What is written to clients in one round of the event loop leaves together, in the next.

Each write to a socket wakes whoever waits at its other end, mostly on another core, and the kernel's code takes the
interpreter's place in the caches: sixteen writes in a row cost less than sixteen with a request's work between them,
and pieces of one answer become one write. It must not look at what is written, and it keeps nothing for longer than a
round, nor more of a connection than `HELD_BYTES`.
"""

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Final

HELD_BYTES: Final = 64 * 1024
"""What one connection holds back at most. A larger piece goes out at once, and never by way of a copy."""


class Cork:
    """Belongs to the connections of one event loop.

    `held` are those that have something to send; who is the first has to call `draw_soon`, which sends what all of them
    have when the round is over.
    """

    __slots__ = ("draw_soon", "held")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.held: list[Outlet] = []
        # Once, and not for each round.
        self.draw_soon: Callable[[], object] = partial(loop.call_soon, self._draw)

    def _draw(self) -> None:
        held = self.held
        try:
            for outlet in held:
                data, send = outlet.held, outlet.send
                outlet.held = b""
                if data:
                    send(data)
            held.clear()
        finally:
            if held:  # one of them failed, which is none of the others' business
                self.draw_soon()


class Outlet(asyncio.Transport):
    """The way out of one connection, in the place of its transport: what is told to that comes after what was written.

    `send` is the transport's own writing, `held` what waits for it.
    """

    __slots__ = ("_cork", "_transport", "held", "send")

    def __init__(self, transport: asyncio.Transport, cork: Cork) -> None:
        super().__init__()
        self._transport = transport
        self._cork = cork
        self.send: Callable[[bytes | bytearray | memoryview], object] = transport.write
        self.held: bytes | bytearray | memoryview = b""

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Sends when the round is over; at once, with all that is held, what is large or makes that too much.

        A buffer must not be changed before.
        """
        if self.held or len(data) > HELD_BYTES:
            self._write_on(data)
            return
        self.held = data
        held = self._cork.held
        if not held:
            draw_soon = self._cork.draw_soon
            draw_soon()
        held.append(self)

    def write_now(self, data: bytes) -> None:
        """Sends at once, or with what is held: for what comes alone in its round as a rule, as events of streams do."""
        if self.held:
            self._write_on(data)
        else:
            self.send(data)

    def _write_on(self, data: bytes | bytearray | memoryview) -> None:
        if len(self.held) + len(data) > HELD_BYTES:
            self.flush()
            self.send(data)
        else:
            self.held = b"".join((self.held, data))

    def flush(self) -> None:
        """Sends what is held."""
        data, self.held = self.held, b""
        if data:
            self.send(data)

    def lose(self) -> None:
        """The connection has ended; what is held is dropped, and whatever comes."""
        self.held, self.send = b"", _drop

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

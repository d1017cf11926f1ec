"""A port and what it does with connections before any request: serve them, refuse them, swallow them, speak TLS."""

import asyncio
import contextlib
import socket
from collections.abc import Callable
from typing import Final, cast

from cli.mock.certificates import Authority
from cli.mock.connection import reset

_BACKLOG: Final = 1024
# More than any queue of length 0 holds.
_FILLERS: Final = 4


class _HangUp(asyncio.Protocol):
    """Resets its connection."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        reset(cast(asyncio.Transport, transport))


class _Mute(asyncio.Protocol):
    """Reads and says nothing, until it is told to go."""

    def __init__(self, open_ones: "set[_Mute]") -> None:
        self._open_ones = open_ones
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._open_ones.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._open_ones.discard(self)

    def abort(self) -> None:
        """Drops the connection."""
        if self._transport is not None:
            self._transport.abort()


class Listener:
    """One port. `part` is one of kind PORT, or empty for a plain one; `port` is there after `open`."""

    def __init__(self, part: str = "") -> None:
        self.part = part
        self._sockets = contextlib.ExitStack()
        self._server: asyncio.Server | None = None
        self._mute: set[_Mute] = set()
        self._authority = Authority() if self.is_tls and part != "tls-hang" else None
        self.port = 0

    @property
    def is_tls(self) -> bool:
        """Whether clients have to speak TLS."""
        return self.part.startswith("tls")

    @property
    def authority_pem(self) -> bytes:
        """What a client has to trust; empty where there is no TLS."""
        return self._authority.pem if self._authority is not None else b""

    async def open(self, host: str, port: int, make: Callable[[], asyncio.Protocol]) -> None:
        """Takes the port, 0 for a free one. `make` makes the protocol of a connection that is served."""
        bound = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
        try:
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            bound.bind((host, port))
        except OSError:
            bound.close()
            raise
        self.port = bound.getsockname()[1]
        if self.part in ("refused", "black-hole"):
            self._sockets.enter_context(bound)
            if self.part == "black-hole":
                self._fill(bound)
            return
        serving = {"hang-up": _HangUp, "tls-hang": lambda: _Mute(self._mute)}.get(self.part, make)
        tls = self._authority.context(self.part) if self._authority is not None else None
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(serving, sock=bound, backlog=_BACKLOG, ssl=tls)

    async def close(self, drop: Callable[[], None]) -> None:
        """Gives the port back. `drop` ends the connections that are served."""
        self._sockets.close()
        if self._server is not None:
            self._server.close()
            for each in tuple(self._mute):
                each.abort()
            drop()
            await self._server.wait_closed()

    def _fill(self, bound: socket.socket) -> None:
        """Leaves no room in the queue of connections that nobody accepts."""
        bound.listen(0)
        for _ in range(_FILLERS):
            filler = self._sockets.enter_context(socket.socket(bound.family))
            filler.setblocking(False)
            filler.connect_ex(bound.getsockname())

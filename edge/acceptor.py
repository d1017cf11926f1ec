"""Takes all connections that wait at a listening socket at once, beside the server that takes them one by one.

uvloop takes one connection from each listening socket in a round of its loop. When there is much to do rounds are long,
and who comes on a new connection would wait for seconds before it is even refused. It must not know requests.
"""

import asyncio
import socket
import ssl
from collections.abc import Callable
from typing import Final

AT_ONCE: Final = 256
"""Connections taken in one round at most."""

_PAUSE_S: Final = 1.0
"""After which it tries again when the process has no room for more connections."""


class Acceptor:
    """Belongs to the running loop. `listener` is a socket that listens and does not block, which it closes."""

    def __init__(
        self, listener: socket.socket, protocol: Callable[[], asyncio.Protocol], tls: ssl.SSLContext | None
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._listener = listener
        self._protocol = protocol
        self._tls = tls
        self._tasks: set[asyncio.Task[None]] = set()
        self._loop.add_reader(listener, self._accept)

    def close(self) -> None:
        """Takes no more; who has been taken stays."""
        if self._listener.fileno() >= 0:
            self._loop.remove_reader(self._listener)
            self._listener.close()

    def _accept(self) -> None:
        for _ in range(AT_ONCE):
            try:
                connection, _address = self._listener.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError:
                self._loop.remove_reader(self._listener)
                self._loop.call_later(_PAUSE_S, self._resume)
                return
            connection.setblocking(False)
            task = self._loop.create_task(self._connect(connection))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def _resume(self) -> None:
        if self._listener.fileno() >= 0:
            self._loop.add_reader(self._listener, self._accept)

    async def _connect(self, connection: socket.socket) -> None:
        try:
            await self._loop.connect_accepted_socket(self._protocol, connection, ssl=self._tls)
        except OSError:  # the client has left, or its handshake failed
            connection.close()

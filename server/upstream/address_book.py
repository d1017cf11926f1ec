"""Addresses of host names, kept for a few seconds, so that a burst of connections asks the system once.

It must not decide which addresses are fit to be called; `egress` does.
"""

import asyncio
import socket
from collections.abc import Sequence
from typing import Final

from server.upstream.egress import AddrInfo, Resolver

TTL_S: Final = 10.0
_MAX_NAMES: Final = 1000


class SystemResolver:
    """Asks the system, in a thread of its pool."""

    async def resolve(self, host: str, port: int) -> Sequence[AddrInfo]:
        """The addresses of a name, or those of an address written as such. Raises OSError."""
        loop = asyncio.get_running_loop()
        try:
            return await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG)
        except UnicodeError as error:
            raise socket.gaierror(socket.EAI_NONAME, "not a host name") from error


class AddressBook:
    """What a resolver said lately. Belongs to one event loop."""

    def __init__(self, inner: Resolver) -> None:
        self._inner = inner
        self._known: dict[tuple[str, int], tuple[float, Sequence[AddrInfo]]] = {}
        self._asking: dict[tuple[str, int], asyncio.Task[Sequence[AddrInfo]]] = {}

    async def resolve(self, host: str, port: int) -> Sequence[AddrInfo]:
        """The addresses, at most `TTL_S` seconds old. Raises OSError, which is not remembered."""
        key = host, port
        loop = asyncio.get_running_loop()
        known = self._known.get(key)
        if known is not None and loop.time() < known[0]:
            return known[1]
        task = self._asking.get(key)
        if task is None:
            task = self._asking[key] = loop.create_task(self._ask(key))
        return await asyncio.shield(task)

    async def _ask(self, key: tuple[str, int]) -> Sequence[AddrInfo]:
        try:
            found = await self._inner.resolve(*key)
        finally:
            del self._asking[key]
        if len(self._known) >= _MAX_NAMES:
            self._known.clear()
        self._known[key] = asyncio.get_running_loop().time() + TTL_S, found
        return found

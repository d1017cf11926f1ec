"""Addresses of host names, kept for a few seconds, so that a burst of connections asks the system once.

It must not decide which addresses are fit to be called; `egress` does.
"""

import asyncio
import socket
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from server.upstream.egress import AddrInfo, Resolver

TTL_S: Final = 10.0
STALE_S: Final = 60.0
"""How long a known address may still be given while a newer one is asked for."""

_THREADS: Final = 16
_MAX_NAMES: Final = 1000


class SystemResolver:
    """Asks the system, in threads of its own: a name server that does not answer holds up nothing but names."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="names")

    async def resolve(self, host: str, port: int) -> Sequence[AddrInfo]:
        """The addresses of a name, or those of an address written as such. Raises OSError."""
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(self._threads, _addresses, host, port)
        except UnicodeError as error:
            raise socket.gaierror(socket.EAI_NONAME, "not a host name") from error


class AddressBook:
    """What a resolver said lately. Belongs to one event loop."""

    def __init__(self, inner: Resolver) -> None:
        self._inner = inner
        self._known: dict[tuple[str, int], tuple[float, Sequence[AddrInfo]]] = {}
        self._asking: dict[tuple[str, int], asyncio.Task[Sequence[AddrInfo]]] = {}

    async def resolve(self, host: str, port: int) -> Sequence[AddrInfo]:
        """The addresses: as of `TTL_S` seconds ago, or of `STALE_S` while newer ones are asked for.

        Raises OSError, which is not remembered.
        """
        key = host, port
        loop = asyncio.get_running_loop()
        known = self._known.get(key)
        age_s = loop.time() - known[0] if known is not None else STALE_S
        if known is not None and age_s < TTL_S:
            return known[1]
        task = self._asking.get(key)
        if task is None:
            task = self._asking[key] = loop.create_task(self._ask(key))
            task.add_done_callback(_note)
        if known is not None and age_s < STALE_S:
            return known[1]
        return await asyncio.shield(task)

    async def _ask(self, key: tuple[str, int]) -> Sequence[AddrInfo]:
        try:
            found = await self._inner.resolve(*key)
        finally:
            del self._asking[key]
        if len(self._known) >= _MAX_NAMES:
            self._known.clear()
        self._known[key] = asyncio.get_running_loop().time(), found
        return found


def _addresses(host: str, port: int) -> Sequence[AddrInfo]:
    # A name as bytes needs no tables of Unicode, which take a quarter of a MiB.
    name = host.encode() if host.isascii() else host
    return socket.getaddrinfo(name, port, type=socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG)


def _note(task: asyncio.Task[Sequence[AddrInfo]]) -> None:
    """A failure that nobody waits for is no defect."""
    if not task.cancelled():
        task.exception()

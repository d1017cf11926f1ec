"""Opens connections: finds addresses, dials them, shakes hands. What may be dialled is `egress`'s to say.

Addresses are tried in the order in which the resolver gives them, a quarter of a second apart, and the first that
answers wins (RFC 8305). Every socket is made for an address that was just checked, and is connected to no other.
"""

import asyncio
import socket as sockets
import ssl
from collections.abc import Callable, Sequence
from ipaddress import ip_address
from socket import socket
from typing import Final, TypeVar

from msgspec import Struct

from server.chat.wire import Timeouts
from server.errors import PerpetuoError
from server.upstream.egress import AddrInfo, Resolver, guarded_socket
from server.upstream.failures import Phase, connect_failure, not_shaken_hands, too_late

P = TypeVar("P", bound=asyncio.BaseProtocol)

_HEAD_START_S: Final = 0.25


class Origin(Struct, frozen=True, cache_hash=True):
    """Where connections go, and what they have in common."""

    host: str
    port: int
    is_tls: bool


class Dialler:
    """Opens connections to origins. `resolver` checks names, the addresses are checked once more when dialled."""

    def __init__(self, resolver: Resolver, *, allow_private: bool, tls: ssl.SSLContext | None) -> None:
        self._resolver = resolver
        self._allow_private = allow_private
        self._tls = tls

    async def open(self, origin: Origin, make: Callable[[], P], timeouts: Timeouts) -> P:
        """A connection with its protocol. Raises the reason when none stands within the connect and the total time."""
        dialled: list[socket] = []
        limit_s = min(timeouts.connect_s, timeouts.total_s)
        try:
            async with asyncio.timeout(limit_s):
                sock = await self._connected(origin)
                dialled.append(sock)
                return await self._on(sock, origin, make)
        except TimeoutError:
            raise _too_late(origin, dialled, timeouts) from None
        except OSError as error:
            raise connect_failure(error) from error

    async def _on(self, sock: socket, origin: Origin, make: Callable[[], P]) -> P:
        try:
            sock.setsockopt(sockets.SOL_SOCKET, sockets.SO_KEEPALIVE, 1)
            context = await self._context() if origin.is_tls else None
            name = origin.host if origin.is_tls else None
            loop = asyncio.get_running_loop()
            _, protocol = await loop.create_connection(make, sock=sock, ssl=context, server_hostname=name)
        except BaseException:
            sock.close()
            raise
        return protocol

    async def _context(self) -> ssl.SSLContext:
        if self._tls is None:
            # Reading the system's certificates takes tens of milliseconds.
            self._tls = await asyncio.get_running_loop().run_in_executor(None, _system_trust)
        return self._tls

    async def _connected(self, origin: Origin) -> socket:
        infos = _literal(origin) or await self._resolver.resolve(origin.host, origin.port)
        if len(infos) == 1:
            return await self._dial(infos[0])
        return await self._race(infos)

    async def _race(self, infos: Sequence[AddrInfo]) -> socket:
        """The first connection that stands; a failure, or a quarter of a second, starts the next."""
        waiting: set[asyncio.Task[socket]] = set()
        failures: list[BaseException] = []
        left = list(infos)
        try:
            while left or waiting:
                if left:
                    waiting.add(asyncio.ensure_future(self._dial(left.pop(0))))
                done, waiting = await asyncio.wait(
                    waiting, timeout=_HEAD_START_S if left else None, return_when=asyncio.FIRST_COMPLETED
                )
                won = [task.result() for task in done if task.exception() is None]
                for spare in won[1:]:
                    spare.close()
                if won:
                    return won[0]
                failures += [failure for task in done if (failure := task.exception()) is not None]
        finally:
            for task in waiting:
                task.cancel()
                task.add_done_callback(_close_late)
        raise failures[0] if failures else OSError("the name has no address")

    async def _dial(self, info: AddrInfo) -> socket:
        sock = guarded_socket(info, allow_private=self._allow_private)
        try:
            sock.setblocking(False)
            await asyncio.get_running_loop().sock_connect(sock, info[4])
        except BaseException:
            sock.close()
            raise
        return sock


def _close_late(task: asyncio.Task[socket]) -> None:
    """A connection that stood after another had won."""
    if not task.cancelled() and task.exception() is None:
        task.result().close()


def _system_trust() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    return context


def _too_late(origin: Origin, dialled: list[socket], timeouts: Timeouts) -> PerpetuoError:
    if timeouts.total_s < timeouts.connect_s:
        return too_late(Phase.TOTAL, timeouts)
    return not_shaken_hands(timeouts) if origin.is_tls and dialled else too_late(Phase.CONNECT, timeouts)


def _literal(origin: Origin) -> Sequence[AddrInfo]:
    """The address that a host is written as, none for a name."""
    try:
        address = ip_address(origin.host)
    except ValueError:
        return ()
    family = sockets.AF_INET if address.version == 4 else sockets.AF_INET6
    return ((family, sockets.SOCK_STREAM, sockets.IPPROTO_TCP, "", (str(address), origin.port)),)

"""Serves an ASGI application with uvicorn inside a loop that belongs to somebody else.

It captures no signals: whoever runs the loop says when to stop. It opens the listening socket itself, so that the port
is known, and told, before the first request.
"""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager

import uvicorn
from starlette.types import ASGIApp

from edge.gate import Gate
from edge.guarded import SWEEP_S, GuardedProtocol, sweep
from edge.settings import EdgeSettings

_BACKLOG = 2048
# Longer than the idle time of common connection pools, so that the client closes first.
_KEEP_ALIVE_S = 75

OnReady = Callable[[int], Awaitable[None] | None]
"""Told the port once requests are taken."""


class _Server(uvicorn.Server):
    """A server that leaves signals alone and tells when it has started."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.up = asyncio.get_running_loop().create_future()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=sockets)
        self.up.set_result(None)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def bind(host: str, port: int, *, shares_port: bool = False) -> socket.socket:
    """A listening socket's beginning: bound, not yet listening. OSError if the address is taken or not ours.

    With `shares_port` other processes may bind the same port; the kernel spreads connections over those that listen.
    """
    info = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
    bound = socket.socket(info[0], info[1], info[2])
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if shares_port:
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        bound.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        bound.bind(info[4])
        bound.setblocking(False)
    except OSError:
        bound.close()
        raise
    return bound


async def serve_app(
    app: ASGIApp, settings: EdgeSettings, *, on_ready: OnReady | None = None, stop: asyncio.Event | None = None
) -> None:
    """Serves until `stop` is set, or for ever; running requests then get `settings.grace_s` to end.

    Raises:
        OSError: the address cannot be listened on, or the TLS files cannot be read.
    """
    async with serving(app, settings) as port:
        if on_ready is not None and (told := on_ready(port)) is not None:
            await told
        await (stop or asyncio.Event()).wait()


@asynccontextmanager
async def serving(
    app: ASGIApp,
    settings: EdgeSettings,
    *,
    beside: socket.socket | None = None,
    shares_port: bool = False,
    gate: Gate | None = None,
) -> AsyncIterator[int]:
    """Serves while the context lasts; gives the port. `beside` is one more bound socket to listen on.

    The `gate` answers requests for which there is no time.
    """
    config = _config(app, settings, gate)
    config.load()
    listener = bind(settings.host, settings.port, shares_port=shares_port)
    server = _Server(config)
    task = asyncio.get_running_loop().create_task(server.serve(sockets=[listener, *([beside] if beside else [])]))
    sweeping = asyncio.get_running_loop().create_task(sweep(server.server_state.connections, SWEEP_S))
    try:
        await asyncio.wait({task, server.up}, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            await task
            raise OSError("the HTTP server ended before it had started")
        yield listener.getsockname()[1]
    finally:
        sweeping.cancel()
        server.should_exit = True
        await task
        listener.close()


def _config(app: ASGIApp, settings: EdgeSettings, gate: Gate | None) -> uvicorn.Config:
    class Protocol(GuardedProtocol):
        """A connection of this server."""

    Protocol.gate = gate
    return uvicorn.Config(
        app,
        loop="none",
        http=Protocol,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=bool(settings.trusted_proxies),
        forwarded_allow_ips=list(settings.trusted_proxies) or None,
        backlog=_BACKLOG,
        timeout_keep_alive=_KEEP_ALIVE_S,
        timeout_graceful_shutdown=max(1, round(settings.grace_s)),
        ssl_certfile=settings.tls_cert,
        ssl_keyfile=settings.tls_key,
    )

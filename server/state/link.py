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
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Final

import msgspec

from server.fair_wait import FairWait
from server.state.wire import Wire, open_wire

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
Unheard = Callable[[Any], None]
"""Takes an answer that nobody waits for any more."""


class StateAwayError(Exception):
    """The server of the shared state does not answer."""


class _Command(msgspec.Struct):
    """A script to be run with its arguments; `again` are those for a second time, None if it is not to be repeated.

    `unheard` gets an answer whose asker is gone.
    """

    script: str
    args: Args
    answer: "asyncio.Future[Any] | None" = None
    again: Args | None = None
    unheard: Unheard | None = None


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
            failures: what the client raises, and what reads its replies.
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
        self._loop = asyncio.get_running_loop()
        self._wire: Wire | None = None
        self._waiting: deque[_Command] = deque()
        self._sent: list[_Command] = []
        self._is_due = False
        self._patience: FairWait | None = None
        self._unsaid: deque[_Command] = deque()
        self._lost = asyncio.Event()
        self._when_back: list[Callable[[], None]] = []
        self._when_away: list[Callable[[], None]] = []
        self._runner: asyncio.Task[None] | None = None
        self._drained: asyncio.Future[None] | None = None

    async def open(self) -> None:
        """Connects if the server is there, and keeps trying if it is not."""
        await self._connect()
        if not self.is_up:
            _log.warning("The shared state does not answer; limits hold for each replica alone until it does")
            self._lost.set()
        self._runner = self._loop.create_task(self._run(), name="state")

    async def close(self) -> None:
        """Says what is still to be said if the server answers, and ends."""
        if self.is_up and (self._waiting or self._sent):
            self._drained = self._loop.create_future()
            await asyncio.wait([self._drained], timeout=self._patience_s * 2)
        # Cancelled within the client, a task may miss that it was.
        while self._runner is not None and not self._runner.done():
            self._runner.cancel()
            await asyncio.wait([self._runner], timeout=self._patience_s)
        self.is_up = False
        self._hang_up()
        for command in (*self._sent, *self._waiting):
            _fail(command)
        with contextlib.suppress(*self.failures):
            await self.client.aclose()

    def when_back(self, callback: Callable[[], None]) -> None:
        """Calls back whenever the server has come back."""
        self._when_back.append(callback)

    def when_away(self, callback: Callable[[], None]) -> None:
        """Calls back whenever the server has gone."""
        self._when_away.append(callback)

    def ask(self, script: str, args: Args, unheard: Unheard | None = None) -> "asyncio.Future[Any]":
        """The answer of a script. Raises StateAwayError, at once when the server is known to be away.

        `unheard` gets the answer if the future was cancelled meanwhile.
        """
        if not self.is_up:
            raise StateAwayError
        answer: asyncio.Future[Any] = self._loop.create_future()
        self._send(_Command(script, args, answer, None, unheard))
        return answer

    def say(self, script: str, args: Args, again: Args | None = None) -> None:
        """Runs a script whose answer nobody needs; when the server is back if it is away, as far as there is room.

        `again` are the arguments for when it may have been run before; without, it is run once at most.
        """
        command = _Command(script, args, None, again)
        if self.is_up:
            self._send(command)
        else:
            self._keep(command)

    def reschedule(self, _when: float | None, /) -> None:
        """The server was waited for long enough: see `FairWait`."""
        if self._wire is not None:
            self._wire.lose(TimeoutError("no answer in time"))

    def _send(self, command: _Command) -> None:
        """Leaves it to the end of this turn of the loop, so that what is asked in one goes together."""
        self._waiting.append(command)
        if not self._is_due and not self._sent:
            self._is_due = True
            self._loop.call_soon(self._flush)

    def _flush(self) -> None:
        self._is_due = False
        waiting, wire = self._waiting, self._wire
        if not waiting or self._sent or wire is None:
            return
        batch = self._sent = [waiting.popleft() for _ in range(min(len(waiting), _MAX_BATCH))]
        self._patience = FairWait(self, self._patience_s)
        shas, prefix = self._shas, self.prefix
        commands = [("EVALSHA", shas[command.script], 1, prefix, *command.args) for command in batch]
        wire.send(commands, self._answered)

    def _answered(self, replies: list[Any] | Exception) -> None:
        """Passes on what the server said to what was sent."""
        assert self._patience is not None
        self._patience.stop()
        batch, self._sent = self._sent, []
        if isinstance(replies, Exception):
            self._lose(batch, replies)
            return
        failures = [reply for reply in replies if isinstance(reply, Exception)]
        if failures and len(failures) == len(replies):
            self._lose(batch, failures[0])
            return
        for failure in failures:
            _log.error("The shared state refused a script: %r", failure)
        for command, reply in zip(batch, replies, strict=True):
            _answer(command, reply)
        if self._waiting:
            self._flush()
        elif self._drained is not None and not self._drained.done():
            self._drained.set_result(None)

    async def _run(self) -> None:
        """Finds the server again whenever it is gone."""
        while True:
            await self._lost.wait()
            self._lost.clear()
            await self._disconnect()
            pause_s = _FIRST_PAUSE_S
            while not self.is_up:
                await asyncio.sleep(pause_s)
                await self._connect()
                pause_s = min(pause_s * 2, _LONGEST_PAUSE_S)

    async def _connect(self) -> None:
        loads = [("SCRIPT", "LOAD", source) for source in self._sources.values()]
        try:
            async with asyncio.timeout(max(self._patience_s, 1.0)):
                wire, shas = await open_wire(self.client, loads)
        except self.failures as error:
            _log.debug("The shared state does not answer: %r", error)
            return
        self._shas = dict(zip(self._sources, shas, strict=True))
        wire.when_lost = self._gone
        self._wire, self.is_up = wire, True
        for command in self._unsaid:
            self._send(command)
        self._unsaid.clear()
        for callback in self._when_back:
            callback()

    def _gone(self, error: Exception) -> None:
        self._lose([], error)

    def _lose(self, batch: Sequence[_Command], error: Exception) -> None:
        _log.warning("The shared state does not answer, each replica counts for itself: %r", error)
        self.is_up = False
        self._hang_up()
        self.outage_count += 1
        for command in (*batch, *self._waiting):
            if command.answer is None and command.again is not None:
                self._keep(_Command(command.script, command.again, None, command.again))
            _fail(command)
        self._waiting.clear()
        if self._drained is not None and not self._drained.done():
            self._drained.set_result(None)
        for callback in self._when_away:
            callback()
        self._lost.set()

    def _hang_up(self) -> None:
        """What failed may still be answered, and nobody asks any more."""
        wire, self._wire = self._wire, None
        if wire is not None:
            wire.close()

    async def _disconnect(self) -> None:
        """The client's other connections may be as dead."""
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
    answer = command.answer
    if answer is None:
        return
    if not answer.done():
        if isinstance(reply, Exception):
            answer.set_exception(StateAwayError())
        else:
            answer.set_result(reply)
    elif command.unheard is not None and answer.cancelled() and not isinstance(reply, Exception):
        command.unheard(reply)


def _fail(command: _Command) -> None:
    if command.answer is not None and not command.answer.done():
        command.answer.set_exception(StateAwayError())

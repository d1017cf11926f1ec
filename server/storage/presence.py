"""Whether a database server is there: told apart from slow, within a second, and without a wait for everybody.

A transaction that takes long raises a suspicion, and only a probe that gets no answer either confirms it. Then the
server is away: every transaction under way is severed, those that wait are refused, and new ones are refused at once,
until a probe in the background gets an answer again.

States: HERE -> (suspicion, silent probe | nobody at the address) -> AWAY -> (probe served) -> HERE.
"""

import asyncio
import enum
import logging
import math
from collections.abc import Awaitable, Callable

from server.errors import StoreUnavailable
from server.fair_wait import FairWait

# Of the longest silence: what is left beside both is for telling so.
_SUSPECT_AT = 0.25
_PROBE_SHARE = 0.45
_PROBE_AGAIN_S = 0.25

_log = logging.getLogger(__name__)


class Answer(enum.Enum):
    """What a try to connect came to. A server that refuses (too many clients, starting up) is there."""

    SERVES = enum.auto()
    REFUSES = enum.auto()
    SILENT = enum.auto()


class Watch:
    """One transaction under observation, which may take `longest_s` seconds, None for as long as it takes.

    `sever` breaks its connection off; set it as soon as there is one.
    """

    __slots__ = ("_loop", "_presence", "_timer", "_until_s", "sever")

    def __init__(self, presence: "Presence", longest_s: float | None) -> None:
        self._loop = asyncio.get_running_loop()
        self._presence = presence
        self._until_s = math.inf if longest_s is None else self._loop.time() + longest_s
        self._timer: asyncio.TimerHandle | None = None
        self.sever: Callable[[], None] | None = None
        self.arm()

    def arm(self) -> None:
        """Raises a suspicion unless the transaction ends soon."""
        self._timer = self._loop.call_later(self._presence.suspect_s, self._presence.suspect, self)

    @property
    def is_overdue(self) -> bool:
        """Whether it takes longer than it may."""
        return self._loop.time() > self._until_s

    def stop(self) -> None:
        """The transaction is over."""
        if self._timer is not None:
            self._timer.cancel()
        self._presence.forget(self)


class Presence:
    """Watches over one server. Belongs to one event loop; `close` it.

    `probe` tries to connect and never raises but for cancellation; an answer that takes too long is none. `lost` is
    called when the server turns out to be away. `answer_s` is the longest silence of a server that is there, seconds.
    """

    def __init__(self, probe: Callable[[], Awaitable[Answer]], lost: Callable[[], None], answer_s: float) -> None:
        self._probe = probe
        self._lost = lost
        self._probe_s = answer_s * _PROBE_SHARE
        self.suspect_s = answer_s * _SUSPECT_AT
        self._watched: set[Watch] = set()
        self._task: asyncio.Task[None] | None = None
        self.is_away = False

    def refuse_when_away(self) -> None:
        """Raises StoreUnavailable while the server is away."""
        if self.is_away:
            raise StoreUnavailable("The database is away; try again.", retry_after_s=1.0)

    def watch(self, longest_s: float | None) -> Watch:
        """Watches a transaction that may take so long, None for any time; `stop` it."""
        watch = Watch(self, longest_s)
        self._watched.add(watch)
        return watch

    def forget(self, watch: Watch) -> None:
        """A watch was stopped."""
        self._watched.discard(watch)

    def suspect(self, watch: Watch) -> None:
        """Something takes long: asks the server whether it is there. What takes too long in any case is severed."""
        watch.arm()
        if watch.is_overdue and watch.sever is not None:
            watch.sever()
        if self._task is None:
            self._start(self._confirm())

    def lose(self) -> None:
        """The server is away."""
        if self.is_away:
            return
        self.is_away = True
        _log.warning("The database is away; requests that need it are refused until it answers again")
        for watch in list(self._watched):
            if watch.sever is not None:
                watch.sever()
        self._lost()
        if self._task is None:
            self._start(self._find_again())

    async def close(self) -> None:
        """Stops probing. Safe to call twice."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.wait([task])

    def _start(self, work: Awaitable[None]) -> None:
        self._task = asyncio.ensure_future(self._own(work))

    async def _own(self, work: Awaitable[None]) -> None:
        try:
            await work
        finally:
            self._task = None

    async def _confirm(self) -> None:
        if await self._ask() is Answer.SILENT:
            self.lose()
        if self.is_away:
            await self._find_again()

    async def _find_again(self) -> None:
        while await self._ask() is not Answer.SERVES:  # noqa: ASYNC110 - a server does not say when it is back
            await asyncio.sleep(_PROBE_AGAIN_S)
        self.is_away = False
        _log.warning("The database answers again")

    async def _ask(self) -> Answer:
        try:
            async with asyncio.timeout(None) as limit:
                wait = FairWait(limit, self._probe_s)
                try:
                    return await self._probe()
                finally:
                    wait.stop()
        except TimeoutError:
            return Answer.SILENT

"""Rates in the memory of this process, which on first sight of a user asks the books for what the day has seen already.

A store that is away stops nobody: what it would have told is taken as nothing until it answers.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime

from server.chat.rates import Moment, Quota, Verdict, Window
from server.errors import StoreUnavailable
from server.limits.counters import DAY_S, MAX_SUBJECTS, Counters, Tally

CountOf = Callable[[str, datetime, datetime], Awaitable[int]]
"""How many calls of a subject the books have from one moment to just before another. Raises StoreUnavailable."""

_PATIENCE_S = 0.5
_PAUSE_S = 5.0

_log = logging.getLogger(__name__)


class MemoryRates:
    """A rate store for one process. Belongs to one event loop; `close` it."""

    def __init__(self, count_of: CountOf, *, max_subjects: int = MAX_SUBJECTS, patience_s: float = _PATIENCE_S) -> None:
        """`patience_s` is how long a call waits for the books."""
        self._count_of = count_of
        self._patience_s = patience_s
        self._counters = Counters(max_subjects)
        self._loads: dict[str, asyncio.Task[None]] = {}

    async def take(self, quotas: Sequence[Quota], now: Callable[[], Moment]) -> Verdict:
        """See `RateStore.take`. Nothing is awaited between looking and counting."""
        for quota in quotas:
            if quota.window is Window.DAY and not self._counters.knows_day(quota.subject):
                await self._learn(quota.subject, now())
        return self._counters.take(quotas, now())

    async def close(self) -> None:
        """Ends what is still being asked."""
        loads = list(self._loads.values())
        for load in loads:
            load.cancel()
        await asyncio.gather(*loads, return_exceptions=True)

    async def _learn(self, subject: str, at: Moment) -> None:
        """Waits for the books, unless they were slow a moment ago; callers that come meanwhile wait for the same."""
        tally = self._counters.tally(subject, at)
        if at.monotonic_s < tally.retry_at_s:
            return
        load = self._loads.get(subject)
        if load is None:
            load = self._loads[subject] = asyncio.ensure_future(self._load(subject, tally))
        done, _ = await asyncio.wait({load}, timeout=self._patience_s)
        if done:
            load.result()
        if not tally.knows_day:
            tally.retry_at_s = at.monotonic_s + _PAUSE_S

    async def _load(self, subject: str, tally: Tally) -> None:
        """What was counted before the tally was made; what came since, it has counted itself."""
        day = tally.day
        start = datetime.fromtimestamp(day * DAY_S, UTC)
        try:
            count = await self._count_of(subject, start, datetime.fromtimestamp(tally.made_epoch_s, UTC))
        except StoreUnavailable:
            _log.warning("The database is away: limits start the day anew for %s", subject)
            return
        finally:
            del self._loads[subject]
        tally.learn(day, count)

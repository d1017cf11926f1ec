"""Rates in the memory of this process, which on first sight of a subject asks the books for what its day has seen.

Books that are away stop nobody: what they would have told is taken as nothing until they answer.
"""

import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Final

from server.chat.rates import CountOf, Grant, Moment, Quota, Verdict, Window, no_books
from server.state import counters
from server.state.books import PATIENCE_S, Books
from server.state.counters import MAX_SUBJECTS, Counters

_PAUSE_S: Final = 5.0


def process_time() -> Moment:
    """The time of this process."""
    return Moment(time.monotonic(), time.time())


class MemoryRates:
    """A rate store for one process. Belongs to one event loop; `close` it."""

    def __init__(
        self,
        count_of: CountOf = no_books,
        now: Callable[[], Moment] = process_time,
        *,
        max_subjects: int = MAX_SUBJECTS,
        patience_s: float = PATIENCE_S,
    ) -> None:
        """`patience_s` is how long a call waits for the books."""
        self.now = now
        self._books = Books(count_of, patience_s)
        self._counters = Counters(max_subjects)

    async def take(self, quotas: Sequence[Quota]) -> Verdict:
        """See `RateStore.take`. Nothing is awaited between looking and counting."""
        for quota in quotas:
            if quota.window is Window.DAY:
                await self._learn(quota)
        return self._counters.take(quotas, self.now())

    def take_now(self, quotas: Sequence[Quota]) -> Verdict | None:
        """See `RateStore.take_now`. The books are waited for by `take` alone."""
        at = self.now()
        for quota in quotas:
            if quota.window is Window.DAY:
                tally = self._counters.tally(quota.subject, at)
                if not tally.day(quota.measure, at).knows_all and at.monotonic_s >= tally.retry_at_s:
                    return None
        verdict = self._counters.take(quotas, at)
        return None if verdict.grant is None else verdict

    def add(self, quotas: Sequence[Quota]) -> Grant:
        """Counts a call that somebody else has admitted."""
        return self._counters.add(quotas, self.now())

    def settle(self, grant: Grant, used_tokens: int, day_factor: int = 1) -> None:
        """See `RateStore.settle`; on days so many times as many tokens are counted."""
        counters.settle(grant, used_tokens, day_factor)

    def cancel(self, grant: Grant) -> None:
        """See `RateStore.cancel`."""
        counters.cancel(grant)

    def forget_days(self) -> None:
        """Asks the books anew for every day."""
        self._counters.forget_days()

    async def close(self) -> None:
        """Ends what is still being asked."""
        await self._books.close()

    async def _learn(self, quota: Quota) -> None:
        """Waits for the books if they are needed, unless they were away a moment ago."""
        at = self.now()
        tally = self._counters.tally(quota.subject, at)
        day = tally.day(quota.measure, at)
        if day.knows_all or at.monotonic_s < tally.retry_at_s:
            return
        if not await self._books.ask(quota.subject, quota.measure, day.since_epoch_s, partial(day.learn, day.day)):
            tally.retry_at_s = at.monotonic_s + _PAUSE_S

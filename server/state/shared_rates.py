"""Rates of all replicas together, and each replica's share while the server that they share is away.

A share is the limit divided by the number of replicas. What this replica admits it also counts itself, so that its
share of the last minute is known the moment the server goes. For a minute after the server is back both hold: it may
have lost what it knew. Of days the books know more than any replica: while the server is away they are asked, and each
call counts for as many as there are replicas.
"""

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from server.chat.rates import CountOf, Grant, Measure, Moment, Quota, Verdict, Window, no_books
from server.state.counters import of_days
from server.state.link import StateAwayError, ValkeyLink
from server.state.memory import MemoryRates, process_time
from server.state.valkey_rates import ValkeyRates

_SHARE_AFTER_S: Final = 60.0
_MAX_LATE: Final = 10_000
_NEVER_S: Final = float("-inf")


class _Both(NamedTuple):
    """What a call was given here, and by the server, None when it was judged here alone."""

    local: Grant
    shared: Grant | None


class SharedRates:
    """A rate store for several replicas; `close` it.

    `local_count` is how many calls were judged by this replica's share alone.
    """

    def __init__(
        self,
        link: ValkeyLink,
        replicas: int,
        count_of: CountOf = no_books,
        now: Callable[[], Moment] = process_time,
    ) -> None:
        """`replicas` is how many share the limits, at least 1."""
        self._link = link
        self._replicas = replicas
        self._shared = ValkeyRates(link, count_of)
        self._local = MemoryRates(count_of, now)
        self._was_alone = False
        self._share_until_s = _NEVER_S
        self._late: dict[tuple[str, Measure, int], int] = {}
        self.local_count = 0
        link.when_away(self._went_away)
        link.when_back(self._came_back)

    async def take(self, quotas: Sequence[Quota]) -> Verdict:
        """See `RateStore.take`."""
        if not self._link.is_up:
            return await self._take_share(quotas)
        try:
            if self._share_until_s != _NEVER_S and self._local.now().monotonic_s < self._share_until_s:
                return await self._take_both(quotas)
            verdict = await self._shared.take(quotas)
        except StateAwayError:
            return await self._take_share(quotas)
        grant = verdict.grant
        if grant is None:
            return verdict
        mirrored = self._local.add(_sliding(quotas))
        return Verdict(Grant(grant.quotas, _Both(mirrored, grant)), verdict.standings)

    def take_now(self, quotas: Sequence[Quota]) -> Verdict | None:
        """See `RateStore.take_now`: there is always something to wait for."""
        return None

    def settle(self, grant: Grant, used_tokens: int) -> None:
        """See `RateStore.settle`."""
        both: _Both = grant.handle
        if both.shared is not None:
            self._local.settle(both.local, used_tokens)
            self._shared.settle(both.shared, used_tokens)
            return
        self._local.settle(both.local, used_tokens, self._replicas)
        for subject, measure, day, amount in of_days(both.local, used_tokens):
            self._note(subject, measure, day, amount)
        if self._link.is_up:
            self._tell_late()

    def cancel(self, grant: Grant) -> None:
        """See `RateStore.cancel`."""
        both: _Both = grant.handle
        self._local.cancel(both.local)
        if both.shared is not None:
            self._shared.cancel(both.shared)

    async def close(self) -> None:
        """Ends what is still being asked."""
        await self._shared.close()
        await self._local.close()

    async def _take_both(self, quotas: Sequence[Quota]) -> Verdict:
        """Judges by this replica's share, and by the whole. Raises StateAwayError."""
        verdict = await self._take_sliding_share(quotas)
        local = verdict.grant
        if local is None:
            return verdict
        whole: Verdict | None = None
        try:
            whole = await self._shared.take(quotas)
        finally:
            if whole is None or whole.grant is None:
                self._local.cancel(local)
        if whole.grant is None:
            return whole
        return Verdict(Grant(whole.grant.quotas, _Both(local, whole.grant)), whole.standings)

    async def _take_share(self, quotas: Sequence[Quota]) -> Verdict:
        """Judges by this replica's share alone."""
        self.local_count += 1
        self._was_alone = True
        verdict = _as_asked(await self._local.take([self._share(quota) for quota in quotas]), quotas)
        if verdict.grant is None:
            return verdict
        return verdict._replace(grant=Grant(tuple(quotas), _Both(verdict.grant, None)))

    async def _take_sliding_share(self, quotas: Sequence[Quota]) -> Verdict:
        """The grant is this replica's own."""
        sliding = _sliding(quotas)
        verdict = _as_asked(await self._local.take([self._share(quota) for quota in sliding]), sliding)
        self.local_count += verdict.grant is None
        return verdict

    def _share(self, quota: Quota) -> Quota:
        if quota.window is Window.DAY:
            return quota._replace(amount=min(quota.amount * self._replicas, quota.limit))
        limit = max(quota.limit // self._replicas, 1)
        return quota._replace(limit=limit, amount=min(quota.amount, limit))

    def _note(self, subject: str, measure: Measure, day: int, amount: int) -> None:
        """Keeps what the server has to be told of a day."""
        late, key = self._late, (subject, measure, day)
        if key in late or len(late) < _MAX_LATE:
            late[key] = late.get(key, 0) + amount

    def _went_away(self) -> None:
        self._was_alone = True
        self._local.forget_days()

    def _came_back(self) -> None:
        if self._was_alone:
            self._share_until_s = self._local.now().monotonic_s + _SHARE_AFTER_S
            self._was_alone = False
        self._tell_late()

    def _tell_late(self) -> None:
        late, self._late = self._late, {}
        self._shared.add_to_day([(*key, amount) for key, amount in late.items()])


def _sliding(quotas: Sequence[Quota]) -> list[Quota]:
    return [quota for quota in quotas if quota.window is not Window.DAY]


def _as_asked(verdict: Verdict, quotas: Sequence[Quota]) -> Verdict:
    """A verdict over shares, told of the whole quotas."""
    standings = tuple(standing._replace(quota=quota) for standing, quota in zip(verdict.standings, quotas, strict=True))
    if verdict.refused_by is None:
        return verdict._replace(standings=standings)
    return verdict._replace(standings=standings, refused_by=standings[verdict.standings.index(verdict.refused_by)])

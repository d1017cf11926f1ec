"""Counting calls the slow and obvious way: every admitted call is kept for ever and looked at each time."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from server.chat.rates import Measure, Moment, Quota, Window


@dataclass
class Kept:
    """A call that was admitted, and the tokens that it has taken."""

    subject: str
    at: Moment
    tokens: int


@dataclass
class Naive:
    admitted: list[Kept] = field(default_factory=list)

    def used(self, quota: Quota, at: Moment) -> int:
        mine = [kept for kept in self.admitted if kept.subject == quota.subject]
        if quota.window is Window.DAY:
            mine = [kept for kept in mine if kept.at.epoch_s // 86_400 == at.epoch_s // 86_400]
        else:
            mine = [kept for kept in mine if kept.at.monotonic_s + quota.window.span_s > at.monotonic_s]
        return sum(kept.tokens for kept in mine) if quota.measure is Measure.TOKENS else len(mine)

    def take(self, quotas: Sequence[Quota], at: Moment) -> int | None:
        """The number of the call if it fits; all quotas are of one subject."""
        if any(self.used(quota, at) + quota.amount > quota.limit for quota in quotas):
            return None
        tokens = max((quota.amount for quota in quotas if quota.measure is Measure.TOKENS), default=0)
        self.admitted.append(Kept(quotas[0].subject, at, tokens))
        return len(self.admitted) - 1

    def settle(self, number: int, used_tokens: int) -> None:
        """Says what a call has used."""
        self.admitted[number].tokens = used_tokens

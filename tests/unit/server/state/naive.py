"""Counting calls the slow and obvious way: every admitted call is kept for ever and looked at each time."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from server.chat.rates import Moment, Quota, Window


@dataclass
class Naive:
    admitted: list[tuple[str, Moment]] = field(default_factory=list)

    def used(self, quota: Quota, at: Moment) -> int:
        mine = [moment for subject, moment in self.admitted if subject == quota.subject]
        if quota.window is Window.MINUTE:
            return sum(moment.monotonic_s + 60 > at.monotonic_s for moment in mine)
        return sum(moment.epoch_s // 86_400 == at.epoch_s // 86_400 for moment in mine)

    def take(self, quotas: Sequence[Quota], at: Moment) -> bool:
        if any(self.used(quota, at) >= quota.limit for quota in quotas):
            return False
        self.admitted += [(subject, at) for subject in {quota.subject for quota in quotas}]
        return True

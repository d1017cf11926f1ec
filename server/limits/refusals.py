"""Which refusals are written down: the first of a minute, so that nobody fills the books with calls that cost nothing.

A refusal is a call that came to no provider and got no answer: over a limit, wrong in itself, or without a candidate.
"""

from collections.abc import Callable
from typing import Final

from server.chat.rates import Moment, Quota, Window
from server.chat.records import OperationRecord
from server.state.counters import Counters
from server.state.memory import process_time

RECORDED_PER_MINUTE: Final = 60
"""Of each user."""


class Refusals:
    """Tells which records are kept. `left_out_count` is how many were not."""

    def __init__(self, per_minute: int = RECORDED_PER_MINUTE, now: Callable[[], Moment] = process_time) -> None:
        self._per_minute = per_minute
        self._now = now
        self._counters = Counters()
        self.left_out_count = 0

    def are_recorded(self, record: OperationRecord) -> bool:
        """Whether a record is kept: always, unless it is one of too many refusals."""
        if record.attempts or record.is_cache_hit or record.outcome == "ok":
            return True
        quota = Quota(record.user_id, Window.MINUTE, self._per_minute)
        if self._counters.take((quota,), self._now()).is_admitted:
            return True
        self.left_out_count += 1
        return False

"""Rates of calls: what somebody may use in a span of time, and where that stands. Time comes in as an argument."""

from collections.abc import Callable, Sequence
from enum import Enum
from typing import NamedTuple, Protocol


class Window(Enum):
    """The span in which calls are counted: the last 60 seconds at any moment, or a day in UTC."""

    MINUTE = "minute"
    DAY = "day"


class Quota(NamedTuple):
    """At most `limit` calls of a subject (a user's id, say) in a window."""

    subject: str
    window: Window
    limit: int


class Moment(NamedTuple):
    """Now: `monotonic_s` is in seconds of a clock that never goes back, `epoch_s` in seconds since 1970 in UTC."""

    monotonic_s: float
    epoch_s: float


class Standing(NamedTuple):
    """Where a quota stands at `epoch_s`.

    `remaining` calls are free. In `resets_in_s` seconds the window gives back at least one call that it holds; when
    none remains, that is when the next one is admitted.
    """

    quota: Quota
    remaining: int
    resets_in_s: float
    epoch_s: float


class Verdict(NamedTuple):
    """Whether a call is admitted, and where the tightest quota stands after it. One that is not admitted cost nothing.

    The tightest quota has the least left; of two that have the same, it is the one that resets later.
    """

    is_admitted: bool
    tightest: Standing


class RateStore(Protocol):
    """Where calls are counted."""

    async def take(self, quotas: Sequence[Quota], now: Callable[[], Moment]) -> Verdict:
        """Counts one call in all quotas, or in none when one of them is used up. Needs at least one quota."""

"""Rates of calls and tokens: what somebody may use in a span of time, and where that stands.

A call is taken in several quotas at once or in none. Tokens are taken by estimate and settled when it is known what was
used. Where and how it is counted is the business of a `RateStore`, which brings its own clock.
"""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import datetime
from enum import Enum
from typing import Any, NamedTuple, Protocol


class Window(Enum):
    """The span in which is counted: the last so many seconds at any moment, or a day in UTC, whose `span_s` is 0."""

    __hash__ = object.__hash__  # in C: it is a key for every event or request

    MINUTE = ("minute", 60.0)
    QUARTER_HOUR = ("quarter of an hour", 900.0)
    HOUR = ("hour", 3600.0)
    DAY = ("day", 0.0)

    def __init__(self, label: str, span_s: float) -> None:
        self.label = label
        self.span_s = span_s


class Measure(Enum):
    """What is counted."""

    __hash__ = object.__hash__  # in C: it is a key for every event or request

    REQUESTS = "requests"
    TOKENS = "tokens"


class Quota(NamedTuple):
    """At most `limit` calls or tokens of a subject (a user, a key) in a window. `amount` is what one call asks for.

    Of requests the amount is 1; of tokens it is at most the limit, so that every call fits into an empty window.
    """

    subject: str
    window: Window
    limit: int
    measure: Measure = Measure.REQUESTS
    amount: int = 1


class Moment(NamedTuple):
    """Now: `monotonic_s` is in seconds of a clock that never goes back, `epoch_s` in seconds since 1970 in UTC."""

    monotonic_s: float
    epoch_s: float


class Standing(NamedTuple):
    """Where a quota stands at `epoch_s`.

    `remaining` calls or tokens are free. In `resets_in_s` seconds the window gives back some of what it holds; when the
    call did not fit, that is when it will.
    """

    quota: Quota
    remaining: int
    resets_in_s: float
    epoch_s: float

    @property
    def fits(self) -> bool:
        """Whether one more such call would fit."""
        return self.remaining >= self.quota.amount


class Grant(NamedTuple):
    """What a call was given: the quotas, and what the store needs to find it again."""

    quotas: tuple[Quota, ...]
    handle: Any


class Verdict(NamedTuple):
    """Whether a call is admitted: a grant if it is, and where every quota stands after it, in their order.

    A call that is not admitted has cost nothing; `refused_by` is then the quota it has to wait for the longest.
    """

    grant: Grant | None
    standings: tuple[Standing, ...]
    refused_by: Standing | None = None

    @property
    def is_admitted(self) -> bool:
        """Whether the call may go on."""
        return self.grant is not None


class Used(NamedTuple):
    """Calls that were admitted, and tokens that they took."""

    requests: int = 0
    tokens: int = 0


CountOf = Callable[[str, datetime, datetime], Awaitable[Used]]
"""What the books have of a subject from one moment to just before another. Raises StoreUnavailable."""


async def no_books(subject: str, start: datetime, end: datetime) -> Used:
    """Books in which nothing stands."""
    return Used()


class RateStore(Protocol):
    """Where calls are counted."""

    async def take(self, quotas: Sequence[Quota]) -> Verdict:
        """Counts one call in all quotas, or in none when it does not fit into one of them. Needs at least one quota.

        A caller that is cancelled meanwhile has taken nothing.
        """

    def take_now(self, quotas: Sequence[Quota]) -> Verdict | None:
        """The same for a call that is admitted without a wait; None for any other, which has then cost nothing."""

    def settle(self, grant: Grant, used_tokens: int) -> None:
        """Puts the tokens that were used in the place of those that were taken; the call itself stays counted."""

    def cancel(self, grant: Grant) -> None:
        """Gives everything back, the call included."""


def tightest(standings: Iterable[Standing]) -> Standing:
    """The standing with the least left; of two that have the same, the one that resets later. Needs at least one."""
    return min(standings, key=_tightness)


def _tightness(standing: Standing) -> tuple[int, float]:
    return standing.remaining, -standing.resets_in_s

"""How many calls an upstream takes at the same time, as its own answers teach it. Pure: time is an argument.

There is no limit until a provider refuses for want of room. Then it is a share of the calls that were under way, and
with every round of answers it grows by one; each round of refusals takes its share again. Beside it a provider may tell
how many requests or tokens it still takes until a moment: that many calls are begun, and no more before then. One call
is always possible, so that a word that was wrong is found out.
"""

from typing import Final

SHARE_LEFT: Final = 0.7
"""What a refusal leaves of the calls under way."""

MIN_LIMIT: Final = 4.0
"""Below this there is no limit to learn: a refusal of few calls is about their rate, and long answers would wait."""

MAX_LIMIT: Final = 1_000.0
"""A limit that has grown to this is none."""

FORGOTTEN_AFTER_S: Final = 300.0
"""For which a limit must not have been felt."""

MAX_RESET_S: Final = 60.0

_FELT_FROM: Final = 0.8


class Ceiling:
    """The limit of one upstream. It is made for a refusal, or for an allowance."""

    __slots__ = ("_allowed", "_allowed_until_s", "_felt_at_s", "_lowered_at_s", "limit")

    def __init__(self, now_s: float) -> None:
        self.limit = MAX_LIMIT
        self._felt_at_s = now_s
        self._lowered_at_s = float("-inf")
        self._allowed = 0
        self._allowed_until_s = float("-inf")

    def has_room(self, under_way: int, promised: int, now_s: float) -> bool:
        """Whether one more call may begin, beside those under way and those to which their place was promised."""
        taken = under_way + promised
        if taken == 0:
            return True
        is_allowed = now_s >= self._allowed_until_s or promised < self._allowed
        if is_allowed and taken + 1 <= self.limit:
            return True
        self._felt_at_s = now_s
        return False

    def begin(self) -> None:
        """A call has begun."""
        self._allowed -= 1

    def refused(self, under_way: int, began_s: float, now_s: float) -> None:
        """A call, begun at `began_s` and one of so many under way, was refused for want of room.

        The refusals of one round are one: calls that began before the limit was lowered do not lower it again.
        """
        self._felt_at_s = now_s
        if began_s >= self._lowered_at_s:
            self.limit = max(MIN_LIMIT, min(self.limit, float(under_way)) * SHARE_LEFT)
            self._lowered_at_s = now_s

    def answered(self, under_way: int, now_s: float) -> None:
        """One of so many calls was answered. The limit grows only while it is felt."""
        if under_way >= self.limit * _FELT_FROM:
            self.limit = min(self.limit + 1.0 / self.limit, MAX_LIMIT)
            self._felt_at_s = now_s

    def allow(self, calls: int, reset_s: float, under_way: int, now_s: float) -> None:
        """The provider takes so many more calls before `reset_s` seconds from now, beside the one that it answers.

        If that is none, there were too many calls under way: more are not begun at once when the time has come.
        """
        self._allowed = max(calls, 0)
        if self._allowed == 0:
            self.limit = max(MIN_LIMIT, min(self.limit, float(under_way)))
            self._felt_at_s = now_s
        self._allowed_until_s = now_s + min(max(reset_s, 0.0), MAX_RESET_S)

    def reopens_at_s(self, now_s: float) -> float | None:
        """When an allowance that is used up is renewed; None if none holds calls back."""
        return self._allowed_until_s if self._allowed <= 0 and now_s < self._allowed_until_s else None

    def is_over(self, now_s: float) -> bool:
        """Whether there is nothing left to remember."""
        is_limit_over = self.limit >= MAX_LIMIT or now_s - self._felt_at_s > FORGOTTEN_AFTER_S
        return is_limit_over and now_s >= self._allowed_until_s

"""The course of one request: who is asked next, when, and when it is over. Pure: time and chance are arguments.

At most four calls in all: two of the first candidate that was asked, one of every other. Waits are full jitter over
0.25 s doubled with every failure, at most 8 s, or what a provider told if that is 2 s or less; none is begun that the
deadline does not leave time for. A course knows nothing of the health of upstreams: whoever follows it may skip.
"""

from collections import deque
from collections.abc import Callable, Sequence
from typing import Final

from msgspec import Struct

from server.chat.deployment import Candidate
from server.routing.rules import RULES, Then
from server.routing.verdict import Failure

MAX_CALLS: Final = 4
LEAST_TIME_S: Final = 0.05
"""Nothing is called with less time left."""

SHORT_WAIT_S: Final = 2.0
"""The longest wait that a provider tells and that is waited for."""

_BACKOFF_S: Final = 0.25
_LONGEST_BACKOFF_S: Final = 8.0

Draw = Callable[[], float]
WindowOf = Callable[[Candidate], int]
"""The context window of a candidate in tokens, 0 for one that is not known."""

MayRepeat = Callable[[Candidate, float], bool]
"""Whether the budget has room at a time, in seconds, for asking the same once more; asking takes it."""


def backoff_s(failures: int, draw: Draw) -> float:
    """Seconds to wait after so many failures, at least one. `draw` gives a number from 0 to 1."""
    return draw() * min(_BACKOFF_S * 2.0 ** (failures - 1), _LONGEST_BACKOFF_S)


class Step(Struct, frozen=True):
    """The next call, after a wait. `is_plain`: without asking for usage; `is_repeated`: of the same as before.

    `is_streamed`: as a stream, although the answer is wanted in one piece.
    """

    candidate: Candidate
    wait_s: float = 0.0
    is_plain: bool = False
    is_repeated: bool = False
    is_streamed: bool = False


class Chance(Struct, frozen=True):
    """What a course asks of the world."""

    draw: Draw
    window_of: WindowOf
    may_repeat: MayRepeat


class Course:
    """The course of one request over its candidates, of which there is at least one."""

    __slots__ = (
        "_chance",
        "_deadline_s",
        "_first",
        "_is_over",
        "_max_calls",
        "_plain",
        "_soon",
        "_untried",
        "failures",
    )

    def __init__(
        self, candidates: Sequence[Candidate], deadline_s: float, chance: Chance, max_calls: int = MAX_CALLS
    ) -> None:
        """`deadline_s` is absolute, on the clock of `next`; `max_calls` are made at most."""
        self._max_calls = max_calls
        self._untried = deque(candidates)
        self._deadline_s = deadline_s
        self._chance = chance
        self._first: Candidate | None = None
        self._soon: Step | None = None
        self._plain: Candidate | None = None
        self._is_over = False
        self.failures: list[Failure] = []

    def next(self, now_s: float) -> Step | None:
        """The next call, None when there is none, or no time for it."""
        if self._is_over or len(self.failures) >= self._max_calls:
            return None
        step = self._soon
        if step is not None:
            self._soon = None
            if self._is_possible(step, now_s):
                return step
        if not self._untried:
            return None
        step = Step(self._untried.popleft())
        return step if now_s + LEAST_TIME_S <= self._deadline_s else None

    @property
    def is_over(self) -> bool:
        """Whether a failure was one after which nobody is asked."""
        return self._is_over

    @property
    def is_at_last(self) -> bool:
        """Whether nobody is left to be asked next, and nobody has failed."""
        return not self._untried and not self.failures

    def failed(self, step: Step, failure: Failure) -> None:
        """A call failed."""
        self.failures.append(failure)
        self._first = self._first or step.candidate
        then = RULES[failure.kind].then
        if then is Then.STOP or (then is Then.PLAIN and self._plain is step.candidate):
            self._is_over = True
        elif then is Then.PLAIN:
            self._plain = step.candidate
            self._soon = Step(step.candidate, is_plain=True, is_streamed=step.is_streamed)
        elif then is Then.STREAMED:
            self._soon = Step(step.candidate, is_streamed=True)
        elif then in _NARROWS:
            is_left = _NARROWS[then]
            self._untried = deque(other for other in self._untried if is_left(step.candidate, other, self))
        elif step.candidate is self._first and not step.is_repeated:
            self._repeat(then, step, failure)

    def _repeat(self, then: Then, step: Step, failure: Failure) -> None:
        told_s = failure.error.retry_after_s
        if told_s is not None and told_s > SHORT_WAIT_S:
            return
        wait_s = 0.0 if then is Then.SAME_AT_ONCE else backoff_s(len(self.failures), self._chance.draw)
        is_alone = not self._untried
        waits = then is Then.WHEN_TOLD and told_s is not None
        if then in (Then.SAME, Then.SAME_AT_ONCE) or waits or (then in (Then.IF_ALONE, Then.WHEN_TOLD) and is_alone):
            wait_s = max(wait_s, told_s or 0.0)
            self._soon = Step(step.candidate, wait_s, step.is_plain, is_repeated=True, is_streamed=step.is_streamed)

    def _is_possible(self, step: Step, now_s: float) -> bool:
        """Whether there is time for it, and room in the budget if it needs some."""
        if now_s + step.wait_s + LEAST_TIME_S > self._deadline_s:
            return False
        return not step.is_repeated or self._chance.may_repeat(step.candidate, now_s)

    def has_larger_window(self, than: Candidate, other: Candidate) -> bool:
        """Whether it is known that a candidate takes longer prompts than another."""
        return 0 < self._chance.window_of(than) < self._chance.window_of(other)


def _is_other_account(failed: Candidate, other: Candidate, course: Course) -> bool:
    mine, theirs = failed.deployment, other.deployment
    return (mine.base_url, mine.api_key) != (theirs.base_url, theirs.api_key)


def _is_other_place(failed: Candidate, other: Candidate, course: Course) -> bool:
    return failed.deployment.base_url != other.deployment.base_url or course.has_larger_window(failed, other)


def _is_larger(failed: Candidate, other: Candidate, course: Course) -> bool:
    return course.has_larger_window(failed, other)


_NARROWS: Final = {
    Then.OTHER_ACCOUNT: _is_other_account,
    Then.OTHER_PLACE: _is_other_place,
    Then.LARGER: _is_larger,
}
"""Who can still be asked after such a failure."""

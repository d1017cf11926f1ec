"""How an upstream has done lately: latency and failures of one kind of its answers. Pure: time is an argument.

Time counts: what was seen a half-life ago weighs half. Only what blames the provider is a failure: a caller who left,
or a request that was at fault, says nothing about an upstream.
"""

from collections.abc import Iterable
from typing import Final

from msgspec import Struct

HALF_LIFE_S: Final = 300.0


class Measured(Struct, frozen=True):
    """What was seen of one upstream.

    `calls` and `answers` are decayed counts of all calls and of those that were answered. `latency_ms` is the mean to
    the whole answer, or for streams to the first content; 0 without answers. `error_rate` is 0 to 1, 0 without calls.
    """

    calls: float = 0.0
    answers: float = 0.0
    latency_ms: float = 0.0
    error_rate: float = 0.0


NOTHING: Final = Measured()


class Measurements:
    """What was seen of one upstream's streams, or of its other answers. Times are of any steady clock, in seconds."""

    __slots__ = ("_answers", "_at_s", "_calls", "_failures", "_half_life_s", "_latency_sum_s")

    def __init__(self, half_life_s: float = HALF_LIFE_S) -> None:
        self._half_life_s = half_life_s
        self._at_s = 0.0
        self._calls = 0.0
        self._failures = 0.0
        self._answers = 0.0
        self._latency_sum_s = 0.0

    def answered(self, latencies_s: Iterable[float], times_s: Iterable[float]) -> None:
        """Takes how long answers took, in the order in which they came, and when that was."""
        at_s, half_life_s = self._at_s, self._half_life_s
        kept, answers, sum_s = 1.0, 0.0, 0.0
        for latency_s, now_s in zip(latencies_s, times_s, strict=True):
            if now_s > at_s:  # the loop's clock stands still while it goes on with what has come
                faded = 0.5 ** ((now_s - at_s) / half_life_s)
                kept *= faded
                answers *= faded
                sum_s *= faded
                at_s = now_s
            answers += 1.0
            sum_s += latency_s
        self._at_s = at_s
        self._failures *= kept
        self._calls = self._calls * kept + answers
        self._answers = self._answers * kept + answers
        self._latency_sum_s = self._latency_sum_s * kept + sum_s

    def called(self, now_s: float, *, has_failed: bool) -> None:
        """Takes a call that failed, or that came to no answer whose latency could be told."""
        kept = 0.5 ** (max(0.0, now_s - self._at_s) / self._half_life_s)
        self._at_s = max(self._at_s, now_s)
        self._calls = self._calls * kept + 1.0
        self._failures = self._failures * kept + has_failed
        self._answers *= kept
        self._latency_sum_s *= kept

    def at(self, now_s: float) -> Measured:
        """What was seen up to now."""
        if self._calls <= 0.0:
            return NOTHING
        kept = 0.5 ** (max(0.0, now_s - self._at_s) / self._half_life_s)
        latency_s = self._latency_sum_s / self._answers if self._answers > 0.0 else 0.0
        return Measured(self._calls * kept, self._answers * kept, latency_s * 1000.0, self._failures / self._calls)

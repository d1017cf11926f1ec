"""A latency that rises at once and fades with time. Pure: time is an argument.

A moving mean whose weights are those of time, not of samples, and which takes a sample above it as it is: an upstream
that becomes slow is seen with its first slow answer. Without samples it fades, so that who was slow is tried again.
"""

import math
from collections.abc import Iterable
from typing import Final

FADE_S: Final = 10.0
"""In which what is known fades to 37 %."""


class PeakLatency:
    """The latency of one upstream, in seconds; 0 as long as nothing was seen."""

    __slots__ = ("_at_s", "_value_s")

    def __init__(self) -> None:
        self._at_s = 0.0
        self._value_s = 0.0

    def observe(self, latencies_s: Iterable[float], times_s: Iterable[float]) -> None:
        """Takes how long answers took, in the order in which they came, and when that was by any steady clock."""
        value_s, at_s, exp = self._value_s, self._at_s, math.exp
        for latency_s, now_s in zip(latencies_s, times_s, strict=True):
            if latency_s >= value_s:
                value_s = latency_s
            elif now_s > at_s:
                value_s = latency_s + (value_s - latency_s) * exp((at_s - now_s) / FADE_S)
            at_s = now_s
        self._value_s, self._at_s = value_s, at_s

    def at_least(self, latency_s: float, now_s: float) -> None:
        """Takes how long an answer was waited for that did not come: it says something only if that is long."""
        if latency_s > self.at(now_s):
            self.observe((latency_s,), (now_s,))

    def at(self, now_s: float) -> float:
        """The latency as it is taken to be now."""
        return self._value_s * self._kept(now_s)

    def _kept(self, now_s: float) -> float:
        """How much of what is known counts after the time that has passed."""
        return math.exp(-max(0.0, now_s - self._at_s) / FADE_S)

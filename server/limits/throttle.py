"""How many may come in while there is more to do than can be done: a rate that follows how late the event loop is.

Everything or nothing would swing: let all in, and they hold each other up for seconds; let none in, and there is
nothing to do. So there is a rate, in calls per second. It is steered towards a delay of half the target: its size by
what has added up (the integral), what is let in at this moment also by the delay itself (the proportion). It is never
below half of what is being finished, and rises fast at first. Pure: time is an argument. Facts: RFC 8033 (PIE).
"""

from typing import Final

QUIET_S: Final = 5.0
"""After so long without a refusal there is no rate any more."""

LEAST_PER_S: Final = 40.0
"""What is let in at least."""

_AIM: Final = 0.5
"""Of the target."""

_PROPORTION: Final = 0.5
_INTEGRAL_PER_S: Final = 0.5
_FIRST_RISE_PER_S: Final = 3.0
_LONGEST_S: Final = 0.1
"""Of what is observed at once: what was not let in meanwhile is not made up for."""

_FORGETS_IN_S: Final = 1.0


class Throttle:
    """A rate for calls, once it has been started.

    `is_on` says whether there is one. `room` is how many may come in before the next `observe`; whoever lets one in
    takes 1 from it, and sets `was_short` where there was none to take.
    """

    __slots__ = (
        "_finished_per_s",
        "_has_been_early",
        "_quiet_s",
        "_rises",
        "_target_s",
        "is_on",
        "rate_per_s",
        "room",
        "was_short",
    )

    def __init__(self, target_s: float) -> None:
        self._target_s = target_s
        self._finished_per_s = 0.0
        self._rises = self._has_been_early = False
        self._quiet_s = 0.0
        self.is_on = False
        self.rate_per_s = 0.0
        self.room = 0.0
        self.was_short = False

    def start(self) -> None:
        """From now on there is a rate: what was finished of late, to begin with."""
        self.is_on = self._rises = True
        self._has_been_early = False
        self.rate_per_s = max(self._finished_per_s, LEAST_PER_S)
        self.room = self._quiet_s = 0.0
        self.was_short = False

    def observe(self, delay_s: float, passed_s: float, finished: int) -> None:
        """Takes the delay as it is now, and how many calls were finished in the `passed_s` since the last time."""
        span_s = min(passed_s, _LONGEST_S)
        share = min(passed_s / _FORGETS_IN_S, 1.0)
        self._finished_per_s += share * (finished / passed_s - self._finished_per_s)
        if not self.is_on:
            return
        self._quiet_s = 0.0 if self.was_short else self._quiet_s + passed_s
        if self._quiet_s >= QUIET_S:
            self.is_on = False
            return
        error = max(1.0 - delay_s / (_AIM * self._target_s), -1.0)
        self._steer(error, span_s)
        self.room = min(self.room, 1.0) + self.rate_per_s * (1.0 + _PROPORTION * error) * span_s
        self.was_short = False

    def _steer(self, error: float, span_s: float) -> None:
        """Changes the rate; `error` is above 0 for a delay that is shorter than it may be, at most 1, at least -1."""
        if error > 0.0:
            self._has_been_early = True
        elif self._has_been_early:
            self._rises = False
        if error < 0.0 or self.was_short:
            pace_per_s = _FIRST_RISE_PER_S if self._rises and error > 0.0 else _INTEGRAL_PER_S
            self.rate_per_s *= 1.0 + pace_per_s * error * span_s
        self.rate_per_s = max(self.rate_per_s, self._finished_per_s / 2, LEAST_PER_S)

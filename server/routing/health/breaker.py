"""A circuit breaker as a state machine: closed, open for a while, then half open for one probe at a time. Pure.

Time is an argument, in seconds of any steady clock. What calls that began before it opened come to is not heard while
it is open: only probes close it, or one opens it anew.
"""

import math
from collections import deque
from enum import Enum
from typing import Final

from msgspec import Struct

OPEN_S: Final = 10.0
"""How long it is open, and how long a probe has before another may be made."""

FAILURES_IN_A_ROW: Final = 5
"""As many open it; they count as a row as long as no more than `WINDOW_S` seconds lie between two."""

WINDOW_S: Final = 30.0
LEAST_CALLS: Final = 20
SHARE: Final = 0.5
"""Of the calls within the window, if they are as many as `LEAST_CALLS`: so many failures open it."""

_SLOTS: Final = 10


class BreakerRules(Struct, frozen=True):
    """When breakers open and close.

    `failures` in a row open one, with no more than `window_s` seconds between two; so does a `share` of the calls of
    the last `window_s` seconds, if these are at least `LEAST_CALLS`. It is open for `open_s` seconds, and closes after
    `probes` probes in a row were answered.
    """

    failures: int = FAILURES_IN_A_ROW
    share: float = SHARE
    window_s: float = WINDOW_S
    open_s: float = OPEN_S
    probes: int = 1


USUAL_RULES: Final = BreakerRules()


class State(Enum):
    """Whether calls go through."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


class _Window:
    """Calls and failures of the last seconds, in ten slots."""

    __slots__ = ("_slot_s", "_slots", "last", "last_ends_s")

    def __init__(self, window_s: float) -> None:
        self._slot_s = window_s / _SLOTS
        self._slots: deque[list[int]] = deque(maxlen=_SLOTS)
        self.last = [0, 0, 0]
        self.last_ends_s = -math.inf

    def add(self, now_s: float, calls: int, failures: int) -> None:
        slot = self.last
        if now_s >= self.last_ends_s:
            number = int(now_s / self._slot_s)
            if not self._slots or self._slots[-1][0] < number:
                slot = self.last = [number, 0, 0]
                self._slots.append(slot)
                self.last_ends_s = (number + 1) * self._slot_s
        slot[1] += calls
        slot[2] += failures

    def sums(self, now_s: float) -> tuple[int, int]:
        oldest = int(now_s / self._slot_s) - _SLOTS
        recent = [slot for slot in self._slots if slot[0] > oldest]
        return sum(slot[1] for slot in recent), sum(slot[2] for slot in recent)

    def clear(self) -> None:
        self._slots.clear()
        self.last_ends_s = -math.inf


class Breaker:
    """One breaker. Whoever calls asks `wait_s` first, then `enter`s, and tells what came of it exactly once."""

    __slots__ = (
        "_answered",
        "_failed_s",
        "_probe",
        "_probe_until_s",
        "_rules",
        "_until_s",
        "is_closed",
        "openings",
        "row",
        "window",
    )

    def __init__(self, rules: BreakerRules = USUAL_RULES) -> None:
        self._rules = rules
        self.window = _Window(rules.window_s)
        self._answered = 0
        self.row = 0
        self._failed_s = 0.0
        self._until_s: float | None = None
        self._probe = 0
        self._probe_until_s: float | None = None
        self.is_closed = True
        """Whether all calls go through; only the breaker itself says so."""
        self.openings = 0
        """How often it opened, by failed probes too."""

    def state(self, now_s: float) -> State:
        """Its state now."""
        if self._until_s is None:
            return State.CLOSED
        return State.OPEN if now_s < self._until_s else State.HALF_OPEN

    def wait_s(self, now_s: float) -> float:
        """Seconds for which it lets nobody through, 0 if a call may go."""
        if self._until_s is None:
            return 0.0
        until_s = self._until_s if self._probe_until_s is None else max(self._until_s, self._probe_until_s)
        return max(until_s - now_s, 0.0)

    def enter(self, now_s: float) -> int:
        """A call goes through: the number of the probe that it is, 0 for none."""
        if self._until_s is None:
            return 0
        self._probe += 1
        self._probe_until_s = now_s + self._rules.open_s
        return self._probe

    def succeeded(self, now_s: float, probe: int = 0) -> None:
        """A call was answered."""
        if self.is_closed:
            self.worked(now_s)
            return
        if probe:
            self._answered += 1
            self._probe_until_s = None
            if self._answered >= self._rules.probes:
                self._until_s = None
                self.is_closed = True
                self.window.clear()
                self.row = 0
                self.window.add(now_s, 1, 0)

    def worked(self, now_s: float) -> None:
        """A call was answered while it is closed."""
        self.row = 0
        window = self.window
        if now_s < window.last_ends_s:
            window.last[1] += 1
        else:
            window.add(now_s, 1, 0)

    def failed(self, now_s: float, probe: int = 0) -> None:
        """A call failed."""
        if self._until_s is not None:
            if probe:
                self._open(now_s)
            return
        self.row = self.row + 1 if now_s - self._failed_s <= self._rules.window_s else 1
        self._failed_s = now_s
        self.window.add(now_s, 1, 1)
        if self.row >= self._rules.failures or self._is_too_much(now_s):
            self._open(now_s)

    def broke(self, now_s: float) -> None:
        """A call that had been taken for answered failed after all: that counts for the share, not for the row."""
        if self._until_s is None:
            self.window.add(now_s, 0, 1)
            if self._is_too_much(now_s):
                self._open(now_s)

    def left(self, probe: int) -> None:
        """A call came to nothing that says anything: if it was the probe, another may be made."""
        if probe and probe == self._probe:
            self._probe_until_s = None

    def _open(self, now_s: float) -> None:
        self._until_s = now_s + self._rules.open_s
        self.is_closed = False
        self._probe_until_s = None
        self.row = self._answered = 0
        self.window.clear()
        self.openings += 1

    def _is_too_much(self, now_s: float) -> bool:
        calls, failures = self.window.sums(now_s)
        return calls >= LEAST_CALLS and failures >= self._rules.share * calls

"""How often the same upstream may be asked once more: a tenth of its calls, and a few each second. Pure.

An upstream that fails must not get more work for it. The budget counts for each upstream, and over all of them
together, so that many that fail at once do not double what the gateway does. Asking another upstream takes nothing.
"""

from enum import Enum
from typing import Final

SHARE: Final = 0.1
"""Of the calls of an upstream, and of all calls."""

FLOOR_PER_S: Final = 3.0
"""Of one upstream, whatever its calls."""

FLEET_FLOOR_PER_S: Final = 30.0
"""Of all upstreams together."""

MOST_SAVED: Final = 10.0
"""How much of the share can be saved, in floors of a second."""


class Refusal(Enum):
    """Which budget had no room."""

    UPSTREAM = "upstream"
    FLEET = "fleet"


class Budget:
    """What one upstream, or all of them, have for repeats: `saved` of at most `most`, beside the floor. Made full."""

    __slots__ = ("_at_s", "_floor", "_floor_per_s", "most", "saved")

    def __init__(self, floor_per_s: float, now_s: float) -> None:
        self._floor_per_s = floor_per_s
        self._floor = floor_per_s
        self.most = MOST_SAVED * floor_per_s - SHARE / 2
        self.saved = 0.0
        self._at_s = now_s

    def has_room(self, now_s: float) -> bool:
        """Whether there is enough for a repeat."""
        passed_s = max(now_s - self._at_s, 0.0)
        self._floor = min(self._floor + passed_s * self._floor_per_s, self._floor_per_s)
        self._at_s = now_s
        return self._floor >= 1.0 or self.saved >= 1.0

    def take(self) -> None:
        """Spends what `has_room` has seen."""
        if self._floor >= 1.0:
            self._floor -= 1.0
        else:
            self.saved -= 1.0


def called(upstream: Budget, fleet: Budget) -> None:
    """A call earns a part of a repeat."""
    if upstream.saved < upstream.most:
        upstream.saved += SHARE
    if fleet.saved < fleet.most:
        fleet.saved += SHARE


def take(upstream: Budget, fleet: Budget, now_s: float) -> Refusal | None:
    """Spends a repeat of an upstream; if one of the budgets has no room, nothing is spent, and it is told which."""
    if not upstream.has_room(now_s):
        return Refusal.UPSTREAM
    if not fleet.has_room(now_s):
        return Refusal.FLEET
    upstream.take()
    fleet.take()
    return None

"""When a delay is more than a burst: it has stood above a target for a while. Pure: time is an argument.

After CoDel (RFC 8289): what counts is not how long the delay is but that it does not go away. Who comes back soon after
it had gone is believed at once.
"""

from typing import Final

INTERVAL_S: Final = 0.5
"""For which a delay has to stand."""

REMEMBERED_S: Final = 5.0
"""For which it is remembered that it stood."""

_GONE_BELOW: Final = 0.5
"""Of the target; between this and the target everything stays as it is."""


class StandingDelay:
    """One delay, observed again and again. `is_standing` is what to go by."""

    __slots__ = ("_above_since_s", "_stood_until_s", "_target_s", "is_standing")

    def __init__(self, target_s: float) -> None:
        self._target_s = target_s
        self._above_since_s: float | None = None
        self._stood_until_s = float("-inf")
        self.is_standing = False

    def observe(self, delay_s: float, now_s: float) -> None:
        """Takes the delay as it is now. `now_s` is any steady clock's."""
        if delay_s > self._target_s:
            since_s = self._above_since_s = now_s if self._above_since_s is None else self._above_since_s
            is_known = now_s - self._stood_until_s < REMEMBERED_S
            self.is_standing = self.is_standing or is_known or now_s - since_s >= INTERVAL_S
        elif delay_s < self._target_s * _GONE_BELOW:
            self._above_since_s = None
            self.is_standing = False
        if self.is_standing:
            self._stood_until_s = now_s

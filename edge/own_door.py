"""Whether a REST face in a process of its own has more to do than it can.

Beside its core a face asks the core's door. Alone it bounds how many requests it serves at the same time: by a number,
and while the event loop is late for longer than a moment by fewer, look by look, until it is late no more. It must not
know sockets or requests.
"""

import asyncio
import time
from collections.abc import Callable
from typing import Final

LOOK_EVERY_S: Final = 0.025
STANDS_S: Final = 0.5
"""For which the loop has to be late before anybody is refused for it."""

FEW: Final = 100
"""Requests that are served however late the loop is."""

_LESS: Final = 0.97
_MORE: Final = 1.02
_ON_TIME: Final = 0.5
"""Of the lag that is allowed; between this and all of it everything stays as it is."""

_WAITS_S: Final = 3
_NO_BOUND: Final = 100_000
"""A bound that has risen above this is none, where none was asked for."""


class OwnDoor:
    """Says who is let in. `inside` tells how many are being served.

    `max_inside` bounds them, `max_lag_s` how late the loop may be; 0 is no bound. `bound` is what holds now. Use it on
    the running loop.
    """

    def __init__(
        self,
        inside: Callable[[], int],
        max_inside: int,
        max_lag_s: float,
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._inside = inside
        self._now_s = now_s
        self._max_inside = float(max_inside or "inf")
        self._max_lag_s = max_lag_s
        self._coming = self._waiting = 0
        self._waited_s = 0.0
        self._refused = 0
        self._timer: asyncio.TimerHandle | None = None
        self._looked_s = 0.0
        self._late_since_s: float | None = None
        self.bound = self._max_inside
        self.is_shut = False

    def turn_away(self) -> float | None:
        """The seconds after which one may come again who is refused now; None for who is served."""
        loop = asyncio.get_running_loop()
        if self._timer is None and self._max_lag_s:
            self._look_later(loop)
        self.is_shut = self._inside() + self._coming + self._waiting >= self.bound
        if self.is_shut:
            self._refused += 1
            return 1.0 + self._refused % _WAITS_S  # not all at the same moment again
        if not self._coming:
            loop.call_soon(self._arrived)
        self._coming += 1
        return None

    def defer(self) -> None:
        """One who was let in waits before it is inside."""
        self._waiting += 1
        self._coming -= 1

    def resume(self, waited_s: float, *, comes: bool) -> None:
        """It has waited so long, which counts as the loop being late."""
        self._waiting -= 1
        self._waited_s = max(self._waited_s, waited_s)

    def observe(self, lag_s: float, now_s: float) -> None:
        """Takes how late the loop is."""
        if lag_s > self._max_lag_s:
            self._late_since_s = now_s if self._late_since_s is None else self._late_since_s
            if now_s - self._late_since_s >= STANDS_S:
                self.bound = min(self._max_inside, max(min(self.bound, self._inside()) * _LESS, FEW))
        elif lag_s < self._max_lag_s * _ON_TIME:
            self._late_since_s = None
            risen = self.bound * _MORE
            self.bound = self._max_inside if risen > min(self._max_inside, _NO_BOUND) else risen

    def _arrived(self) -> None:
        """Those who were let in in this round of the loop are inside before anybody else asks."""
        self._coming = 0

    def _look(self) -> None:
        now_s = self._now_s()
        lag_s, self._waited_s = max(now_s - self._looked_s - LOOK_EVERY_S, self._waited_s), 0.0
        self.observe(lag_s, now_s)
        if self._inside() or self.bound < self._max_inside:
            self._look_later(asyncio.get_running_loop())
        else:
            self._timer = None

    def _look_later(self, loop: asyncio.AbstractEventLoop) -> None:
        self._looked_s = self._now_s()
        self._timer = loop.call_later(LOOK_EVERY_S, self._look)

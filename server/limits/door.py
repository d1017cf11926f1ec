"""Who is let in at all: a count of the calls inside, and a look at how late the event loop is.

Asked before anything else is done for a call, so it must cost next to nothing: a number up and a number down. Calls
that are inside are never put out. While there are any, one timer looks at the loop; once it has been late for a while,
calls are let in at a rate that follows how late it is.
"""

from collections.abc import Callable
from typing import Final, Protocol

from msgspec import Struct

from server.errors import Overloaded
from server.limits.delay import StandingDelay
from server.limits.throttle import Throttle

LOOK_EVERY_S: Final = 0.025
FEW_CALLS: Final = 100
"""With fewer calls inside a late loop is not their fault, and nobody is refused for it."""

MOST_WAITING: Final = 1_000
"""Who wait for their turn, in a burst that nobody has been refused for yet: half a second of work, or a little more."""

COMING_S: Final = 0.5
"""For which at least who was not turned away is taken to be on the way; at most for twice that."""

_WAITS_S: Final = 3


class Timer(Protocol):
    """A call that is still to come."""

    def cancel(self) -> None:
        """It is not to come."""


class Time(Struct, frozen=True):
    """Time, as an argument: `now_s` is a steady and exact clock, `call_later` that of the event loop."""

    now_s: Callable[[], float]
    call_later: Callable[[float, Callable[[], None]], Timer]


class Door:
    """Counts calls in and out.

    `max_inside` bounds how many are inside, `max_lag_s` how late the loop may be for longer than a moment; 0 is no
    bound. `refused` counts those that were not let in, by what was the reason. `is_shut` tells that somebody was
    turned away of late, for those who would rather ask before they have looked at what comes.
    """

    def __init__(self, time: Time, max_inside: int, max_lag_s: float) -> None:
        self._time = time
        self._max_inside = max_inside or float("inf")
        self._lag = StandingDelay(max_lag_s)
        self._throttle = Throttle(max_lag_s)
        self._looks = max_lag_s > 0.0
        self._timer: Timer | None = None
        self._looked_s = 0.0
        self._left = self._turned_away = 0
        self._coming = self._came = 0
        self._coming_since_s = 0.0
        self._waiting = 0
        self._waited_s = 0.0
        # Somebody looks, nobody waits and nobody has to be slowed down, so that nothing but numbers is to be asked.
        self._is_calm = False
        self.inside = 0
        self.is_shut = False
        self.refused = {"calls": 0, "lag": 0}

    def enter(self) -> None:
        """Lets a call in, which has to `leave`. Raises Overloaded."""
        if self._came:
            self._came -= 1
        elif self._coming:
            self._coming -= 1
        elif self.inside >= self._max_inside or self._throttle.is_on:
            self._refuse()
        self.inside += 1
        if not self._is_calm and self._looks and self._timer is None:
            self._look_later()

    def leave(self) -> None:
        """The call is over."""
        self.inside -= 1
        self._left += 1

    def turn_away(self) -> float | None:
        """The seconds after which somebody may try again who is not let in now; None for who would be.

        Who is turned away counts as refused. Who is not is on the way, and counts as inside for a moment or until a
        call enters, which is not asked again: of those who come in one round of the loop none has entered before the
        last one asks.
        """
        if self._is_calm and self.inside + self._coming + self._came < self._max_inside:
            # Mostly: somebody is inside, so that what is to be forgotten is the timer's business.
            self.is_shut = False
            self._coming += 1
            return None
        throttle = self._throttle
        if throttle.is_on and throttle.room < 1.0:
            taken = self.inside + self._coming + self._came + self._waiting
            if FEW_CALLS <= taken < self._max_inside:
                throttle.was_short = self.is_shut = True
                return self._refused("lag")
        if self._timer is None:
            now_s = self._time.now_s()
            if now_s - self._coming_since_s >= 2 * COMING_S:
                self._coming = self._came = 0
            self._forget(now_s)
        taken = self.inside + self._coming + self._came + self._waiting
        if taken < self._max_inside and self._waiting < MOST_WAITING and not throttle.is_on:
            self.is_shut = False
            self._coming += 1
            return None
        cause = self._cause(taken)
        if cause is None:
            self._coming += 1
            return None
        self.is_shut = True
        return self._refused(cause)

    def _forget(self, now_s: float) -> None:
        """Those who were let in a while ago and have not come.

        While there is a timer that is its business, once in a round at most: however long rounds are, of those who had
        their turn in one all have come in before they are forgotten.
        """
        if now_s - self._coming_since_s > COMING_S:
            self._came, self._coming, self._coming_since_s = self._coming, 0, now_s

    def defer(self) -> None:
        """One who was not turned away waits before it comes; it is not forgotten meanwhile."""
        self._waiting += 1
        self._is_calm = False
        if self._coming:
            self._coming -= 1
        elif self._came:
            self._came -= 1

    def resume(self, waited_s: float, *, comes: bool) -> None:
        """It has waited so long, which counts as the loop being late, and is on the way again, or has left."""
        self._waiting -= 1
        self._coming += comes
        self._waited_s = max(self._waited_s, waited_s)
        self._see_whether_calm()

    def _cause(self, taken: int) -> str | None:
        """Why nobody more is let in, if so."""
        if taken >= self._max_inside:
            return "calls"
        if self._waiting >= MOST_WAITING and self._looks:
            return "lag"
        throttle = self._throttle
        if not throttle.is_on or taken < FEW_CALLS:
            return None
        if throttle.room < 1.0:
            throttle.was_short = True
            return "lag"
        throttle.room -= 1.0
        return None

    def _refused(self, cause: str) -> float:
        """Counts a refusal; gives the seconds to wait."""
        self.refused[cause] += 1
        self._turned_away = number = self._turned_away + 1
        # Not all at the same moment again.
        return 1.0 + number % _WAITS_S

    def close(self) -> None:
        """Looks no more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._see_whether_calm()

    def _see_whether_calm(self) -> None:
        self._is_calm = self._timer is not None and not self._waiting and not self._throttle.is_on

    def _refuse(self) -> None:
        cause = self._cause(self.inside)
        if cause is not None:
            wait_s = self._refused(cause)
            raise Overloaded("The gateway has more to do than it can. Try again later.", retry_after_s=wait_s)

    def _look(self) -> None:
        now_s, throttle = self._time.now_s(), self._throttle
        passed_s, left = now_s - self._looked_s, self._left
        lag_s = max(passed_s - LOOK_EVERY_S, self._waited_s)
        self._left, self._waited_s = 0, 0.0
        throttle.observe(lag_s, passed_s, left)
        self._lag.observe(lag_s, now_s)
        self._forget(now_s)
        if self._lag.is_standing and not throttle.is_on and self.inside + self._waiting >= FEW_CALLS:
            throttle.start()
        if self.inside or self._waiting or throttle.is_on:
            self._look_later()
        else:
            self._timer = None
            self._see_whether_calm()

    def _look_later(self) -> None:
        self._looked_s = self._time.now_s()
        self._timer = self._time.call_later(LOOK_EVERY_S, self._look)
        self._see_whether_calm()

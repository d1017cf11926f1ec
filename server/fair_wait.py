"""How long somebody waits for an answer, without blaming the other side for a loop that has itself been held up.

A timer that comes late says that the loop was busy: an answer may lie unread meanwhile. Then the wait begins anew, a
few times at most.
"""

import asyncio
from typing import Final, Protocol

_LATE_SHARE: Final = 0.04
_TRIES: Final = 3


class Limit(Protocol):
    """What ends a wait: an `asyncio.timeout(None)`, or something like it."""

    def reschedule(self, when: float | None, /) -> None:
        """Ends it at that time of the loop."""


class FairWait:
    """Ends what an `asyncio.timeout(None)` is around after `span_s` seconds in which the loop ran; `stop` it."""

    def __init__(self, limit: Limit, span_s: float) -> None:
        self._loop = asyncio.get_running_loop()
        self._limit = limit
        self._span_s = span_s
        self._tries = _TRIES
        self._due_s = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._arm()

    def stop(self) -> None:
        """The answer is there, or nobody waits any more."""
        if self._timer is not None:
            self._timer.cancel()

    def _arm(self) -> None:
        self._tries -= 1
        self._due_s = self._loop.time() + self._span_s
        self._timer = self._loop.call_at(self._due_s, self._look)

    def _look(self) -> None:
        self._timer = None
        now_s = self._loop.time()
        if self._tries and now_s - self._due_s > self._span_s * _LATE_SHARE:
            self._arm()
        else:
            self._limit.reschedule(now_s)

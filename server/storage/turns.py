"""Turns at something of which there is little: connections, or the one writer. First come, first served.

Whoever waits is told when waiting is pointless: `refuse_waiting` fails all of them at once, so that a database that is
away costs everybody one wait and not one after the other.
"""

import asyncio
from collections import deque

from server.errors import StoreUnavailable


class Turns:
    """At most `count` have a turn at once. Waiting for one ends with StoreUnavailable after `wait_s` seconds."""

    def __init__(self, count: int, wait_s: float) -> None:
        self._free = count
        self._wait_s = wait_s
        self._waiting: deque[asyncio.Future[None]] = deque()

    @property
    def waiting_count(self) -> int:
        """How many wait."""
        return len(self._waiting)

    async def take(self) -> None:
        """Waits for a turn; whoever gets it must `give_back`. Raises StoreUnavailable."""
        if self._free:
            self._free -= 1
            return
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            async with asyncio.timeout(self._wait_s):
                await turn
        except TimeoutError:
            self._leave(turn)
            raise StoreUnavailable("The database is busy; try again.", retry_after_s=1.0) from None
        except asyncio.CancelledError:
            self._leave(turn)
            raise

    def give_back(self) -> None:
        """Ends a turn; the one who has waited longest is next."""
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        self._free += 1

    def refuse_waiting(self, reason: str) -> None:
        """Fails everybody who waits with StoreUnavailable."""
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_exception(StoreUnavailable(reason, retry_after_s=1.0))

    def _leave(self, turn: asyncio.Future[None]) -> None:
        """Waits no longer; a turn that was given in the same moment goes to the next."""
        if turn in self._waiting:
            self._waiting.remove(turn)
        elif turn.done() and not turn.cancelled() and turn.exception() is None:
            self.give_back()

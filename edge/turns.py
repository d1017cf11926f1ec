"""How many model calls begin in one round of the event loop, so that no round is long.

Whatever else is ready waits for a round to end: refusals, health checks, new connections. When many calls come at the
same moment, so many of them begin, and the rest wait for rounds to come, in the order in which they came. Who waits has
been let in and is not refused any more; how long is for the door to know. It must not know sockets or requests.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Final, Protocol

AT_ONCE: Final = 16
"""Calls that begin in a round: some ten milliseconds of work, with the answers that the same number of calls gets."""

_ROUND_S: Final = 0.0005
"""Rounds are told apart by the loop's time, which uvloop reads once in each, in milliseconds."""


class Door(Protocol):
    """Is told who has been let in and waits."""

    def defer(self) -> None:
        """One who was let in waits for its turn."""

    def resume(self, waited_s: float, *, comes: bool) -> None:
        """It has waited so long, and goes in, or has left."""


class Turns:
    """Belongs to one event loop."""

    def __init__(self, door: Door) -> None:
        self._door = door
        self._waiting: deque[tuple[float, Callable[[], bool]]] = deque()
        # What is left of a round, until when it lasts.
        self._left = 0
        self._until_s = 0.0

    def takes(self, now_s: float) -> bool:
        """Whether a call may begin at once, which then has to. `now_s` is the loop's time."""
        if now_s > self._until_s:
            if self._waiting:
                return False
            self._until_s, self._left = now_s + _ROUND_S, AT_ONCE - 1
            return True
        if not self._left:
            return False  # as long as somebody waits there is nothing left
        self._left -= 1
        return True

    def wait(self, now_s: float, begin: Callable[[], bool]) -> None:
        """Has `begin` called in a later round; it tells whether the call has begun, which it does not who has left."""
        self._door.defer()
        if not self._waiting:
            asyncio.get_running_loop().call_soon(self._go_on)
        self._left = 0
        self._waiting.append((now_s, begin))

    def _go_on(self) -> None:
        loop = asyncio.get_running_loop()
        now_s, waiting, begun = loop.time(), self._waiting, 0
        while waiting and begun < AT_ONCE:
            since_s, begin = waiting.popleft()
            comes = begin()
            begun += comes
            self._door.resume(now_s - since_s, comes=comes)
        if waiting:
            loop.call_soon(self._go_on)

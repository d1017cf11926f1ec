"""Calls in flight that several requests wait for: one is made for all who ask the same while it is under way.

A flight's work runs in a task of its own, so that whoever started it may leave like everybody else; it is cancelled
when nobody waits any more. Who joins a flight decides what its failure means; here it is only told.
"""

import asyncio
import math
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

T = TypeVar("T")
P = TypeVar("P")

_AHEAD = 256


class Flight(Generic[P, T]):
    """One call. `T` is what it comes to, `P` a piece of it while it is made.

    Everybody who has it must `leave` it, on every path. `shows_pieces` tells whether it shows pieces, `deadline` when
    the call ends at the latest, on whatever clock those who wait use.
    """

    def __init__(self, *, shows_pieces: bool, deadline: float = math.inf) -> None:
        self.shows_pieces = shows_pieces
        self.deadline = deadline
        self._task: asyncio.Task[T] | None = None
        self._waiting = 1
        self._pieces: list[P] = []
        self._furthest = 0
        self._readers = 0
        self._news = asyncio.Event()
        self._room = asyncio.Event()

    @property
    def is_over(self) -> bool:
        """Whether it came to something, or to nothing."""
        return self._task is not None and self._task.done()

    async def result(self) -> T:
        """What the call comes to. Raises what it failed with."""
        assert self._task is not None
        return await asyncio.shield(self._task)

    async def put(self, piece: P) -> None:
        """Shows a piece to everybody; waits while those who read are far behind."""
        self._pieces.append(piece)
        _wake(self._news)
        while self._readers and len(self._pieces) - self._furthest > _AHEAD:
            await self._room.wait()

    async def piece(self, number: int) -> P | None:
        """The piece of that number, None after the last. Raises what the call failed with once its pieces are out."""
        while number >= len(self._pieces) and not self.is_over:
            await self._news.wait()
        if number < len(self._pieces):
            self._furthest = max(self._furthest, number + 1)
            _wake(self._room)
            return self._pieces[number]
        await self.result()
        return None

    def read(self) -> None:
        """Says that one reads the pieces; it ends with `leave(is_reader=True)`."""
        self._readers += 1

    def leave(self, *, is_reader: bool = False) -> None:
        """Waits no longer. The call goes on for the others, and is cancelled when there are none."""
        if is_reader:
            self._readers -= 1
            _wake(self._room)
        self._waiting -= 1
        if self._waiting == 0 and self._task is not None and not self._task.done():
            self._task.cancel()

    async def over(self) -> None:
        """Waits until the call is over, whatever it came to."""
        if self._task is not None and not self._task.done():
            await asyncio.wait([self._task])

    def when_over(self, callback: Callable[[], None]) -> None:
        """Calls back when the call is over, at once if it is."""
        assert self._task is not None
        if self._task.done():
            callback()
        else:
            self._task.add_done_callback(lambda _: callback())

    def _start(self, work: "Work[P, T]", over: Callable[[], None]) -> None:
        self._task = asyncio.ensure_future(self._run(work))

        def ended(task: asyncio.Future[T]) -> None:
            if not task.cancelled():
                task.exception()  # seen, whether anybody still waits or not
            over()
            _wake(self._news)

        self._task.add_done_callback(ended)

    def _join(self) -> bool:
        """Waits too, unless the call is over or given up."""
        if self._waiting == 0 or self.is_over:
            return False
        self._waiting += 1
        return True

    async def _run(self, work: "Work[P, T]") -> T:
        # Called in here: a task that is cancelled before it begins leaves no coroutine behind that nobody awaits.
        return await work(self)

    async def _give_up(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])


Work = Callable[[Flight[P, T]], Awaitable[T]]


class Flights(Generic[P, T]):
    """Flights by key. Belongs to one event loop; `close` it."""

    def __init__(self) -> None:
        self._open: dict[bytes, Flight[P, T]] = {}

    def __len__(self) -> int:
        return len(self._open)

    def __contains__(self, key: bytes) -> bool:
        return key in self._open

    def join(self, key: bytes, until: float = 0.0) -> Flight[P, T] | None:
        """The flight of that key if there is one to wait for, whose deadline is not before `until`."""
        flight = self._open.get(key)
        return flight if flight is not None and flight.deadline >= until and flight._join() else None

    def start(self, key: bytes, work: "Work[P, T]", *, shows_pieces: bool, deadline: float = math.inf) -> Flight[P, T]:
        """Starts a flight; whoever does is the first to wait for it."""
        flight: Flight[P, T] = Flight(shows_pieces=shows_pieces, deadline=deadline)

        def over() -> None:
            if self._open.get(key) is flight:
                del self._open[key]

        self._open[key] = flight
        flight._start(work, over)
        return flight

    async def close(self) -> None:
        """Gives up every flight."""
        for flight in list(self._open.values()):
            await flight._give_up()


def _wake(event: asyncio.Event) -> None:
    """Wakes everybody who waits now, and nobody who waits later."""
    event.set()
    event.clear()

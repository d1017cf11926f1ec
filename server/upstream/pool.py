"""Connections that wait to be used again, and how many there may be to one upstream.

Each origin has room for so many connections. Whoever finds none free waits for its turn: a connection that becomes idle
goes to whoever waits longest, and so does the room of one that ends. It opens nothing and sends nothing.
"""

import asyncio
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from msgspec import Struct

from server.errors import Overloaded
from server.upstream.connection import Connection
from server.upstream.dial import Origin

KEEP_ALIVE_S: Final = 15.0
"""How long a connection may wait to be used again."""

MAX_CONNECTIONS: Final = 1000
"""To one origin, in use or not."""

MAX_IDLE: Final = 1024
"""That wait to be used again, to all origins together."""

_RETRY_AFTER_S: Final = 1.0


class Counts(Struct, frozen=True):
    """Connections to all origins: how many are open or being opened, how many of them wait, and who waits for one."""

    open: int
    idle: int
    waiting: int


@dataclass(slots=True)
class _Place:
    """What there is of one origin. `count` is all that is open or being opened."""

    idle: list[Connection] = field(default_factory=list)
    waiting: deque["asyncio.Future[Connection | None]"] = field(default_factory=deque)
    count: int = 0


@dataclass(slots=True, eq=False)
class Ticket:
    """The room of one connection, from before it is opened until it is gone: one of those that `place` counts."""

    pool: "Pool" = field(repr=False)
    origin: Origin
    place: _Place = field(repr=False)
    is_valid: bool = True

    def keep(self, connection: Connection) -> None:
        """Takes the connection, which can be used again."""
        pool, place = self.pool, self.place
        turn = _next_turn(place) if place.waiting else None
        if turn is not None:
            turn.set_result(connection)
        elif pool.idle_count >= MAX_IDLE:
            connection.abort()
        else:
            connection.idle_since_s = connection.loop.time()
            place.idle.append(connection)
            pool.idle_count += 1
            if not pool.is_swept:
                pool.sweep_later(connection.loop)


class Pool:
    """The connections of one event loop. `max_connections` is for each origin."""

    def __init__(self, max_connections: int = MAX_CONNECTIONS) -> None:
        self._max_connections = max_connections
        self._places: dict[Origin, _Place] = {}
        self.idle_count = 0
        self._sweep: asyncio.TimerHandle | None = None
        self.is_swept = False
        """Whether what is idle for too long will be closed."""

    def counts(self) -> Counts:
        """What there is."""
        places = self._places.values()
        waiting = sum(not turn.done() for place in places for turn in place.waiting)
        return Counts(sum(place.count for place in places), self.idle_count, waiting)

    def take(self, origin: Origin, now_s: float) -> Connection | None:
        """The connection that was used last, if one can be used."""
        place = self._places.get(origin)
        if place is None:
            return None
        idle = place.idle
        while idle:
            connection = idle.pop()
            self.idle_count -= 1
            if now_s - connection.idle_since_s < KEEP_ALIVE_S and not connection.is_closing():
                return connection
            connection.abort()
        return None

    async def room(self, origin: Origin, within_s: float) -> Connection | Ticket:
        """Room for another connection, or one that has become free meanwhile.

        Raises Overloaded when neither comes within `within_s` seconds.
        """
        place = self._place(origin)
        if place.count < self._max_connections:
            return self.extra_room(origin)
        loop = asyncio.get_running_loop()
        turn: asyncio.Future[Connection | None] = loop.create_future()
        place.waiting.append(turn)
        timer = loop.call_later(within_s, _expire, turn)
        try:
            connection = await turn
        except asyncio.CancelledError:
            self._pass_on(origin, turn)
            raise
        finally:
            timer.cancel()
            if turn in place.waiting:
                place.waiting.remove(turn)
        return Ticket(self, origin, place) if connection is None else connection

    def extra_room(self, origin: Origin) -> Ticket:
        """Room for another connection whether there is any or not: for one that takes the place of a lost one."""
        place = self._place(origin)
        place.count += 1
        return Ticket(self, origin, place)

    def forget(self, ticket: Ticket, connection: Connection | None = None) -> None:
        """Gives the room back of a connection that is gone, or was never made. Safe to call twice."""
        place = ticket.place
        if not ticket.is_valid:
            return
        ticket.is_valid = False
        if connection is not None and connection in place.idle:
            place.idle.remove(connection)
            self.idle_count -= 1
        self._free(ticket.origin, place)

    def close(self) -> None:
        """Keeps nothing more; the connections are their owner's to end."""
        if self._sweep is not None:
            self._sweep.cancel()
            self._sweep, self.is_swept = None, False
        for place in self._places.values():
            place.idle.clear()
        self.idle_count = 0

    def _place(self, origin: Origin) -> _Place:
        place = self._places.get(origin)
        if place is None:
            place = self._places[origin] = _Place()
        return place

    def _free(self, origin: Origin, place: _Place) -> None:
        """Hands room on to whoever waits longest, else has it back."""
        turn = _next_turn(place)
        if turn is not None:
            turn.set_result(None)
            return
        place.count -= 1
        if not (place.count or place.idle or place.waiting):
            self._places.pop(origin, None)

    def _pass_on(self, origin: Origin, turn: "asyncio.Future[Connection | None]") -> None:
        """What came to somebody who has left goes to the next."""
        if not turn.done() or turn.cancelled() or turn.exception() is not None:
            return
        connection = turn.result()
        if connection is None:
            self._free(origin, self._place(origin))
        elif connection.can_carry():
            connection.become_idle()

    def sweep_later(self, loop: asyncio.AbstractEventLoop) -> None:
        """Has what is idle for too long closed once."""
        self._sweep, self.is_swept = loop.call_later(KEEP_ALIVE_S, self._close_idle, loop), True

    def _close_idle(self, loop: asyncio.AbstractEventLoop) -> None:
        """Closes what was idle for too long, and comes again while anything is kept."""
        oldest_s = loop.time() - KEEP_ALIVE_S
        for connection in [each for each in self._all_idle() if each.idle_since_s <= oldest_s]:
            connection.abort()
        self.is_swept = False
        if self.idle_count:
            self.sweep_later(loop)

    def _all_idle(self) -> Iterator[Connection]:
        for place in self._places.values():
            yield from place.idle


def _next_turn(place: _Place) -> "asyncio.Future[Connection | None] | None":
    """Who waits longest."""
    while place.waiting:
        turn = place.waiting.popleft()
        if not turn.done():
            return turn
    return None


def _expire(turn: "asyncio.Future[Connection | None]") -> None:
    if not turn.done():
        turn.set_exception(
            Overloaded("Too many requests to this provider are under way.", retry_after_s=_RETRY_AFTER_S)
        )

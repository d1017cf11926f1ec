"""A connection to PostgreSQL of its own, for scripts that need no answer but whether they went well.

A script is one message and one transaction: it costs one round trip, without SQLAlchemy, its greenlets and a wait for
each statement. Whatever goes wrong with it (the connection, a row that is there already, a lock) is told as False; who
asked then does the same in the ordinary way, which knows the names of all failures. So scripts must be such that doing
them twice is the same as doing them once.

Belongs to one event loop. It uses libpq through the driver's own binding, and its descriptor while a script runs.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final

import psycopg
from psycopg import pq

from server.storage.postgresql_script import Quote
from server.storage.presence import Presence

Connect = Callable[[], Awaitable[psycopg.AsyncConnection[Any]]]
Sever = Callable[[psycopg.AsyncConnection[Any]], None]

_LONGEST_S: Final = 5.0
"""After this a script is not waited for: the other end has vanished, or will be asked again."""
_BEGIN: Final = b"SET LOCAL statement_timeout = '4s'; SET LOCAL lock_timeout = '4s'; "
_FAILED: Final = frozenset({pq.ExecStatus.FATAL_ERROR, pq.ExecStatus.BAD_RESPONSE})


class Line:
    """The connection, when there is one: `open` it, or `keep` one, when the server is known to be there; `close` it."""

    def __init__(self, connect: Connect, sever: Sever, presence: Presence, answer_s: float) -> None:
        """`connect` makes the connection, `sever` breaks it off; it is waited for `answer_s` seconds at most."""
        self._connect = connect
        self._sever = sever
        self._presence = presence
        self._answer_s = answer_s
        self._loop = asyncio.get_running_loop()
        self._connection: psycopg.AsyncConnection[Any] | None = None
        self._quote: Quote | None = None
        self._done: asyncio.Future[bool] | None = None
        self._is_well = True
        self._descriptor = -1
        self._is_closed = False

    @property
    def quote(self) -> Quote | None:
        """How values are quoted for the next script; None when none can be run now."""
        return self._quote if self._done is None else None

    async def open(self) -> None:
        """Connects, unless it is connected; a failure is for the next time."""
        if self._connection is not None or self._is_closed:
            return
        try:
            async with asyncio.timeout(self._answer_s):
                connection = await self._connect()
        except (psycopg.Error, OSError, TimeoutError):
            return
        await self.keep(connection)

    async def keep(self, connection: psycopg.AsyncConnection[Any]) -> None:
        """Takes over a connection in which nothing runs."""
        if self._is_closed or self._connection is not None:
            await connection.close()
            return
        self._connection = connection
        self._quote = pq.Escaping(connection.pgconn).escape_literal

    async def run(self, statements: list[bytes]) -> bool:
        """Runs statements as one transaction, if `quote` is there; says whether all of them did what they say."""
        connection = self._connection
        assert connection is not None
        assert self._done is None
        pgconn, loop = connection.pgconn, self._loop
        done: asyncio.Future[bool] = loop.create_future()
        self._done = done
        self._is_well = True
        is_over = False
        watch = self._presence.watch(_LONGEST_S)
        watch.sever = lambda: self._sever(connection)
        late = loop.call_later(_LONGEST_S, self._sever, connection)
        try:
            pgconn.send_query(_BEGIN + b"; ".join(statements))
            self._descriptor = pgconn.socket
            loop.add_reader(self._descriptor, self._on_readable, pgconn)
            if pgconn.flush():
                loop.add_writer(self._descriptor, self._on_writable, pgconn)
            is_well = await done
            is_over = True
            return is_well
        except (psycopg.Error, OSError):
            return False
        finally:
            late.cancel()
            watch.stop()
            self._done = None
            self._let_go()
            if not is_over:
                await self._drop()

    async def close(self) -> None:
        """Ends the connection. Safe to call twice."""
        self._is_closed = True
        await self._drop()

    async def _drop(self) -> None:
        connection, self._connection, self._quote = self._connection, None, None
        if connection is not None:
            await connection.close()

    def _let_go(self) -> None:
        """By its number: libpq closes a connection that broke at once, and somebody else may get the same."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            self._loop.remove_reader(descriptor)
            self._loop.remove_writer(descriptor)

    def _on_writable(self, pgconn: pq.abc.PGconn) -> None:
        try:
            if not pgconn.flush():
                self._loop.remove_writer(self._descriptor)
        except psycopg.Error as error:
            self._fail(error)

    def _on_readable(self, pgconn: pq.abc.PGconn) -> None:
        try:
            pgconn.consume_input()
            while not pgconn.is_busy():
                result = pgconn.get_result()
                if result is None:
                    self._end()
                    return
                if result.status in _FAILED:
                    self._is_well = False
        except psycopg.Error as error:
            self._fail(error)

    def _end(self) -> None:
        if self._done is not None and not self._done.done():
            self._done.set_result(self._is_well)

    def _fail(self, error: psycopg.Error) -> None:
        self._let_go()
        if self._done is not None and not self._done.done():
            self._done.set_exception(error)

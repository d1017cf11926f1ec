"""PostgreSQL: with `postgresql_line` and `postgresql_script`, the only file that knows its ways.

Transactions that decide by what they read take one advisory lock, so that they follow each other in every process, as
they do with the one writer of SQLite; those that only add rows run beside them. Nothing is set for a whole session and
no statement is prepared, so that a pooler between may hand a connection on after each transaction.

What keeps us from waiting for a server that is away is in `presence`; what the server itself cuts short (a statement, a
wait for a lock, an idle transaction) is set in each transaction.
"""

import asyncio
import contextlib
import os
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final, Self

import msgspec
import psycopg
from msgspec import Struct
from sqlalchemy import Insert, LargeBinary, Table, event
from sqlalchemy.dialects import postgresql
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError, InternalError, OperationalError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from server.errors import StoreUnavailable
from server.fair_wait import FairWait
from server.storage.backend import Addition, Also, Rows, StoreBounds
from server.storage.postgresql_line import Line
from server.storage.postgresql_script import Scripts
from server.storage.presence import Answer, Presence, Watch
from server.storage.rows import whole
from server.storage.turns import Turns

_OPEN_LIMIT_S = 5.0
_TURN_WAIT_S = 10.0
# Of the longest silence: how long a transaction that somebody waits for waits itself, for a connection or for a lock.
_WAIT_SHARE = 0.7
_STALE_AFTER_S = 2.0
_LONGEST_S = 60.0
_LOCK = 0x7065_7270_6574_756F  # "perpetuo", as a number
_READ_ONLY_TRANSACTION = "25006"
_LOCK_NOT_AVAILABLE = "55P03"
_DRIVER = "postgresql+psycopg"

_BOUNDED = "SET LOCAL statement_timeout = '10s'; SET LOCAL idle_in_transaction_session_timeout = '30s'"


class _Mode(Struct, frozen=True):
    """A kind of transaction: how it begins, how long it waits for each lock, None for as long as somebody waits for it.

    Others like it wait for the end of one that `is_alone`; one that `is_long` may take any time.
    """

    begin: str
    lock_timeout: str | None = None
    is_alone: bool = False
    is_long: bool = False


_READ = _Mode(f"BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY; {_BOUNDED}")
_APPEND = _Mode(f"BEGIN; {_BOUNDED}", lock_timeout="5s")
_WRITE = _Mode(f"BEGIN; {_BOUNDED}", is_alone=True)
_MIGRATE = _Mode("BEGIN", lock_timeout="10min", is_alone=True, is_long=True)


class PostgresqlBackend:
    """A database on a server, with a bounded pool of connections."""

    is_shared: Final = True

    def __init__(self, engine: AsyncEngine, bounds: StoreBounds) -> None:
        self._engine = engine
        self._answer_s = bounds.answer_s
        self._wait_s = bounds.answer_s * _WAIT_SHARE
        self._turns = Turns(_pooled(bounds), _TURN_WAIT_S)
        # Those of this process wait here and not in the database, where they would hold connections.
        self._alone = Turns(1, _TURN_WAIT_S)
        self._presence = Presence(self._probe, self._lost, bounds.answer_s)
        self._inserts: dict[str, str] = {}
        self._scripts = Scripts(engine.dialect)
        has_line = bounds.pool_size > 1
        self._line = Line(self._connect, _sever, self._presence, bounds.answer_s) if has_line else None
        self._is_closed = False
        event.listen(engine.sync_engine, "before_cursor_execute", _drop_nul, retval=True)

    @classmethod
    async def open(cls, url: URL, bounds: StoreBounds) -> Self:
        """Connects. Raises ValueError for a URL that cannot be served, StoreUnavailable when nobody answers."""
        if not url.database:
            raise ValueError("it names no database: write postgresql://user:password@host:5432/database")
        engine = create_async_engine(
            url.set(drivername=_DRIVER),
            pool_size=_pooled(bounds),
            max_overflow=0,
            pool_timeout=_TURN_WAIT_S,
            pool_use_lifo=True,
            hide_parameters=True,
            connect_args={"prepare_threshold": None, "autocommit": True, "application_name": "perpetuo"},
        )
        backend = cls(engine, bounds)
        try:
            await backend._open()
        except BaseException:
            await backend.close()
            raise
        return backend

    def reading(self) -> contextlib.AbstractAsyncContextManager[AsyncConnection]:
        """A read-only transaction that sees one state."""
        return self._transaction(_READ)

    def writing(self) -> contextlib.AbstractAsyncContextManager[AsyncConnection]:
        """A transaction that no other of its kind runs beside."""
        return self._in_turn(_WRITE)

    def appending(self) -> contextlib.AbstractAsyncContextManager[AsyncConnection]:
        """A transaction that others may run beside."""
        return self._transaction(_APPEND)

    def migrating(self) -> contextlib.AbstractAsyncContextManager[AsyncConnection]:
        """A transaction that may take long; of several replicas that start, one migrates and the others wait."""
        return self._transaction(_MIGRATE)

    async def check_writing(self) -> None:
        """Nothing is known of a server that is there."""
        self._presence.refuse_when_away()

    def insert_new(self, table: Table, key: Sequence[str]) -> Insert:
        """INSERT ... ON CONFLICT (key) DO NOTHING."""
        return postgresql.insert(table).on_conflict_do_nothing(index_elements=list(key))

    async def add_new(
        self, connection: AsyncConnection, table: Table, rows: Sequence[tuple[Any, ...]]
    ) -> frozenset[str]:
        """Leaves it to the database to say what was new, which it knows even if others write the same meanwhile."""
        if not rows:
            return frozenset()
        key = table.columns[0].name
        insert = f"{self._insert(Addition(table, (key,), rows))} RETURNING {key}"
        added = await connection.exec_driver_sql(insert, (_document(table, rows),))
        return frozenset(added.scalars())

    async def add_all(self, connection: AsyncConnection, additions: Sequence[Addition]) -> None:
        """One statement for each table with all rows as one JSON parameter: a quarter of an `executemany`'s work."""
        for addition in additions:
            if addition.rows:
                document = _document(addition.table, addition.rows)
                await connection.exec_driver_sql(self._insert(addition), (document,))

    async def append_new(self, table: Table, rows: Rows, also: Also) -> None:
        """At once where all rows are new, as they should be; else one after the other, in one transaction."""
        self._refuse_when_closed()
        self._presence.refuse_when_away()
        line, made = self._line, whole(rows())
        if line is not None and line.quote is not None and made:
            await asyncio.sleep(0)  # A thousand rows take milliseconds: others have their turn between.
            added = also(frozenset([row[0] for row in made]))
            await asyncio.sleep(0)
            # By then somebody else may have the line, or it is another.
            if (quote := line.quote) is not None:
                statements = [self._scripts.insert(table, made, quote), *self._scripts.add(added, quote)]
                if await line.run(statements):
                    return
        async with self.appending() as connection:
            await self.add_all(connection, also(await self.add_new(connection, table, made)))
        if line is not None:
            await line.open()

    def _insert(self, addition: Addition) -> str:
        table = addition.table
        known = self._inserts.get(table.name)
        if known is None:
            dialect = self._engine.dialect
            types = ", ".join(f"{column.name} {column.type.compile(dialect)}" for column in table.columns)
            names = ", ".join(column.name for column in table.columns)
            source = f"SELECT {names} FROM json_to_recordset(%s::json) AS added ({types})"
            known = self._inserts[table.name] = addition.sql(source)
        return known

    async def close(self) -> None:
        """Closes every connection. Safe to call twice."""
        self._is_closed = True
        if self._line is not None:
            await self._line.close()
        await self._presence.close()
        await self._engine.dispose()

    async def _open(self) -> None:
        """One connection by the driver alone, which tells best what is wrong."""
        url = self._engine.url
        name = f"The database {url.database} at {url.host or 'the local socket'}:{url.port or 5432}"
        try:
            async with asyncio.timeout(max(_OPEN_LIMIT_S, self._answer_s)):
                connection = await self._connect()
        except psycopg.ProgrammingError as error:
            raise ValueError(f"it has an option that PostgreSQL does not know: {error}") from error
        except (psycopg.Error, OSError) as error:
            raise StoreUnavailable(f"{name} cannot be reached: {str(error).strip().splitlines()[0]}.") from error
        except TimeoutError as error:
            raise StoreUnavailable(f"{name} does not answer.") from error
        encoding = connection.info.parameter_status("server_encoding")
        if encoding == "UTF8" and self._line is not None:
            await self._line.keep(connection)
            return
        await connection.close()
        if encoding != "UTF8":
            raise ValueError(f"the encoding of the database must be UTF8, and is {encoding}")

    async def _connect(self) -> psycopg.AsyncConnection[Any]:
        """A connection of its own, outside the pool."""
        arguments, options = self._engine.dialect.create_connect_args(self._engine.url)
        return await psycopg.AsyncConnection.connect(*arguments, **options)

    @asynccontextmanager
    async def _in_turn(self, mode: _Mode) -> AsyncIterator[AsyncConnection]:
        await self._alone.take()
        try:
            async with self._transaction(mode) as connection:
                yield connection
        finally:
            self._alone.give_back()

    @asynccontextmanager
    async def _transaction(self, mode: _Mode) -> AsyncIterator[AsyncConnection]:
        self._refuse_when_closed()
        self._presence.refuse_when_away()
        await self._turns.take()
        watch = self._presence.watch(None if mode.is_long else _LONGEST_S)
        connection: AsyncConnection | None = None
        try:
            connection = await self._begun(mode, watch)
            yield connection
            await connection.commit()
        except OperationalError as error:
            if mode.lock_timeout is None and getattr(error.orig, "sqlstate", None) == _LOCK_NOT_AVAILABLE:
                self._refuse_waiting("Another program holds a lock in the database; try again.")
            raise
        except InternalError as error:
            if mode is _READ or getattr(error.orig, "sqlstate", None) != _READ_ONLY_TRANSACTION:
                raise
            message = "The database takes no changes now: it is a copy, or is being switched."
            raise StoreUnavailable(message, retry_after_s=1.0) from error
        finally:
            await asyncio.shield(asyncio.ensure_future(self._leave(connection, watch)))

    async def _leave(self, connection: AsyncConnection | None, watch: Watch) -> None:
        """Gives the connection back, rolled back if it did not commit, even to a caller who is gone."""
        try:
            if connection is not None:
                await connection.close()
        finally:
            watch.stop()
            self._turns.give_back()

    async def _begun(self, mode: _Mode, watch: Watch) -> AsyncConnection:
        """A connection in a transaction. One from the pool that turns out to be dead is replaced, once."""
        is_last_try = False
        while True:
            connection = await self._connected()
            try:
                await self._begin(connection, mode, watch)
            except BaseException as error:
                watch.sever = None
                await connection.close()
                if is_last_try or not (isinstance(error, DBAPIError) and error.connection_invalidated):
                    raise
                self._presence.refuse_when_away()
                is_last_try = True
            else:
                return connection

    async def _connected(self) -> AsyncConnection:
        connection = self._engine.connect()
        try:
            async with asyncio.timeout(None) as limit:
                wait = FairWait(limit, self._wait_s)
                try:
                    await connection.start()
                finally:
                    wait.stop()
        except TimeoutError:
            self._presence.lose()
            raise StoreUnavailable("The database does not answer; try again.", retry_after_s=1.0) from None
        except DBAPIError as error:
            if _answer_of(error.orig) is Answer.SILENT:
                self._presence.lose()
            raise
        return connection

    async def _begin(self, connection: AsyncConnection, mode: _Mode, watch: Watch) -> None:
        raw = _driver(await connection.get_raw_connection())
        watch.sever = lambda: _sever(raw)
        await connection.begin()
        # A connection whose other end has vanished would keep silent for minutes, whether the server is there or not.
        stale = asyncio.get_running_loop().call_later(max(_STALE_AFTER_S, self._answer_s), _sever, raw)
        try:
            lock_timeout = mode.lock_timeout or f"{int(self._wait_s * 1000)}ms"
            await connection.exec_driver_sql(f"{mode.begin}; SET LOCAL lock_timeout = '{lock_timeout}'")
        finally:
            stale.cancel()
        if mode.is_alone:
            await connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_LOCK})")

    async def _probe(self) -> Answer:
        try:
            connection = await self._connect()
        except (psycopg.Error, OSError) as error:
            return _answer_of(error)
        await connection.close()
        return Answer.SERVES

    def _lost(self) -> None:
        self._refuse_waiting("The database is away; try again.")

    def _refuse_waiting(self, reason: str) -> None:
        for turns in (self._turns, self._alone):
            turns.refuse_waiting(reason)

    def _refuse_when_closed(self) -> None:
        if self._is_closed:
            raise StoreUnavailable("The database is closed: the gateway is stopping.")


def _pooled(bounds: StoreBounds) -> int:
    """How many connections are in the pool: one of several is kept for the request records."""
    return max(bounds.pool_size - 1, 1)


def _driver(raw: Any) -> psycopg.AsyncConnection[Any]:
    """The driver's own connection below SQLAlchemy's."""
    driver: psycopg.AsyncConnection[Any] = raw.driver_connection
    return driver


def _answer_of(error: object) -> Answer:
    """What a failure to connect says of the server: whoever reports a FATAL error is there."""
    return Answer.REFUSES if "FATAL:" in str(error) else Answer.SILENT


def _sever(connection: psycopg.AsyncConnection[Any]) -> None:
    """Ends the connection under whoever waits for it, who is told at once that it broke."""
    with contextlib.suppress(OSError, psycopg.Error):
        copy = socket.socket(fileno=os.dup(connection.pgconn.socket))
        try:
            copy.shutdown(socket.SHUT_RDWR)
        finally:
            copy.close()


def _drop_nul(
    connection: Any, cursor: Any, statement: str, parameters: Any, context: Any, is_many: bool
) -> tuple[str, Any]:
    """Writes U+FFFD for NUL, which PostgreSQL's text cannot hold: what nobody could have stored is then not found."""
    if is_many:
        return statement, [_without_nul(each) for each in parameters]
    return statement, _without_nul(parameters)


def _without_nul(parameters: Any) -> Any:
    if not isinstance(parameters, dict):
        return parameters
    return {
        name: value.replace("\x00", "\ufffd") if isinstance(value, str) and "\x00" in value else value
        for name, value in parameters.items()
    }


def _document(table: Table, rows: Sequence[tuple[Any, ...]]) -> str:
    """Rows as a JSON array of objects; the statement turns it into rows again."""
    names = [column.name for column in table.columns]
    binary = [index for index, column in enumerate(table.columns) if isinstance(column.type, LargeBinary)]
    values = [dict(zip(names, _with_hex(row, binary), strict=True)) for row in rows]
    document = msgspec.json.encode(values)
    if b"\\u0000" in document:
        document = msgspec.json.encode([_without_nul(each) for each in values])
    return document.decode()


def _with_hex(row: tuple[Any, ...], binary: Sequence[int]) -> Sequence[Any]:
    if not binary:
        return row
    values = list(row)
    for index in binary:
        if values[index] is not None:
            values[index] = f"\\x{values[index].hex()}"
    return values

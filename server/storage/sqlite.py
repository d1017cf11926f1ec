"""SQLite: the only file that knows its ways.

SQLite below 3.51.3 can lose commits when two connections write and checkpoint a write-ahead log at once
(https://sqlite.org/wal.html, "the WAL-reset bug"). So exactly one connection writes, one task at a time holds it, all
others are `query_only`, and a lock beside the file keeps a second process out.

`synchronous` is FULL: with NORMAL a power cut may take back the last commits, and here those can be the revocation of a
leaked key or the one time that a new key was shown. The cost, one fsync per commit, falls on batches off the hot path.
"""

import asyncio
import contextlib
import os
import sqlite3
import sys
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import IO, Any, Final, Self, TypeVar

import aiosqlite
from sqlalchemy import Insert, Table, event
from sqlalchemy.dialects import sqlite
from sqlalchemy.engine import URL, Connection
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DBAPIError, OperationalError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import AsyncAdaptedQueuePool

from server.errors import StoreUnavailable
from server.storage.backend import Addition, Also, Rows, StoreBounds
from server.storage.chunks import TABLES, Chunks
from server.storage.rows import Group, whole
from server.storage.turns import Turns

_TURN_WAIT_S = 10.0
_LAST_READ_S = 1.0
# Of the time that a database may keep silent: the rest is for telling so.
_LOCK_SHARE = 0.5
_LOCKED = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})
_MAX_LOOKED_UP = 1000
_SAME: Final[Mapping[None, None]] = {}
"""Its `get` gives None for None, in C."""

_T = TypeVar("_T")


class SqliteBackend:
    """A database file with one writer and a few readers."""

    is_shared: Final = False

    def __init__(self, writer: AsyncEngine, readers: AsyncEngine, bounds: StoreBounds, lock_file: IO[bytes]) -> None:
        self._writer = writer
        self._readers = readers
        self._lock_file = lock_file
        self._write_turn = Turns(1, _TURN_WAIT_S)
        self._read_turns = Turns(bounds.pool_size, _TURN_WAIT_S)
        self._pool_size = bounds.pool_size
        self._patience_ms = _patience_ms(bounds)
        self._is_locked = False
        self._is_closed = False
        self._statements: dict[str, str] = {}
        self._chunks: dict[str, Chunks] = {}
        self._driver: _Connection | None = None
        self._reading: list[_Connection] = []

        @event.listens_for(writer.sync_engine, "connect")
        def keep(connection: DBAPIConnection, record: Any) -> None:
            self._driver = connection.driver_connection

        @event.listens_for(readers.sync_engine, "connect")
        def keep_reader(connection: DBAPIConnection, record: Any) -> None:
            opened: Any = connection.driver_connection
            self._reading = [*(each for each in self._reading if each.is_open), opened]

    @classmethod
    async def open(cls, url: URL, bounds: StoreBounds) -> Self:
        """Opens the file, made with mode 0600 if it is not there.

        A statement waits for a lock that another program holds, for less time than a database may keep silent. Raises
        ValueError for a database in memory, StoreUnavailable when the file cannot be opened or another process has it.
        """
        path = _file_of(url)
        try:
            lock_file = _prepare(path)
        except OSError as error:
            raise StoreUnavailable(f"The database file {path} cannot be opened: {error.strerror}.") from error
        # Of every None the driver asks how it is to be stored, by way of two exceptions; this tells it, at no cost.
        sqlite3.register_adapter(type(None), _SAME.get)
        writer = _engine(path, 1, "BEGIN IMMEDIATE")
        readers = _engine(path, bounds.pool_size, "BEGIN")
        busy_timeout_ms = _patience_ms(bounds)
        writer_pragmas = [f"busy_timeout={busy_timeout_ms}", "journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"]
        _on_connect(writer, writer_pragmas)
        _on_connect(readers, [f"busy_timeout={busy_timeout_ms}", "query_only=ON"])
        backend = cls(writer, readers, bounds, lock_file)
        try:
            async with writer.connect():
                pass
        except SQLAlchemyError as error:
            await backend.close()
            raise StoreUnavailable(f"The database file {path} cannot be opened: {error.args[0]}.") from error
        return backend

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncConnection]:
        """A read-only transaction on a connection of the pool."""
        async with self._turn(self._read_turns), self._readers.connect() as connection, connection.begin():
            yield connection

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[AsyncConnection]:
        """A transaction on the one connection that writes; others wait for their turn."""
        async with self._turn(self._write_turn), self._watched(), self._writer.begin() as connection:
            yield connection

    appending = writing
    migrating = writing

    async def check_writing(self) -> None:
        """Takes the lock and lets it go again, which costs next to nothing."""
        async with self._turn(self._write_turn), self._watched():
            if not self._is_locked:
                await self._try_lock(self._patience_ms)

    @asynccontextmanager
    async def _watched(self) -> AsyncIterator[None]:
        """Notes when another program has the lock: who comes after that waits no more, until one of them gets it."""
        try:
            if self._is_locked:
                await self._try_lock(0)
                self._is_locked = False
            yield
        except OperationalError as error:
            self._is_locked = getattr(error.orig, "sqlite_errorcode", 0) & 0xFF in _LOCKED
            raise

    async def _try_lock(self, patience_ms: int) -> None:
        def work(database: sqlite3.Connection) -> None:
            database.execute(f"PRAGMA busy_timeout={patience_ms}")
            try:
                database.execute("BEGIN IMMEDIATE")
                database.execute("ROLLBACK")
            finally:
                database.execute(f"PRAGMA busy_timeout={self._patience_ms}")

        async with self._writer.connect() as connection:
            await _at_once(connection, work)

    @asynccontextmanager
    async def _turn(self, turns: Turns) -> AsyncIterator[None]:
        """A turn. When the file cannot be used, those who wait are told at once: they could not use it either."""
        self._refuse_when_closed()
        await turns.take()
        try:
            self._refuse_when_closed()
            yield
        except OperationalError:
            turns.refuse_waiting("The database file is locked, full or read-only; try again.")
            raise
        finally:
            turns.give_back()

    def insert_new(self, table: Table, key: Sequence[str]) -> Insert:
        """INSERT ... ON CONFLICT (key) DO NOTHING."""
        return sqlite.insert(table).on_conflict_do_nothing(index_elements=list(key))

    async def add_new(
        self, connection: AsyncConnection, table: Table, rows: Sequence[tuple[Any, ...]]
    ) -> frozenset[str]:
        """Looks which keys are there, then adds the others: nobody else writes meanwhile."""
        return await _at_once(connection, lambda database: self._added(database, table, rows)) if rows else frozenset()

    async def add_all(self, connection: AsyncConnection, additions: Sequence[Addition]) -> None:
        """Hands all of it over to the connection's thread at once, which costs more than most of the statements."""
        await _at_once(connection, lambda database: self._add_all(database, additions))

    async def append_new(self, table: Table, rows: Rows, also: Also) -> None:
        """The whole transaction in the thread of the connection that writes, which is asked once for all of it."""

        def work(database: sqlite3.Connection) -> None:
            made = rows()
            database.execute("BEGIN IMMEDIATE")
            try:
                self._add_all(database, also(self._appended(database, table, made)))
                database.execute("COMMIT")
            except BaseException:
                if database.in_transaction:
                    database.execute("ROLLBACK")
                raise

        async with self._turn(self._write_turn), self._watched():
            if self._driver is None or not self._driver.is_open:
                async with self._writer.connect():
                    pass
            assert self._driver is not None
            await _in_thread(self._driver, work)

    def _appended(self, database: sqlite3.Connection, table: Table, groups: Sequence[Group]) -> frozenset[str]:
        """As `_added`, at the beginning of a transaction, where the rows are expected to be new."""
        before, key = database.total_changes, table.columns[0].name
        chunks = self._chunks_for(Addition(table, (key,), ()))
        for common, group in groups:
            for statement, values in chunks.of_group(common, group):
                database.execute(statement, values)
        ids = frozenset([own[0] for _, group in groups for own in group])
        if database.total_changes - before == len(ids):
            return ids
        # Only a look before tells which of them were there.
        database.execute("ROLLBACK")
        database.execute("BEGIN IMMEDIATE")
        return self._added(database, table, whole(groups))

    def _added(self, database: sqlite3.Connection, table: Table, rows: Sequence[tuple[Any, ...]]) -> frozenset[str]:
        """Adds the rows whose keys are not there, and answers these."""
        key = table.columns[0].name
        known = _known(database, f"SELECT {key} FROM {table.name} WHERE {key} IN", [row[0] for row in rows])
        new = [row for row in rows if row[0] not in known]
        self._insert(database, Addition(table, (key,), new))
        return frozenset([row[0] for row in new])

    def _add_all(self, database: sqlite3.Connection, additions: Sequence[Addition]) -> None:
        for addition in additions:
            if addition.rows:
                self._insert(database, addition)

    def _insert(self, database: sqlite3.Connection, addition: Addition) -> None:
        name = addition.table.name
        if name not in TABLES:
            database.executemany(self._sql(addition), addition.rows)
            return
        for statement, values in self._chunks_for(addition).of(addition.rows):
            database.execute(statement, values)

    def _chunks_for(self, addition: Addition) -> Chunks:
        name = addition.table.name
        chunks = self._chunks.get(name)
        if chunks is None:
            chunks = self._chunks[name] = Chunks(addition)
        return chunks

    def _sql(self, addition: Addition) -> str:
        name = addition.table.name
        known = self._statements.get(name)
        if known is None:
            marks = ", ".join("?" for _ in addition.table.columns)
            known = self._statements[name] = addition.sql(f"VALUES ({marks})")
        return known

    async def close(self) -> None:
        """Closes the readers, then the writer, which checkpoints the log as the last connection, then unlocks.

        Who still reads is waited for a moment, and then reads no further: the pool closes only what is not in use.
        """
        self._is_closed = True
        with contextlib.suppress(StoreUnavailable):
            await self._write_turn.take()
            self._write_turn.give_back()
        taken = 0
        with contextlib.suppress(StoreUnavailable, TimeoutError):
            async with asyncio.timeout(_LAST_READ_S):
                while taken < self._pool_size:
                    await self._read_turns.take()
                    taken += 1
        await self._readers.dispose()
        for reader in self._reading:
            await reader.cut_off()
        for _ in range(taken):
            self._read_turns.give_back()
        await self._writer.dispose()
        self._lock_file.close()

    def _refuse_when_closed(self) -> None:
        if self._is_closed:
            raise StoreUnavailable("The database is closed: the gateway is stopping.")


def _patience_ms(bounds: StoreBounds) -> int:
    return int(bounds.answer_s * 1000 * _LOCK_SHARE)


async def _connected(path: Path) -> "_Connection":
    connection = _Connection(partial(sqlite3.connect, path, check_same_thread=False), iter_chunk_size=64)
    # A process that must end does not wait for a statement.
    connection._thread.daemon = True
    await connection
    return connection


class _Connection(aiosqlite.Connection):
    """A connection that can do several things in one go."""

    @property
    def is_open(self) -> bool:
        """Whether anything can be asked of it."""
        return self._running and self._connection is not None

    async def cut_off(self) -> None:
        """Closes it, whoever uses it."""
        if self.is_open:
            self._conn.interrupt()
            await self.close()

    async def at_once(self, work: Callable[[sqlite3.Connection], _T]) -> _T:
        """Runs `work` in the connection's thread."""
        execute: Any = self._execute
        found: _T = await execute(work, self._conn)
        return found


async def _at_once(connection: AsyncConnection, work: Callable[[sqlite3.Connection], _T]) -> _T:
    raw = await connection.get_raw_connection()
    driver = raw.driver_connection
    assert isinstance(driver, _Connection)
    return await _in_thread(driver, work)


async def _in_thread(driver: _Connection, work: Callable[[sqlite3.Connection], _T]) -> _T:
    try:
        return await driver.at_once(work)
    except sqlite3.Error as error:
        raise DBAPIError.instance(None, None, error, sqlite3.Error, hide_parameters=True) from error


def _known(database: sqlite3.Connection, select: str, keys: Sequence[str]) -> set[str]:
    found: set[str] = set()
    for start in range(0, len(keys), _MAX_LOOKED_UP):
        some = keys[start : start + _MAX_LOOKED_UP]
        found.update(row[0] for row in database.execute(f"{select} ({', '.join('?' for _ in some)})", some))
    return found


def _file_of(url: URL) -> Path:
    if not url.database or url.database == ":memory:" or url.database.startswith("file:"):
        raise ValueError("the database must be a file: write sqlite:////absolute/path/perpetuo.db")
    return Path(url.database).absolute()


def _prepare(path: Path) -> IO[bytes]:
    """Makes the directory and the file for the owner alone, and takes the lock; the log files inherit the mode.

    The lock is on a file of its own: closing any descriptor of the database file would drop SQLite's own locks.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    lock_file = os.fdopen(os.open(f"{path}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600), "r+b")
    if sys.platform != "win32":
        import fcntl

        try:
            fcntl.flock(lock_file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            lock_file.close()
            message = f"Another process has the database file {path} open; stop it, or give this one another data-dir."
            raise StoreUnavailable(message) from error
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    except OSError:
        lock_file.close()
        raise
    return lock_file


def _engine(path: Path, size: int, begin: str) -> AsyncEngine:
    engine = create_async_engine(
        URL.create("sqlite+aiosqlite", database=str(path)),
        async_creator=partial(_connected, path),
        poolclass=AsyncAdaptedQueuePool,
        pool_size=size,
        max_overflow=0,
        pool_timeout=_TURN_WAIT_S,
        hide_parameters=True,
    )

    @event.listens_for(engine.sync_engine, "begin")
    def begin_transaction(connection: Connection) -> None:
        connection.exec_driver_sql(begin)

    return engine


def _on_connect(engine: AsyncEngine, pragmas: list[str]) -> None:
    @event.listens_for(engine.sync_engine, "connect")
    def prepare(connection: DBAPIConnection, record: Any) -> None:
        # The driver would open transactions by itself, but not before reads or DDL: ours are explicit.
        connection.isolation_level = None
        cursor = connection.cursor()
        for pragma in pragmas:
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

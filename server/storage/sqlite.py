"""SQLite: the only file that knows its ways.

SQLite below 3.51.3 can lose commits when two connections write and checkpoint a write-ahead log at once
(https://sqlite.org/wal.html, "the WAL-reset bug"). So exactly one connection writes, one task at a time holds it, all
others are `query_only`, and a lock beside the file keeps a second process out.

`synchronous` is FULL: with NORMAL a power cut may take back the last commits, and here those can be the revocation of a
leaked key or the one time that a new key was shown. The cost, one fsync per commit, falls on batches off the hot path.
"""

import contextlib
import os
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import IO, Any, Self

from sqlalchemy import Insert, Table, event
from sqlalchemy.dialects import sqlite
from sqlalchemy.engine import URL, Connection
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import OperationalError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import AsyncAdaptedQueuePool

from server.errors import StoreUnavailable
from server.storage.backend import StoreBounds
from server.storage.turns import Turns

_TURN_WAIT_S = 10.0
# Of the time that a database may keep silent: the rest is for telling so.
_LOCK_SHARE = 0.8


class SqliteBackend:
    """A database file with one writer and a few readers."""

    def __init__(self, writer: AsyncEngine, readers: AsyncEngine, read_turns: Turns, lock_file: IO[bytes]) -> None:
        self._writer = writer
        self._readers = readers
        self._lock_file = lock_file
        self._write_turn = Turns(1, _TURN_WAIT_S)
        self._read_turns = read_turns
        self._is_closed = False

    @classmethod
    async def open(cls, url: URL, bounds: StoreBounds) -> Self:
        """Opens the file, made with mode 0600 if it is not there.

        A statement waits for a lock that another program holds as long as a database may keep silent. Raises ValueError
        for a database in memory, StoreUnavailable when the file cannot be opened or another process has it.
        """
        path = _file_of(url)
        try:
            lock_file = _prepare(path)
        except OSError as error:
            raise StoreUnavailable(f"The database file {path} cannot be opened: {error.strerror}.") from error
        async_url = URL.create("sqlite+aiosqlite", database=str(path))
        writer = _engine(async_url, 1, "BEGIN IMMEDIATE")
        readers = _engine(async_url, bounds.pool_size, "BEGIN")
        busy_timeout_ms = int(bounds.answer_s * 1000 * _LOCK_SHARE)
        writer_pragmas = [f"busy_timeout={busy_timeout_ms}", "journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"]
        _on_connect(writer, writer_pragmas)
        _on_connect(readers, [f"busy_timeout={busy_timeout_ms}", "query_only=ON"])
        backend = cls(writer, readers, Turns(bounds.pool_size, _TURN_WAIT_S), lock_file)
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
        async with self._turn(self._write_turn), self._writer.begin() as connection:
            yield connection

    appending = writing
    migrating = writing

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

    async def add_rows(
        self, connection: AsyncConnection, table: Table, key: Sequence[str], rows: Sequence[tuple[Any, ...]]
    ) -> None:
        """One `executemany` of the driver: a tenth of the time of the same statement with SQLAlchemy's parameters."""
        columns = ", ".join(column.name for column in table.columns)
        marks = ", ".join("?" for _ in table.columns)
        sql = f"INSERT INTO {table.name} ({columns}) VALUES ({marks}) ON CONFLICT ({', '.join(key)}) DO NOTHING"
        await connection.exec_driver_sql(sql, list(rows))

    async def close(self) -> None:
        """Closes the readers, then the writer, which checkpoints the log as the last connection, then unlocks."""
        self._is_closed = True
        with contextlib.suppress(StoreUnavailable):
            await self._write_turn.take()
            self._write_turn.give_back()
        await self._readers.dispose()
        await self._writer.dispose()
        self._lock_file.close()

    def _refuse_when_closed(self) -> None:
        if self._is_closed:
            raise StoreUnavailable("The database is closed: the gateway is stopping.")


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


def _engine(url: URL, size: int, begin: str) -> AsyncEngine:
    engine = create_async_engine(
        url,
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

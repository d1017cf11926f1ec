"""What differs between databases, as one small protocol. A URL picks the backend in one place: `open_backend`."""

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol

from msgspec import Struct
from sqlalchemy import Insert, Table
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError
from sqlalchemy.ext.asyncio import AsyncConnection

from server.storage.rows import Group


class StoreBounds(Struct, frozen=True):
    """How much of a database is used, and how long it may keep silent.

    At most `pool_size` connections read (and, where the database has more than one writer, write) at a time. A database
    that does not answer for `answer_s` seconds counts as away; one that is merely slow does not.
    """

    pool_size: int = 5
    answer_s: float = 0.8


class Addition(Struct, frozen=True):
    """Rows for one table. To a row whose `key` is there already, with `sums_up`, the numbers of the other columns are
    added; without, it is left alone.
    """

    table: Table
    key: tuple[str, ...]
    rows: Sequence[tuple[Any, ...]]
    sums_up: bool = False

    def sql(self, source: str) -> str:
        """The statement in what SQLite and PostgreSQL have in common; `source` is where the rows come from."""
        names = [column.name for column in self.table.columns]
        sums = ", ".join(
            f"{name} = {self.table.name}.{name} + excluded.{name}" for name in names if name not in self.key
        )
        action = f"UPDATE SET {sums}" if self.sums_up else "NOTHING"
        return (
            f"INSERT INTO {self.table.name} ({', '.join(names)}) {source} "
            f"ON CONFLICT ({', '.join(self.key)}) DO {action}"
        )


Rows = Callable[[], Sequence[Group]]
"""Makes the rows of operations. Pure: it may be called in any thread."""

Also = Callable[[frozenset[str]], Sequence[Addition]]
"""The keys of rows that are new to what else is to be added for them. Pure: it may be called in any thread, and
more than once: what it says last is what is added."""


class Backend(Protocol):
    """One kind of database, connected."""

    @property
    def is_shared(self) -> bool:
        """Whether other processes may write to it as well."""

    def reading(self) -> AbstractAsyncContextManager[AsyncConnection]:
        """A connection in a transaction that sees one state of the database and can change nothing."""

    def writing(self) -> AbstractAsyncContextManager[AsyncConnection]:
        """A connection in a transaction that commits at the end, or rolls back when an exception leaves it.

        No other such transaction runs meanwhile, in any process: what it reads stays true until it ends.
        """

    def appending(self) -> AbstractAsyncContextManager[AsyncConnection]:
        """As `writing`, for rows that depend on nothing that was read: other transactions may run meanwhile."""

    def migrating(self) -> AbstractAsyncContextManager[AsyncConnection]:
        """As `writing`, for changes of the schema, which may take long."""

    async def check_writing(self) -> None:
        """Raises what a transaction that writes would raise at once, where the database is known to take none."""

    def insert_new(self, table: Table, key: Sequence[str]) -> Insert:
        """An INSERT that leaves alone the rows whose `key` columns are there already."""

    async def add_new(
        self, connection: AsyncConnection, table: Table, rows: Sequence[tuple[Any, ...]]
    ) -> frozenset[str]:
        """Adds rows to a table whose first column is its key, and answers the keys that were not there before.

        A row has a plain value for every column of the table, in order: what a column type would convert is converted.
        Rows come sorted by key, and none twice: several may write at once.
        """

    async def add_all(self, connection: AsyncConnection, additions: Sequence[Addition]) -> None:
        """Adds rows to several tables, at the least cost for many rows. They are as for `add_new`."""

    async def append_new(self, table: Table, rows: Rows, also: Also) -> None:
        """`add_new` to the table of operations, and `add_all` of what `also` makes of it, in a transaction of their own
        as `appending`'s.
        """

    async def close(self) -> None:
        """Closes every connection. Safe to call twice."""


async def open_backend(url: str, bounds: StoreBounds) -> Backend:
    """Connects to the database that `url` names.

    Raises ValueError for a URL that no backend serves, StoreUnavailable when the database cannot be reached.
    """
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError) as error:
        raise ValueError(f"it is malformed: {_FORMS}") from error
    if parsed.drivername == "sqlite":
        from server.storage.sqlite import SqliteBackend

        return await SqliteBackend.open(parsed, bounds)
    if parsed.drivername in _POSTGRESQL:
        return await _open_postgresql(parsed, bounds)
    raise ValueError(f"no storage for databases of kind {parsed.drivername!r}: {_FORMS}")


_FORMS = "write sqlite:////absolute/path/perpetuo.db or postgresql://user:password@host:5432/database"
_POSTGRESQL = frozenset({"postgresql", "postgres", "postgresql+psycopg"})


async def _open_postgresql(url: URL, bounds: StoreBounds) -> Backend:
    try:
        from server.storage.postgresql import PostgresqlBackend
    except ImportError as error:
        raise ValueError("PostgreSQL needs the package psycopg: pip install 'perpetuo[postgres]'") from error
    return await PostgresqlBackend.open(url, bounds)

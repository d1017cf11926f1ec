"""What differs between databases, as one small protocol. A URL picks the backend in one place: `open_backend`."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any, Protocol

from sqlalchemy import Insert, Table
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError
from sqlalchemy.ext.asyncio import AsyncConnection


@dataclass(frozen=True, slots=True)
class Addition:
    """Rows for one table. To a row whose `key` is there already, with `sums_up`, the numbers of the other columns are
    added; without, it is left alone.
    """

    table: Table
    key: tuple[str, ...]
    rows: Sequence[tuple[Any, ...]]
    sums_up: bool = False

    def sql(self, mark: str) -> str:
        """The statement for one row in what SQLite and PostgreSQL have in common; `mark` stands for a value."""
        names = [column.name for column in self.table.columns]
        marks = ", ".join(mark for _ in names)
        sums = ", ".join(
            f"{name} = {self.table.name}.{name} + excluded.{name}" for name in names if name not in self.key
        )
        action = f"UPDATE SET {sums}" if self.sums_up else "NOTHING"
        return (
            f"INSERT INTO {self.table.name} ({', '.join(names)}) VALUES ({marks}) "
            f"ON CONFLICT ({', '.join(self.key)}) DO {action}"
        )


class Backend(Protocol):
    """One kind of database, connected."""

    def reading(self) -> AbstractAsyncContextManager[AsyncConnection]:
        """A connection in a transaction that sees one state of the database and can change nothing."""

    def writing(self) -> AbstractAsyncContextManager[AsyncConnection]:
        """A connection in a transaction that commits at the end, or rolls back when an exception leaves it."""

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

    async def close(self) -> None:
        """Closes every connection. Safe to call twice."""


async def open_backend(url: str, options: Mapping[str, Any]) -> Backend:
    """Connects to the database that `url` names, with the backend's own `options`.

    Raises ValueError for a URL that no backend serves, StoreUnavailable when the database cannot be reached.
    """
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise ValueError("the database URL is malformed: write it as sqlite:////absolute/path/perpetuo.db") from error
    if parsed.get_backend_name() == "sqlite":
        from server.storage.sqlite import SqliteBackend

        return await SqliteBackend.open(parsed, **options)
    raise ValueError(f"no storage for databases of kind {parsed.get_backend_name()!r}: write sqlite:////absolute/path")

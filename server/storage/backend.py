"""What differs between databases, as one small protocol. A URL picks the backend in one place: `open_backend`."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol

from sqlalchemy import Insert, Table
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError
from sqlalchemy.ext.asyncio import AsyncConnection


class Backend(Protocol):
    """One kind of database, connected."""

    def reading(self) -> AbstractAsyncContextManager[AsyncConnection]:
        """A connection in a transaction that sees one state of the database and can change nothing."""

    def writing(self) -> AbstractAsyncContextManager[AsyncConnection]:
        """A connection in a transaction that commits at the end, or rolls back when an exception leaves it."""

    def insert_new(self, table: Table, key: Sequence[str]) -> Insert:
        """An INSERT that leaves alone the rows whose `key` columns are there already."""

    async def add_rows(
        self, connection: AsyncConnection, table: Table, key: Sequence[str], rows: Sequence[tuple[Any, ...]]
    ) -> None:
        """Adds many rows at the least cost, leaving alone those whose `key` columns are there already.

        A row has a plain value for every column of the table, in order: what a column type would convert is converted.
        """

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

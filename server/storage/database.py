"""The one door to what is kept: transactions with the repositories of every aggregate.

    async with database.write() as tx:
        await tx.users.add(user)

Failures of the database itself leave as StoreUnavailable; everything else (a taken e-mail, say) is the repositories' to
name. Connections never outlive the block, and no block may wait for anything but the database.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import cached_property
from typing import Self

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncConnection

from server.chat.records import OperationRecord
from server.errors import StoreUnavailable
from server.storage.backend import Backend, StoreBounds, open_backend
from server.storage.contents import Contents
from server.storage.expiry import Expiry
from server.storage.figures import Figures
from server.storage.keys import GatewayKeys
from server.storage.members import Members
from server.storage.migrate import upgrade
from server.storage.operations import Operations, append_operations
from server.storage.prices import Prices
from server.storage.providers import ProviderEntries
from server.storage.responses import Responses
from server.storage.sealed import SealedValues
from server.storage.tokens import RevokedTokens
from server.storage.users import Users
from server.storage.workspaces import Workspaces

USUAL_BOUNDS = StoreBounds()

_RETRY_AFTER_S = 1.0


class Transaction:
    """An open transaction and its repositories. It ends with the block that opened it."""

    def __init__(self, connection: AsyncConnection, backend: Backend) -> None:
        self._connection = connection
        self._backend = backend

    @cached_property
    def users(self) -> Users:
        """Users by id and e-mail."""
        return Users(self._connection)

    @cached_property
    def workspaces(self) -> Workspaces:
        """Workspaces as their members see them."""
        return Workspaces(self._connection)

    @cached_property
    def members(self) -> Members:
        """Members of workspaces and their roles."""
        return Members(self._connection)

    @cached_property
    def keys(self) -> GatewayKeys:
        """Gateway keys, by hash and by workspace."""
        return GatewayKeys(self._connection)

    @cached_property
    def providers(self) -> ProviderEntries:
        """Provider entries with their sealed credentials."""
        return ProviderEntries(self._connection)

    @cached_property
    def prices(self) -> Prices:
        """Prices that workspaces have set for themselves."""
        return Prices(self._connection)

    @cached_property
    def tokens(self) -> RevokedTokens:
        """Tokens that were revoked before they expired."""
        return RevokedTokens(self._connection, self._backend)

    @cached_property
    def sealed(self) -> SealedValues:
        """What the gateway keeps for itself, sealed."""
        return SealedValues(self._connection, self._backend)

    @cached_property
    def operations(self) -> Operations:
        """The request records."""
        return Operations(self._connection, self._backend)

    @cached_property
    def contents(self) -> Contents:
        """Prompts and answers."""
        return Contents(self._connection, self._backend)

    @cached_property
    def responses(self) -> Responses:
        """Responses that their callers want kept."""
        return Responses(self._connection, self._backend)

    @cached_property
    def expiry(self) -> Expiry:
        """Removal of what is no longer to be kept."""
        return Expiry(self._connection)

    @cached_property
    def figures(self) -> Figures:
        """Sums over the request records."""
        return Figures(self._connection)


class Database:
    """An open database at its newest schema."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self.is_shared = backend.is_shared
        """Whether other processes may write to it as well."""

    @classmethod
    async def open(cls, url: str, bounds: StoreBounds = USUAL_BOUNDS) -> Self:
        """Connects and migrates.

        Raises ValueError for a URL that cannot be served, StoreUnavailable when the database cannot be reached.
        """
        database = cls(await open_backend(url, bounds))
        try:
            async with database._guarded(), database._backend.migrating() as connection:
                await connection.run_sync(upgrade)
        except BaseException:
            await database.close()
            raise
        return database

    @asynccontextmanager
    async def read(self) -> AsyncIterator[Transaction]:
        """One state of the database, read-only. Raises StoreUnavailable."""
        async with self._guarded(), self._backend.reading() as connection:
            yield Transaction(connection, self._backend)

    @asynccontextmanager
    async def write(self) -> AsyncIterator[Transaction]:
        """Commits when the block ends, rolls back when an exception leaves it. Raises StoreUnavailable.

        What it reads stays true until it ends: no other process writes meanwhile.
        """
        async with self._guarded(), self._backend.writing() as connection:
            yield Transaction(connection, self._backend)

    @asynccontextmanager
    async def append(self) -> AsyncIterator[Transaction]:
        """As `write`, for rows that depend on nothing that was read: it waits for no other process's writes."""
        async with self._guarded(), self._backend.appending() as connection:
            yield Transaction(connection, self._backend)

    async def append_operations(self, operations: Sequence[OperationRecord], price_version: str) -> None:
        """As `add_many` of the request records in a transaction of `append`, for less. Raises StoreUnavailable."""
        async with self._guarded():
            await append_operations(self._backend, operations, price_version)

    async def check_writing(self) -> None:
        """For those with much to do before they write. Raises StoreUnavailable if that is known to be in vain."""
        async with self._guarded():
            await self._backend.check_writing()

    async def check(self) -> None:
        """One round trip, for readiness. Raises StoreUnavailable."""
        async with self._guarded(), self._backend.reading() as connection:
            await connection.execute(text("SELECT 1"))

    async def close(self) -> None:
        """Waits for a running write and closes every connection. Safe to call twice."""
        await self._backend.close()

    @staticmethod
    @asynccontextmanager
    async def _guarded() -> AsyncIterator[None]:
        try:
            yield
        except (OperationalError, InterfaceError, PoolTimeoutError) as error:
            raise _away() from error
        except DBAPIError as error:
            if error.connection_invalidated:
                raise _away() from error
            raise


def _away() -> StoreUnavailable:
    return StoreUnavailable("The database does not answer; try again.", retry_after_s=_RETRY_AFTER_S)

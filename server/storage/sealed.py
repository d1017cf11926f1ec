"""Values that the gateway keeps for itself, sealed by the vault: this knows their names, not what they say."""

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from server.storage.backend import Backend
from server.storage.tables import SEALED_VALUES


class SealedValues:
    """The sealed values of one transaction."""

    def __init__(self, connection: AsyncConnection, backend: Backend) -> None:
        self._connection = connection
        self._backend = backend

    async def get(self, name: str) -> bytes | None:
        """The value of that name."""
        query = select(SEALED_VALUES.c.sealed).where(SEALED_VALUES.c.name == name)
        return (await self._connection.execute(query)).scalar()

    async def add(self, name: str, sealed: bytes) -> None:
        """Adds a value, unless there is one of that name already."""
        statement = self._backend.insert_new(SEALED_VALUES, ["name"]).values(name=name, sealed=sealed)
        await self._connection.execute(statement)

    async def replace(self, name: str, sealed: bytes) -> None:
        """Puts another value in the place of one that is there."""
        await self._connection.execute(update(SEALED_VALUES).where(SEALED_VALUES.c.name == name).values(sealed=sealed))

"""Provider entries: upstream accounts of workspaces, their API keys sealed."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from server.storage.tables import PROVIDER_ENTRIES


@dataclass(frozen=True, slots=True)
class ProviderEntry:
    """An entry as kept. `base_url` ends without a slash and is empty for a built-in provider.

    `models` is the allow-list, empty for all. `flagged_reason` says what is wrong with the credential, None if nothing.
    """

    id: str
    workspace_id: str
    provider: str
    name: str
    sealed_api_key: bytes = field(repr=False)
    masked_key: str
    base_url: str
    priority: int
    weight: int
    models: tuple[str, ...]
    is_enabled: bool
    created_at: datetime
    last_verified_at: datetime | None = None
    flagged_reason: str | None = None


class ProviderEntries:
    """The provider entries of one transaction."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def add(self, entry: ProviderEntry) -> None:
        """Adds an entry."""
        values = {column.name: getattr(entry, column.name) for column in PROVIDER_ENTRIES.columns}
        await self._connection.execute(insert(PROVIDER_ENTRIES).values(values))

    async def of_workspace(self, workspace_id: str) -> tuple[ProviderEntry, ...]:
        """The workspace's entries, by priority, then oldest first."""
        query = (
            select(PROVIDER_ENTRIES)
            .where(PROVIDER_ENTRIES.c.workspace_id == workspace_id)
            .order_by(PROVIDER_ENTRIES.c.priority, PROVIDER_ENTRIES.c.created_at, PROVIDER_ENTRIES.c.id)
        )
        return tuple(ProviderEntry(**row._mapping) for row in await self._connection.execute(query))

    async def newest(self, limit: int) -> tuple[ProviderEntry, ...]:
        """The newest entries of all workspaces, at most `limit`."""
        query = select(PROVIDER_ENTRIES).order_by(PROVIDER_ENTRIES.c.id.desc()).limit(limit)
        return tuple(ProviderEntry(**row._mapping) for row in await self._connection.execute(query))

    async def get(self, workspace_id: str, entry_id: str) -> ProviderEntry | None:
        """The workspace's entry of that id."""
        condition = (PROVIDER_ENTRIES.c.id == entry_id) & (PROVIDER_ENTRIES.c.workspace_id == workspace_id)
        row = (await self._connection.execute(select(PROVIDER_ENTRIES).where(condition))).first()
        return None if row is None else ProviderEntry(**row._mapping)

    async def count(self, workspace_id: str) -> int:
        """How many entries the workspace has."""
        query = (
            select(func.count()).select_from(PROVIDER_ENTRIES).where(PROVIDER_ENTRIES.c.workspace_id == workspace_id)
        )
        return (await self._connection.execute(query)).scalar_one()

    async def after(self, entry_id: str, limit: int) -> tuple[ProviderEntry, ...]:
        """The next entries of all workspaces by id, at most `limit`; all from the first after an empty id."""
        query = (
            select(PROVIDER_ENTRIES)
            .where(PROVIDER_ENTRIES.c.id > entry_id)
            .order_by(PROVIDER_ENTRIES.c.id)
            .limit(limit)
        )
        return tuple(ProviderEntry(**row._mapping) for row in await self._connection.execute(query))

    async def change(self, entry_id: str, **values: Any) -> None:
        """Sets columns of an entry."""
        if values:
            await self._update(entry_id, **values)

    async def reseal(self, entry_id: str, old: bytes, anew: bytes) -> bool:
        """Replaces a sealed key by the same one sealed anew, unless it has changed; says whether it did."""
        condition = (PROVIDER_ENTRIES.c.id == entry_id) & (PROVIDER_ENTRIES.c.sealed_api_key == old)
        statement = update(PROVIDER_ENTRIES).where(condition).values(sealed_api_key=anew)
        return (await self._connection.execute(statement)).rowcount > 0

    async def remove(self, workspace_id: str, entry_id: str) -> bool:
        """Removes the workspace's entry of that id; says whether it was there."""
        condition = (PROVIDER_ENTRIES.c.id == entry_id) & (PROVIDER_ENTRIES.c.workspace_id == workspace_id)
        return (await self._connection.execute(delete(PROVIDER_ENTRIES).where(condition))).rowcount > 0

    async def set_flagged(self, entry_id: str, reason: str | None) -> str | None:
        """Notes what is wrong with an entry, or None for nothing; answers the entry's workspace id if it exists."""
        return await self._update(entry_id, flagged_reason=reason)

    async def set_verified(self, entry_id: str, moment: datetime) -> str | None:
        """Notes that the credential worked, which takes a flag away; answers the entry's workspace id if it exists."""
        return await self._update(entry_id, last_verified_at=moment, flagged_reason=None)

    async def _update(self, entry_id: str, **values: Any) -> str | None:
        condition = PROVIDER_ENTRIES.c.id == entry_id
        statement = update(PROVIDER_ENTRIES).where(condition).values(values)
        if (await self._connection.execute(statement)).rowcount == 0:
            return None
        return (await self._connection.execute(select(PROVIDER_ENTRIES.c.workspace_id).where(condition))).scalar()

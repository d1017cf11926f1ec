"""Removes what is no longer to be kept, some rows at a time, so that nobody waits for long behind it.

Every method may be repeated, and may run in several processes at once. Sums outlive the rows that they are of, but for
those of a workspace that is gone.
"""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, delete, func, select, union
from sqlalchemy.ext.asyncio import AsyncConnection

from server.storage.columns import to_micros
from server.storage.rollups import HOUR_US
from server.storage.tables import (
    ATTEMPTS,
    CALL_DAYS,
    CALL_HOURS,
    CONTENTS,
    LATENCY_DAYS,
    LATENCY_HOURS,
    OPERATIONS,
    RESPONSES,
    USAGE_DAYS,
    USAGE_HOURS,
    USAGE_MINUTES,
    USERS,
    WORKSPACES,
)

# By days last: they tell that something is left.
_SUMS = (USAGE_MINUTES, USAGE_HOURS, CALL_HOURS, CALL_DAYS, LATENCY_HOURS, LATENCY_DAYS, USAGE_DAYS)


class Expiry:
    """Removal in one transaction."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def workspaces(self) -> tuple[str, ...]:
        """Every workspace of which anything is recorded."""
        tables = (USAGE_DAYS, CONTENTS, RESPONSES)
        all_of_them = union(*(select(table.c.workspace_id) for table in tables))
        return tuple((await self._connection.execute(all_of_them.order_by("workspace_id"))).scalars())

    async def gone(self, workspace_ids: Sequence[str]) -> tuple[str, ...]:
        """Those of the workspaces that are there no more."""
        present = select(WORKSPACES.c.id).where(WORKSPACES.c.id.in_(workspace_ids))
        found = set((await self._connection.execute(present)).scalars())
        return tuple(each for each in workspace_ids if each not in found)

    async def remove_operations(self, workspace_id: str, before: datetime, limit: int) -> int:
        """Removes a workspace's oldest operations of before that moment, with their attempts; how many it were."""
        return await self._remove(workspace_id, limit, OPERATIONS.c.created_at < before)

    async def remove_operations_of_nobody(self, workspace_id: str, limit: int) -> int:
        """Removes a workspace's operations whose user is there no more, with their attempts; how many it were."""
        return await self._remove(workspace_id, limit, OPERATIONS.c.user_id.not_in(select(USERS.c.id)))

    async def _remove(self, workspace_id: str, limit: int, condition: ColumnElement[bool]) -> int:
        found = select(OPERATIONS.c.request_id).where(OPERATIONS.c.workspace_id == workspace_id, condition)
        found = found.order_by(OPERATIONS.c.created_at, OPERATIONS.c.request_id).limit(limit)
        ids = sorted((await self._connection.execute(found)).scalars())
        if ids:
            await self._connection.execute(delete(ATTEMPTS).where(ATTEMPTS.c.request_id.in_(ids)))
            await self._connection.execute(delete(OPERATIONS).where(OPERATIONS.c.request_id.in_(ids)))
        return len(ids)

    async def has_operations(self, workspace_id: str) -> bool:
        """Whether a workspace has any left."""
        query = select(OPERATIONS.c.request_id).where(OPERATIONS.c.workspace_id == workspace_id).limit(1)
        return (await self._connection.execute(query)).first() is not None

    async def remove_minutes(self, workspace_id: str, before: datetime) -> int:
        """Removes a workspace's oldest hour of sums by minute, if it is over before that moment; how many it were."""
        own = USAGE_MINUTES.c.workspace_id == workspace_id
        oldest = (await self._connection.execute(select(func.min(USAGE_MINUTES.c.start_us)).where(own))).scalar()
        if oldest is None:
            return 0
        end_us = oldest - oldest % HOUR_US + HOUR_US
        if end_us > to_micros(before):
            return 0
        removal = delete(USAGE_MINUTES).where(own, USAGE_MINUTES.c.start_us < end_us)
        return (await self._connection.execute(removal)).rowcount

    async def remove_sums(self, workspace_id: str) -> int:
        """Removes every sum of a workspace; how many it were."""
        count = 0
        for table in _SUMS:
            count += (
                await self._connection.execute(delete(table).where(table.c.workspace_id == workspace_id))
            ).rowcount
        return count

"""Responses that their callers want kept, with the items that they answer, by workspace.

Rows are only ever added and removed. Ids of a workspace rise with time. Compressing takes time, so that rows are made
outside a transaction.
"""

import zlib
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import and_, delete, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from server.storage.backend import Backend
from server.storage.tables import RESPONSES

_LEVEL = 6


@dataclass(frozen=True, slots=True)
class KeptResponse:
    """A response. `items` is the JSON array of what it answers, the whole conversation; `response` is its JSON."""

    workspace_id: str
    response_id: str
    created_at: datetime
    items: bytes = field(repr=False)
    response: bytes = field(repr=False)


PackedResponse = dict[str, Any]
"""A row."""


def packed_response(kept: KeptResponse) -> PackedResponse:
    """The row, compressed. Safe in any thread."""
    items, response = zlib.compress(kept.items, _LEVEL), zlib.compress(kept.response, _LEVEL)
    return {
        "workspace_id": kept.workspace_id,
        "response_id": kept.response_id,
        "created_at": kept.created_at,
        "size_bytes": len(items) + len(response),
        "items": items,
        "response": response,
    }


class Responses:
    """The kept responses of one transaction."""

    def __init__(self, connection: AsyncConnection, backend: Backend) -> None:
        self._connection = connection
        self._backend = backend

    async def add(self, row: PackedResponse) -> None:
        """Adds a row; one that is there already stays as it is."""
        await self._connection.execute(
            self._backend.insert_new(RESPONSES, ["workspace_id", "response_id"]).values(**row)
        )

    async def get(self, workspace_id: str, response_id: str) -> KeptResponse | None:
        """The workspace's response of that id, if it is kept."""
        row = (await self._connection.execute(select(RESPONSES).where(_one(workspace_id, response_id)))).first()
        if row is None:
            return None
        items, response = zlib.decompress(row.items), zlib.decompress(row.response)
        return KeptResponse(row.workspace_id, row.response_id, row.created_at, items, response)

    async def remove(self, workspace_id: str, response_id: str) -> bool:
        """Removes the workspace's response of that id; whether there was one."""
        done = await self._connection.execute(delete(RESPONSES).where(_one(workspace_id, response_id)))
        return done.rowcount > 0

    async def remove_before(self, moment: datetime, limit: int) -> int:
        """Removes the oldest of before that moment, at most `limit`; how many it were."""
        query = select(RESPONSES.c.workspace_id, RESPONSES.c.response_id).where(RESPONSES.c.created_at < moment)
        found = (await self._connection.execute(query.order_by(RESPONSES.c.created_at).limit(limit))).all()
        for workspace_id, response_id in found:
            await self.remove(workspace_id, response_id)
        return len(found)

    async def remove_of(self, workspace_id: str, limit: int) -> int:
        """Removes the oldest of a workspace's, at most `limit`; how many it were."""
        return await self._remove_oldest(workspace_id, limit, None)

    async def shares(self, above_bytes: int) -> dict[str, int]:
        """The workspaces whose responses take more than that, and how much they take, in bytes."""
        total = func.sum(RESPONSES.c.size_bytes)
        query = select(RESPONSES.c.workspace_id, total).group_by(RESPONSES.c.workspace_id).having(total > above_bytes)
        return {row[0]: int(row[1]) for row in await self._connection.execute(query)}

    async def remove_bytes(self, workspace_id: str, size_bytes: int, limit: int) -> int:
        """Removes the oldest of a workspace's until they took that much, at most `limit`; how many it were."""
        return await self._remove_oldest(workspace_id, limit, size_bytes)

    async def _remove_oldest(self, workspace_id: str, limit: int, size_bytes: int | None) -> int:
        query = select(RESPONSES.c.response_id, RESPONSES.c.size_bytes).where(RESPONSES.c.workspace_id == workspace_id)
        found = (await self._connection.execute(query.order_by(RESPONSES.c.response_id).limit(limit))).all()
        ids: list[str] = []
        freed_bytes = 0
        for response_id, each_bytes in found:
            if size_bytes is not None and freed_bytes >= size_bytes:
                break
            ids.append(response_id)
            freed_bytes += each_bytes
        if ids:
            of_workspace = and_(RESPONSES.c.workspace_id == workspace_id, RESPONSES.c.response_id.in_(ids))
            await self._connection.execute(delete(RESPONSES).where(of_workspace))
        return len(ids)


def _one(workspace_id: str, response_id: str) -> Any:
    return and_(RESPONSES.c.workspace_id == workspace_id, RESPONSES.c.response_id == response_id)

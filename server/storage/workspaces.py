"""Workspaces and who is a member of which. A workspace that one is not a member of does not exist for one."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from server.storage.tables import MEMBERS, WORKSPACES


@dataclass(frozen=True, slots=True)
class Workspace:
    """A workspace as kept. `strategy` is how its requests are routed unless they say otherwise."""

    id: str
    owner_id: str
    name: str
    strategy: str
    is_default: bool
    created_at: datetime


class Workspaces:
    """The workspaces of one transaction."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def add(self, workspace: Workspace) -> None:
        """Adds a workspace, its owner being the first member."""
        values = {column.name: getattr(workspace, column.name) for column in WORKSPACES.columns}
        await self._connection.execute(insert(WORKSPACES).values(values))
        membership = {"workspace_id": workspace.id, "user_id": workspace.owner_id, "role": "owner"}
        await self._connection.execute(insert(MEMBERS).values(membership))

    async def get(self, workspace_id: str) -> Workspace | None:
        """The workspace of that id, whoever asks."""
        query = select(WORKSPACES).where(WORKSPACES.c.id == workspace_id)
        row = (await self._connection.execute(query)).first()
        return None if row is None else Workspace(**row._mapping)

    async def default_of(self, user_id: str) -> Workspace | None:
        """The workspace that the user acts on when none is named."""
        query = (
            select(WORKSPACES)
            .where(WORKSPACES.c.owner_id == user_id, WORKSPACES.c.is_default)
            .order_by(WORKSPACES.c.created_at)
            .limit(1)
        )
        row = (await self._connection.execute(query)).first()
        return None if row is None else Workspace(**row._mapping)

    async def visible(self, user_id: str, workspace_id: str) -> Workspace | None:
        """The workspace, if the user is a member of it. Absent and foreign look the same."""
        query = (
            select(WORKSPACES)
            .join(MEMBERS, MEMBERS.c.workspace_id == WORKSPACES.c.id)
            .where(WORKSPACES.c.id == workspace_id, MEMBERS.c.user_id == user_id)
        )
        row = (await self._connection.execute(query)).first()
        return None if row is None else Workspace(**row._mapping)

    async def of_user(self, user_id: str) -> tuple[Workspace, ...]:
        """Every workspace that the user is a member of, oldest first."""
        query = (
            select(WORKSPACES)
            .join(MEMBERS, MEMBERS.c.workspace_id == WORKSPACES.c.id)
            .where(MEMBERS.c.user_id == user_id)
            .order_by(WORKSPACES.c.created_at, WORKSPACES.c.id)
        )
        return tuple(Workspace(**row._mapping) for row in await self._connection.execute(query))

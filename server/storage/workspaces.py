"""Workspaces, as those see them who are members. A workspace that one is not a member of does not exist for one."""

from datetime import datetime
from typing import Any

from msgspec import Struct
from sqlalchemy import Row, delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from server.chat.principal import Role
from server.storage.tables import MEMBERS, WORKSPACES


class Workspace(Struct, frozen=True):
    """A workspace as kept.

    `owner_id` is its founder. `strategy` is how its requests are routed unless they say otherwise, `weights` are those
    of cost, quality and speed, empty for the usual ones. `content_policy` says what is kept of prompts, `cache_policy`
    which answers may come from the cache. `hedge`: a second candidate may be asked beside a slow one.
    `request_timeout_s` is how long a request may take that does not say so itself, None for as long as the gateway lets
    it; `stream_mode` how its streams go out.
    """

    id: str
    owner_id: str
    name: str
    strategy: str
    is_default: bool
    created_at: datetime
    weights: tuple[float, ...] = ()
    content_policy: str = "metadata"
    cache_policy: str = "default"
    hedge: bool = False
    request_timeout_s: float | None = None
    stream_mode: str = "direct"


class Membership(Struct, frozen=True):
    """A workspace and what one of its members may do there."""

    workspace: Workspace
    role: Role


class Workspaces:
    """The workspaces of one transaction."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def add(self, workspace: Workspace) -> None:
        """Adds a workspace, its owner being the first member."""
        values = {column.name: getattr(workspace, column.name) for column in WORKSPACES.columns}
        await self._connection.execute(insert(WORKSPACES).values(values))
        membership = {
            "workspace_id": workspace.id,
            "user_id": workspace.owner_id,
            "role": Role.OWNER.value,
            "created_at": workspace.created_at,
        }
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

    async def visible(self, user_id: str, workspace_id: str) -> Membership | None:
        """The workspace, if the user is a member of it. Absent and foreign look the same."""
        query = _memberships(user_id).where(WORKSPACES.c.id == workspace_id)
        row = (await self._connection.execute(query)).first()
        return None if row is None else _membership(row)

    async def of_user(self, user_id: str) -> tuple[Membership, ...]:
        """Every workspace that the user is a member of, oldest first."""
        query = _memberships(user_id).order_by(WORKSPACES.c.created_at, WORKSPACES.c.id)
        return tuple(_membership(row) for row in await self._connection.execute(query))

    async def count_founded(self, user_id: str) -> int:
        """How many workspaces the user has founded."""
        query = select(func.count()).select_from(WORKSPACES).where(WORKSPACES.c.owner_id == user_id)
        return (await self._connection.execute(query)).scalar_one()

    async def founded(self, user_id: str) -> tuple[Workspace, ...]:
        """The workspaces that the user has founded, oldest first."""
        query = (
            select(WORKSPACES)
            .where(WORKSPACES.c.owner_id == user_id)
            .order_by(WORKSPACES.c.created_at, WORKSPACES.c.id)
        )
        return tuple(Workspace(**row._mapping) for row in await self._connection.execute(query))

    async def change(self, workspace_id: str, **values: Any) -> None:
        """Sets columns of a workspace."""
        if values:
            await self._connection.execute(update(WORKSPACES).where(WORKSPACES.c.id == workspace_id).values(values))

    async def remove(self, workspace_id: str) -> None:
        """Removes a workspace with its members, keys and provider entries."""
        await self._connection.execute(delete(WORKSPACES).where(WORKSPACES.c.id == workspace_id))


def _memberships(user_id: str) -> Any:
    return (
        select(WORKSPACES, MEMBERS.c.role)
        .join(MEMBERS, MEMBERS.c.workspace_id == WORKSPACES.c.id)
        .where(MEMBERS.c.user_id == user_id)
    )


def _membership(row: Row[Any]) -> Membership:
    values = dict(row._mapping)
    role = Role(values.pop("role"))
    return Membership(Workspace(**values), role)

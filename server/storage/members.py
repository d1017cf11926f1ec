"""Members of workspaces: who, since when, and with which role."""

from datetime import datetime
from typing import Any

from msgspec import Struct
from sqlalchemy import Row, delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from server.chat.principal import Role
from server.storage.tables import MEMBERS, USERS


class Member(Struct, frozen=True):
    """A member as the others see it."""

    user_id: str
    email: str
    name: str
    role: Role
    created_at: datetime


class Members:
    """The members of one transaction."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def of_workspace(self, workspace_id: str) -> tuple[Member, ...]:
        """The members, oldest first."""
        query = _members(workspace_id).order_by(MEMBERS.c.created_at, MEMBERS.c.user_id)
        return tuple(_member(row) for row in await self._connection.execute(query))

    async def get(self, workspace_id: str, user_id: str) -> Member | None:
        """The member of that id."""
        row = (await self._connection.execute(_members(workspace_id).where(MEMBERS.c.user_id == user_id))).first()
        return None if row is None else _member(row)

    async def count(self, workspace_id: str) -> int:
        """How many members a workspace has."""
        query = select(func.count()).select_from(MEMBERS).where(MEMBERS.c.workspace_id == workspace_id)
        return (await self._connection.execute(query)).scalar_one()

    async def add(self, workspace_id: str, user_id: str, role: Role, moment: datetime) -> None:
        """Adds a member; the user must not be one already."""
        values = {"workspace_id": workspace_id, "user_id": user_id, "role": role.value, "created_at": moment}
        await self._connection.execute(insert(MEMBERS).values(values))

    async def set_role(self, workspace_id: str, user_id: str, role: Role) -> None:
        """Gives a member another role."""
        await self._connection.execute(update(MEMBERS).where(_is(workspace_id, user_id)).values(role=role.value))

    async def remove(self, workspace_id: str, user_id: str) -> None:
        """Takes a member out."""
        await self._connection.execute(delete(MEMBERS).where(_is(workspace_id, user_id)))


def _is(workspace_id: str, user_id: str) -> Any:
    return (MEMBERS.c.workspace_id == workspace_id) & (MEMBERS.c.user_id == user_id)


def _members(workspace_id: str) -> Any:
    return (
        select(MEMBERS.c.user_id, USERS.c.email, USERS.c.name, MEMBERS.c.role, MEMBERS.c.created_at)
        .join(USERS, USERS.c.id == MEMBERS.c.user_id)
        .where(MEMBERS.c.workspace_id == workspace_id)
    )


def _member(row: Row[Any]) -> Member:
    values = dict(row._mapping)
    return Member(**values | {"role": Role(values["role"])})

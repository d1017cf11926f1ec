"""Gateway keys: what opens completions. Only a keyed hash of each secret is here; the secret itself is nowhere."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from msgspec import Struct
from sqlalchemy import bindparam, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from server.chat.principal import Plan, Role
from server.storage.tables import GATEWAY_KEYS, MEMBERS, USERS


@dataclass(frozen=True, slots=True)
class GatewayKey:
    """A key as kept. `prefix` and `last4` are what is shown of the secret; `allowed_models` is empty for all.

    The limits are None for none. `replaced_by` is the id of the key that took its place.
    """

    id: str
    workspace_id: str
    created_by: str
    prefix: str
    last4: str
    key_hash: bytes = field(repr=False)
    name: str
    expires_at: datetime | None
    allowed_models: tuple[str, ...]
    is_revoked: bool
    created_at: datetime
    last_used_at: datetime | None = None
    requests_per_minute: int | None = None
    requests_per_day: int | None = None
    tokens_per_minute: int | None = None
    tokens_per_day: int | None = None
    replaced_by: str | None = None


class KeyHolder(Struct, frozen=True):
    """A key with what matters of the user who made it; `role` is None once the user is no member any more."""

    key: GatewayKey
    plan: Plan
    is_user_disabled: bool
    role: Role | None


class GatewayKeys:
    """The gateway keys of one transaction."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def add(self, key: GatewayKey) -> None:
        """Adds a key."""
        values = {column.name: getattr(key, column.name) for column in GATEWAY_KEYS.columns}
        await self._connection.execute(insert(GATEWAY_KEYS).values(values))

    async def by_hash(self, key_hash: bytes) -> KeyHolder | None:
        """The key of that hash, revoked and expired ones included, with its user's plan."""
        query = (
            select(GATEWAY_KEYS, USERS.c.plan, USERS.c.is_disabled, MEMBERS.c.role)
            .join(USERS, USERS.c.id == GATEWAY_KEYS.c.created_by)
            .outerjoin(
                MEMBERS,
                (MEMBERS.c.user_id == GATEWAY_KEYS.c.created_by)
                & (MEMBERS.c.workspace_id == GATEWAY_KEYS.c.workspace_id),
            )
            .where(GATEWAY_KEYS.c.key_hash == key_hash)
        )
        row = (await self._connection.execute(query)).first()
        if row is None:
            return None
        values = dict(row._mapping)
        plan, is_disabled, role = Plan(values.pop("plan")), values.pop("is_disabled"), values.pop("role")
        return KeyHolder(GatewayKey(**values), plan, is_disabled, None if role is None else Role(role))

    async def of_workspace(self, workspace_id: str) -> tuple[GatewayKey, ...]:
        """The workspace's keys that are not revoked, newest first."""
        query = (
            select(GATEWAY_KEYS)
            .where(GATEWAY_KEYS.c.workspace_id == workspace_id, GATEWAY_KEYS.c.is_revoked.is_(False))
            .order_by(GATEWAY_KEYS.c.created_at.desc(), GATEWAY_KEYS.c.id.desc())
        )
        return tuple(GatewayKey(**row._mapping) for row in await self._connection.execute(query))

    async def get(self, workspace_id: str, key_id: str) -> GatewayKey | None:
        """The workspace's key of that id."""
        query = select(GATEWAY_KEYS).where(GATEWAY_KEYS.c.id == key_id, GATEWAY_KEYS.c.workspace_id == workspace_id)
        row = (await self._connection.execute(query)).first()
        return None if row is None else GatewayKey(**row._mapping)

    async def set_revoked(self, key_id: str, *, is_revoked: bool) -> None:
        """Revokes a key, or takes that back."""
        statement = update(GATEWAY_KEYS).where(GATEWAY_KEYS.c.id == key_id).values(is_revoked=is_revoked)
        await self._connection.execute(statement)

    async def change(self, key_id: str, **values: Any) -> None:
        """Sets columns of a key."""
        if values:
            await self._connection.execute(update(GATEWAY_KEYS).where(GATEWAY_KEYS.c.id == key_id).values(values))

    async def revoke_of(self, workspace_id: str, user_id: str) -> None:
        """Revokes every key that the user made in the workspace."""
        made_there = (GATEWAY_KEYS.c.workspace_id == workspace_id) & (GATEWAY_KEYS.c.created_by == user_id)
        await self._connection.execute(update(GATEWAY_KEYS).where(made_there).values(is_revoked=True))

    async def count(self, workspace_id: str) -> int:
        """How many keys of the workspace are not revoked."""
        query = (
            select(func.count())
            .select_from(GATEWAY_KEYS)
            .where(GATEWAY_KEYS.c.workspace_id == workspace_id, GATEWAY_KEYS.c.is_revoked.is_(False))
        )
        return (await self._connection.execute(query)).scalar_one()

    async def set_last_used(self, uses: Iterable[tuple[str, datetime]]) -> None:
        """Notes when keys were last used: pairs of id and time."""
        rows = [{"used_key_id": key_id, "used_at": moment} for key_id, moment in uses]
        if not rows:
            return
        statement = (
            update(GATEWAY_KEYS)
            .where(GATEWAY_KEYS.c.id == bindparam("used_key_id"))
            .values(last_used_at=bindparam("used_at"))
        )
        await self._connection.execute(statement, rows)

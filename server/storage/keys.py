"""Gateway keys: what opens completions. Only a keyed hash of each secret is here; the secret itself is nowhere."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import bindparam, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from server.chat.principal import Plan
from server.storage.tables import GATEWAY_KEYS, USERS


@dataclass(frozen=True, slots=True)
class GatewayKey:
    """A key as kept. `prefix` and `last4` are what is shown of the secret; `allowed_models` is empty for all."""

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


@dataclass(frozen=True, slots=True)
class KeyHolder:
    """A key with what matters of the user who made it."""

    key: GatewayKey
    plan: Plan
    is_user_disabled: bool


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
            select(GATEWAY_KEYS, USERS.c.plan, USERS.c.is_disabled)
            .join(USERS, USERS.c.id == GATEWAY_KEYS.c.created_by)
            .where(GATEWAY_KEYS.c.key_hash == key_hash)
        )
        row = (await self._connection.execute(query)).first()
        if row is None:
            return None
        values = dict(row._mapping)
        plan, is_disabled = Plan(values.pop("plan")), values.pop("is_disabled")
        return KeyHolder(GatewayKey(**values), plan, is_disabled)

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

"""Gateway keys as their owners see them: made, listed, changed, rotated, revoked.

Callers have been let into the workspace already; `only_of` names the member whose keys alone may be touched, None for
whoever may touch all.
"""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TypedDict

from msgspec import Struct

from server.accounts.gateway_keys import KeyHasher, KeyPrefix, new_secret, shown_prefix
from server.accounts.key_lookup import KeyLookup
from server.accounts.roles import Action, demand
from server.accounts.validation import checked_models, checked_range, checked_text, is_id
from server.chat.ids import new_id
from server.chat.principal import NO_KEY_LIMITS, KeyLimits, Role
from server.errors import Conflict, RequestInvalid, ResourceNotFound
from server.storage.database import Database, Transaction
from server.storage.keys import GatewayKey

MAX_ALLOWED_MODELS = 200
MAX_KEYS = 1000
MAX_LIMIT = 10**12
MAX_GRACE_S = 30 * 24 * 3600

_LAST_CHARS = 4


class NewKey(Struct, frozen=True):
    """A gateway key to be made; nothing is checked yet. `allowed_models` is empty for all."""

    name: str = ""
    expires_at: datetime | None = None
    allowed_models: tuple[str, ...] = ()
    prefix: KeyPrefix = "pk"
    limits: KeyLimits = NO_KEY_LIMITS


class Rotation(Struct, frozen=True):
    """Who rotates a key, how long the old one still opens calls, in seconds, 0 to 30 days, and `only_of` as above."""

    user_id: str
    grace_s: int
    only_of: str | None = None


class KeyChanges(TypedDict, total=False):
    """What to change of a key; what is not there stays, None takes an expiry or a limit away."""

    name: str
    expires_at: datetime | None
    allowed_models: tuple[str, ...]
    requests_per_minute: int | None
    requests_per_day: int | None
    tokens_per_minute: int | None
    tokens_per_day: int | None


@dataclass(frozen=True, slots=True)
class CreatedKey:
    """A new key and its secret, which cannot be had again."""

    key: GatewayKey
    secret: str = field(repr=False)


class Keys:
    """The gateway keys of workspaces."""

    def __init__(self, database: Database, hasher: KeyHasher, lookup: KeyLookup) -> None:
        self._database = database
        self._hasher = hasher
        self._lookup = lookup

    def prepare(self, workspace_id: str, user_id: str, new: NewKey) -> CreatedKey:
        """Checks and makes a key without keeping it. Raises RequestInvalid naming the parameter."""
        name = checked_text(new.name, "name")
        models = checked_models(new.allowed_models, "allowed_models", MAX_ALLOWED_MODELS)
        now = datetime.now(UTC)
        _check_expiry(new.expires_at, now)
        limits = new.limits
        for param in KeyLimits.__struct_fields__:
            _check_limit(getattr(limits, param), param)
        secret = new_secret(new.prefix)
        key = GatewayKey(
            id=new_id("key_"),
            workspace_id=workspace_id,
            created_by=user_id,
            prefix=shown_prefix(secret),
            last4=secret[-_LAST_CHARS:],
            key_hash=self._hasher.digest(secret),
            name=name,
            expires_at=new.expires_at,
            allowed_models=models,
            is_revoked=False,
            created_at=now,
            requests_per_minute=limits.requests_per_minute,
            requests_per_day=limits.requests_per_day,
            tokens_per_minute=limits.tokens_per_minute,
            tokens_per_day=limits.tokens_per_day,
        )
        return CreatedKey(key, secret)

    async def create(self, workspace_id: str, user_id: str, new: NewKey) -> CreatedKey:
        """Makes a key. Raises RequestInvalid naming the parameter, Conflict when there are too many."""
        created = self.prepare(workspace_id, user_id, new)
        async with self._database.write() as tx:
            await _check_room(tx, workspace_id)
            await tx.keys.add(created.key)
        return created

    async def of_workspace(self, workspace_id: str) -> tuple[GatewayKey, ...]:
        """The keys that are not revoked, newest first."""
        async with self._database.read() as tx:
            return await tx.keys.of_workspace(workspace_id)

    async def change(
        self, workspace_id: str, key_id: str, changes: KeyChanges, only_of: str | None = None
    ) -> GatewayKey:
        """Changes what is named, at once. Raises ResourceNotFound, PermissionDenied, RequestInvalid."""
        values = _checked(changes)
        async with self._database.write() as tx:
            key = await _touched(tx, workspace_id, key_id, only_of)
            await tx.keys.change(key.id, **values)
        self._lookup.forget_key(key_id)
        return replace(key, **values)

    async def rotate(self, workspace_id: str, key_id: str, how: Rotation) -> CreatedKey:
        """Makes a key that takes the place of another; it is of the one who rotates.

        Raises ResourceNotFound, PermissionDenied, RequestInvalid, Conflict for a key that was rotated already.
        """
        checked_range(how.grace_s, "grace_seconds", 0, MAX_GRACE_S)
        async with self._database.write() as tx:
            old = await _touched(tx, workspace_id, key_id, how.only_of)
            if old.replaced_by is not None:
                raise Conflict("This key was rotated already; rotate the one that took its place.", param="key_id")
            await _check_room(tx, workspace_id)
            created = self._successor(old, how.user_id)
            await tx.keys.add(created.key)
            ends_at = created.key.created_at + timedelta(seconds=how.grace_s)
            ends_at = ends_at if old.expires_at is None else min(old.expires_at, ends_at)
            await tx.keys.change(old.id, replaced_by=created.key.id, expires_at=ends_at, is_revoked=how.grace_s == 0)
        self._lookup.forget_key(key_id)
        return created

    async def revoke(self, workspace_id: str, key_id: str, only_of: str | None = None) -> None:
        """Makes a key open nothing any more, at once.

        Raises ResourceNotFound, also for one that was revoked, and PermissionDenied.
        """
        async with self._database.write() as tx:
            key = await _touched(tx, workspace_id, key_id, only_of)
            await tx.keys.set_revoked(key.id, is_revoked=True)
        self._lookup.forget_key(key_id)

    def _successor(self, old: GatewayKey, user_id: str) -> CreatedKey:
        prefix: KeyPrefix = "gw" if old.prefix.startswith("gw") else "pk"
        secret = new_secret(prefix)
        key = replace(
            old,
            id=new_id("key_"),
            created_by=user_id,
            prefix=shown_prefix(secret),
            last4=secret[-_LAST_CHARS:],
            key_hash=self._hasher.digest(secret),
            created_at=datetime.now(UTC),
            last_used_at=None,
        )
        return CreatedKey(key, secret)

    async def install_demo_key(self, workspace_id: str, user_id: str, secret: str = "pk_demo") -> GatewayKey:
        """Makes a known secret a key of a workspace, for a demonstration on one's own machine only.

        The key is made once and found again on later starts. It passes without a checksum in this process alone: a
        gateway that is started without demo mode refuses it. Raises Conflict when another workspace has it.
        """
        self._lookup.allow_as_is(secret)
        key_hash = self._hasher.digest(secret)
        async with self._database.write() as tx:
            holder = await tx.keys.by_hash(key_hash)
            if holder is not None and holder.key.workspace_id != workspace_id:
                raise Conflict("The demo key belongs to another workspace of this database.")
            if holder is not None:
                await tx.keys.set_revoked(holder.key.id, is_revoked=False)
                return holder.key
            key = GatewayKey(
                id=new_id("key_"),
                workspace_id=workspace_id,
                created_by=user_id,
                prefix=secret,
                last4=secret[-_LAST_CHARS:],
                key_hash=key_hash,
                name="Demo key",
                expires_at=None,
                allowed_models=(),
                is_revoked=False,
                created_at=datetime.now(UTC),
            )
            await tx.keys.add(key)
        return key


async def _touched(tx: Transaction, workspace_id: str, key_id: str, only_of: str | None) -> GatewayKey:
    key = await tx.keys.get(workspace_id, key_id) if is_id(key_id, "key_") else None
    if key is None or key.is_revoked:
        raise ResourceNotFound("No gateway key of that id is visible to you.", param="key_id")
    if only_of is not None and key.created_by != only_of:
        demand(Role.MEMBER, Action.MANAGE_KEYS)
    return key


async def _check_room(tx: Transaction, workspace_id: str) -> None:
    if await tx.keys.count(workspace_id) >= MAX_KEYS:
        raise Conflict(f"The workspace has {MAX_KEYS} gateway keys, which is the most; revoke one first.")


def _checked(changes: KeyChanges) -> KeyChanges:
    checked = changes.copy()
    if "name" in changes:
        checked["name"] = checked_text(changes["name"], "name")
    if "expires_at" in changes:
        _check_expiry(changes["expires_at"], datetime.now(UTC))
    if "allowed_models" in changes:
        checked["allowed_models"] = checked_models(changes["allowed_models"], "allowed_models", MAX_ALLOWED_MODELS)
    for param in KeyLimits.__struct_fields__:
        _check_limit(changes.get(param), param)
    return checked


def _check_expiry(expires_at: datetime | None, now: datetime) -> None:
    if expires_at is not None and expires_at <= now:
        raise RequestInvalid("expires_at must be in the future.", param="expires_at")


def _check_limit(limit: object, param: str) -> None:
    if isinstance(limit, int):
        checked_range(limit, param, 1, MAX_LIMIT)

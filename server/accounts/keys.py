"""Gateway keys as their owners see them: made, listed, revoked. Callers have been let into the workspace already."""

from dataclasses import dataclass, field
from datetime import UTC, datetime

from server.accounts.gateway_keys import KeyHasher, KeyPrefix, new_secret, shown_prefix
from server.accounts.key_lookup import KeyLookup
from server.accounts.validation import checked_models, checked_text, is_id
from server.chat.ids import new_id
from server.errors import Conflict, RequestInvalid, ResourceNotFound
from server.storage.database import Database
from server.storage.keys import GatewayKey

MAX_ALLOWED_MODELS = 200

_LAST_CHARS = 4


@dataclass(frozen=True, slots=True)
class NewKey:
    """A gateway key to be made; nothing is checked yet. `allowed_models` is empty for all."""

    name: str = ""
    expires_at: datetime | None = None
    allowed_models: tuple[str, ...] = ()
    prefix: KeyPrefix = "pk"


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
        if new.expires_at is not None and new.expires_at <= now:
            raise RequestInvalid("expires_at must be in the future.", param="expires_at")
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
        )
        return CreatedKey(key, secret)

    async def create(self, workspace_id: str, user_id: str, new: NewKey) -> CreatedKey:
        """Makes a key. Raises RequestInvalid naming the parameter."""
        created = self.prepare(workspace_id, user_id, new)
        async with self._database.write() as tx:
            await tx.keys.add(created.key)
        return created

    async def of_workspace(self, workspace_id: str) -> tuple[GatewayKey, ...]:
        """The keys that are not revoked, newest first."""
        async with self._database.read() as tx:
            return await tx.keys.of_workspace(workspace_id)

    async def revoke(self, workspace_id: str, key_id: str) -> None:
        """Makes a key open nothing any more, at once. Raises ResourceNotFound, also for one that was revoked."""
        if not is_id(key_id, "key_"):
            raise _absent()
        async with self._database.write() as tx:
            key = await tx.keys.get(workspace_id, key_id)
            if key is None or key.is_revoked:
                raise _absent()
            await tx.keys.set_revoked(key_id, is_revoked=True)
        self._lookup.forget_key(key_id)

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


def _absent() -> ResourceNotFound:
    return ResourceNotFound("No gateway key of that id is visible to you.", param="key_id")

"""Who a gateway key stands for: the first thing that every completion asks, answered from memory for 30 seconds.

Keys are found by their hash alone. A revocation in this process counts at once, one in another process within
`FRESH_S`; while the database is away, keys that were seen lately stay good for `STALE_S`.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from datetime import UTC, datetime

from msgspec import Struct

from server.accounts.forgetting import Forgetting
from server.accounts.gateway_keys import MAX_CHARS, KeyHasher, is_well_formed
from server.accounts.loading_cache import Bounds, LoadingCache
from server.accounts.roles import USES_KEYS
from server.chat.principal import NO_KEY_LIMITS, KeyLimits, Principal
from server.errors import KeyExpired, KeyInvalid, KeyMissing, KeyRevoked, StoreUnavailable
from server.storage.database import Database

FRESH_S = 30.0
STALE_S = 600.0

_ABSENT_S = 5.0
_USES_WRITTEN_EVERY_S = 10.0
_MAX_DIGESTS = 10_000

_log = logging.getLogger(__name__)


class _Grant(Struct, frozen=True):
    """What a key opens. `expires_at_s` is in seconds since 1970, infinite for never."""

    key_id: str
    principal: Principal
    expires_at_s: float
    is_revoked: bool

    @property
    def user_id(self) -> str:
        """Whose key it is."""
        return self.principal.user_id

    @property
    def workspace_id(self) -> str:
        """Where it belongs."""
        return self.principal.workspace_id


class KeyLookup:
    """Gateway keys in use. Belongs to one event loop."""

    def __init__(
        self,
        database: Database,
        hasher: KeyHasher,
        clock_s: Callable[[], float] = time.monotonic,
        forgetting: Forgetting | None = None,
    ) -> None:
        self._database = database
        self._hasher = hasher
        self._forgetting = forgetting or Forgetting()
        bounds = self._forgetting.bounds(Bounds(FRESH_S, STALE_S, _ABSENT_S, max_entries=20_000, max_absent=2_000))
        self._cache: LoadingCache[bytes, _Grant] = LoadingCache(self._load, bounds, clock_s)
        self._allowed_as_is: set[bytes] = set()
        self._digests: dict[str, bytes] = {}
        self._used_at_s: dict[str, float] = {}
        self._writer: asyncio.Task[None] | None = None
        drop_where = self._discard_where
        self._forgetting.on("key", lambda gone: drop_where(lambda grant: grant.key_id == gone))
        self._forgetting.on("user", lambda gone: drop_where(lambda grant: grant.user_id == gone))
        self._forgetting.on("workspace", lambda gone: drop_where(lambda grant: grant.workspace_id == gone))
        self._forgetting.when_missed(lambda: drop_where(lambda grant: True))

    async def authenticate(self, secret: str) -> Principal:
        """The holder of a gateway key.

        Raises KeyMissing, KeyInvalid, KeyExpired, KeyRevoked; StoreUnavailable for a key not seen lately while the
        database is away.
        """
        if not secret or len(secret) > MAX_CHARS:
            raise (
                _unknown() if secret else KeyMissing("No gateway key came with the request: send one as Bearer token.")
            )
        digest = self._digests.get(secret) or self._hasher.digest(secret)
        grant = self._cache.fresh(digest)
        if grant is None:
            grant = await self._look_up(secret, digest)
            self._remember(secret, digest)
        now_s = time.time()
        if grant.is_revoked:
            raise KeyRevoked("The gateway key was revoked; create another one.")
        if now_s >= grant.expires_at_s:
            raise KeyExpired("The gateway key has expired; create another one.")
        self._used_at_s[grant.key_id] = now_s
        if self._writer is None:
            self._writer = asyncio.ensure_future(self._write_uses_later())
        return grant.principal

    def known(self, secret: str) -> Principal | None:
        """The holder of a key that is fresh in memory and good; None: `authenticate` tells what it is."""
        digest = self._digests.get(secret)
        grant = None if digest is None else self._cache.fresh(digest)
        if grant is None or grant.is_revoked or self._writer is None:
            return None
        now_s = time.time()
        if now_s >= grant.expires_at_s:
            return None
        self._used_at_s[grant.key_id] = now_s
        return grant.principal

    def allow_as_is(self, secret: str) -> None:
        """Lets exactly this secret pass without a checksum."""
        digest = self._hasher.digest(secret)
        self._allowed_as_is.add(digest)
        self._cache.discard(digest)

    def forget_key(self, key_id: str) -> None:
        """Looks a key up anew at its next use, after a change."""
        self._forgetting.forget("key", key_id)

    def _discard_where(self, is_meant: Callable[[_Grant], bool]) -> None:
        self._cache.discard_where(is_meant)
        self._digests.clear()

    async def write_uses(self) -> None:
        """Writes when keys were last used, all in one go. Raises StoreUnavailable, and forgets nothing then."""
        if not self._used_at_s:
            return
        uses, self._used_at_s = self._used_at_s, {}
        try:
            async with self._database.write() as tx:
                await tx.keys.set_last_used(
                    (key_id, datetime.fromtimestamp(at_s, UTC)) for key_id, at_s in uses.items()
                )
        except BaseException:
            self._used_at_s = uses | self._used_at_s
            raise

    async def close(self) -> None:
        """Writes the last uses and stops."""
        if self._writer is not None:
            self._writer.cancel()
            await asyncio.wait([self._writer])
        try:
            await self.write_uses()
        except StoreUnavailable:
            _log.warning("The times of last use of %d gateway keys were not written", len(self._used_at_s))

    def _remember(self, secret: str, digest: bytes) -> None:
        """Keeps the hash of a secret that exists; whether it is good is asked by its hash each time."""
        if len(self._digests) >= _MAX_DIGESTS:
            self._digests.clear()
        self._digests[secret] = digest

    async def _look_up(self, secret: str, digest: bytes) -> _Grant:
        if digest not in self._allowed_as_is and not is_well_formed(secret):
            raise _unknown()
        grant = await self._cache.get(digest)
        if grant is None:
            raise _unknown()
        return grant

    async def _load(self, digest: bytes) -> _Grant | None:
        async with self._database.read() as tx:
            holder = await tx.keys.by_hash(digest)
        if holder is None:
            return None
        key = holder.key
        limits = KeyLimits(key.requests_per_minute, key.requests_per_day, key.tokens_per_minute, key.tokens_per_day)
        principal = Principal(
            user_id=key.created_by,
            workspace_id=key.workspace_id,
            plan=holder.plan,
            key_id=key.id,
            allowed_models=key.allowed_models,
            limits=NO_KEY_LIMITS if limits == NO_KEY_LIMITS else limits,  # most have none, and are known without a look
        )
        is_held = holder.role is not None and holder.role.covers(USES_KEYS) and not holder.is_user_disabled
        expires_at_s = float("inf") if key.expires_at is None else key.expires_at.timestamp()
        return _Grant(key.id, principal, expires_at_s, key.is_revoked or not is_held)

    async def _write_uses_later(self) -> None:
        try:
            await asyncio.sleep(_USES_WRITTEN_EVERY_S)
            await self.write_uses()
        except StoreUnavailable:
            _log.info("The database is away; times of last use are written later")
        finally:
            self._writer = None


def _unknown() -> KeyInvalid:
    return KeyInvalid("The gateway key is not valid: it is mistyped, cut short, or deleted.")

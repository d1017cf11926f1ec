"""Who a token stands for at this moment: its signature, its revocation, and its user's state, cached for seconds.

A log-out in this process counts at once, one in another process within `FRESH_S`. When the database is away nobody is
let in by a stale answer.
"""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from msgspec import Struct

from server.accounts.forgetting import Forgetting
from server.accounts.loading_cache import Bounds, LoadingCache
from server.accounts.tokens import TokenClaims, Tokens
from server.chat.principal import Principal
from server.errors import TokenInvalid
from server.storage.database import Database

FRESH_S = 15.0

_MAX_ENTRIES = 5_000
# Longer than clocks may differ, so that no revoked token is forgotten while its signature still counts.
_KEPT_AFTER_EXPIRY = timedelta(seconds=60)


class _Session(Struct, frozen=True):
    principal: Principal
    expires_at_s: float

    @property
    def token_id(self) -> str | None:
        """Of which token."""
        return self.principal.token_id

    @property
    def user_id(self) -> str:
        """Whose."""
        return self.principal.user_id


class Sessions:
    """Tokens in use."""

    def __init__(
        self,
        database: Database,
        tokens: Tokens,
        clock_s: Callable[[], float] = time.monotonic,
        forgetting: Forgetting | None = None,
    ) -> None:
        self._database = database
        self._tokens = tokens
        self._cache: LoadingCache[str, _Session] = LoadingCache(
            self._load, Bounds(FRESH_S, max_entries=_MAX_ENTRIES), clock_s
        )
        self._forgetting = forgetting or Forgetting()
        self._forgetting.on("token", lambda gone: self._cache.discard_where(lambda found: found.token_id == gone))
        self._forgetting.on("user", lambda gone: self._cache.discard_where(lambda found: found.user_id == gone))
        self._forgetting.when_missed(lambda: self._cache.discard_where(lambda found: True))

    async def authenticate(self, token: str) -> Principal:
        """The user behind a token. Raises TokenInvalid, StoreUnavailable."""
        session = self._cache.fresh(token) or await self._cache.get(token)
        if session is None or session.expires_at_s <= time.time():
            raise TokenInvalid("The token has expired or was revoked; log in again.")
        return session.principal

    async def revoke(self, token: str) -> TokenClaims:
        """Voids a token at once. Raises TokenInvalid when it is void already."""
        claims = self._tokens.verify(token)
        async with self._database.write() as tx:
            is_new = await tx.tokens.add(claims.token_id, claims.expires_at)
            await tx.tokens.forget(datetime.now(UTC) - _KEPT_AFTER_EXPIRY)
        self._cache.discard(token)
        self._forgetting.forget("token", claims.token_id)
        if not is_new:
            raise TokenInvalid("The token was revoked; log in again.")
        return claims

    async def replace(self, token: str) -> str:
        """A fresh token for one that is void from now on. Raises TokenInvalid when it is void already.

        User and token are looked at in the transaction that revokes, not in the cache: of two that refresh one token at
        once, one gets a new one.
        """
        claims = self._tokens.verify(token)
        now = datetime.now(UTC)
        async with self._database.write() as tx:
            user = await tx.users.get(claims.user_id)
            is_valid = user is not None and not user.is_disabled and claims.issued_at >= user.tokens_valid_after
            if not is_valid or not await tx.tokens.add(claims.token_id, claims.expires_at):
                raise TokenInvalid("The token has expired or was revoked; log in again.")
            await tx.tokens.forget(now - _KEPT_AFTER_EXPIRY)
        self._cache.discard(token)
        self._forgetting.forget("token", claims.token_id)
        return self._tokens.issue(claims.user_id, now)

    async def _load(self, token: str) -> _Session | None:
        claims = self._tokens.verify(token)
        async with self._database.read() as tx:
            user = await tx.users.get(claims.user_id)
            if user is None or user.is_disabled or claims.issued_at < user.tokens_valid_after:
                return None
            if await tx.tokens.contain(claims.token_id):
                return None
            workspace = await tx.workspaces.default_of(user.id)
        principal = Principal(
            user_id=user.id,
            workspace_id="" if workspace is None else workspace.id,
            plan=user.plan,
            token_id=claims.token_id,
        )
        return _Session(principal, claims.expires_at.timestamp())

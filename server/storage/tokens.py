"""Tokens that were revoked before they expired. Each row is needed only until its token would have expired anyway."""

from datetime import datetime

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncConnection

from server.storage.backend import Backend
from server.storage.tables import REVOKED_TOKENS


class RevokedTokens:
    """The revoked tokens of one transaction."""

    def __init__(self, connection: AsyncConnection, backend: Backend) -> None:
        self._connection = connection
        self._backend = backend

    async def add(self, token_id: str, expires_at: datetime) -> bool:
        """Revokes a token; says whether it was not revoked already."""
        statement = self._backend.insert_new(REVOKED_TOKENS, ["jti"]).values(jti=token_id, expires_at=expires_at)
        # Not every driver keeps the count of an INSERT by itself.
        result = await self._connection.execute(statement, execution_options={"preserve_rowcount": True})
        return result.rowcount > 0

    async def contain(self, token_id: str) -> bool:
        """Whether the token was revoked."""
        query = select(REVOKED_TOKENS.c.jti).where(REVOKED_TOKENS.c.jti == token_id)
        return (await self._connection.execute(query)).first() is not None

    async def forget(self, expired_before: datetime) -> None:
        """Removes the rows of tokens that have expired by themselves."""
        await self._connection.execute(delete(REVOKED_TOKENS).where(REVOKED_TOKENS.c.expires_at < expired_before))

"""Revoked tokens are remembered until they would have expired."""

from datetime import UTC, datetime, timedelta

from server.storage.database import Database

NOW = datetime(2026, 1, 11, tzinfo=UTC)


async def test_a_token_is_revoked_once(database: Database) -> None:
    async with database.write() as tx:
        assert not await tx.tokens.contain("tok_1")
        assert await tx.tokens.add("tok_1", NOW)
        assert not await tx.tokens.add("tok_1", NOW)
        assert await tx.tokens.contain("tok_1")


async def test_what_has_expired_is_forgotten(database: Database) -> None:
    async with database.write() as tx:
        await tx.tokens.add("tok_old", NOW - timedelta(seconds=1))
        await tx.tokens.add("tok_new", NOW)
        await tx.tokens.forget(NOW)
        assert not await tx.tokens.contain("tok_old")
        assert await tx.tokens.contain("tok_new")

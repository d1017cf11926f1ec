"""Who a token stands for: revocations, disabled users and changes count, from memory in between."""

import asyncio
import sqlite3
from datetime import timedelta
from pathlib import Path

import pytest

from server.accounts.people import SignedUp
from server.accounts.secrets import Secrets
from server.accounts.service import Accounts
from server.accounts.sessions import FRESH_S, Sessions
from server.accounts.tokens import Tokens
from server.chat.principal import Plan, Principal
from server.errors import TokenInvalid
from server.storage.database import Database
from tests.unit.server.accounts.clock import Clock


@pytest.fixture
def sessions(database: Database, secrets: Secrets, clock: Clock) -> Sessions:
    return Sessions(database, Tokens(secrets.jwt_key), clock)


async def test_a_token_stands_for_its_user_in_the_default_workspace(sessions: Sessions, ana: SignedUp) -> None:
    principal = await sessions.authenticate(ana.token)
    assert principal == Principal(ana.user.id, ana.workspace.id, Plan.FREE, token_id=principal.token_id)
    assert principal.token_id is not None
    assert await sessions.authenticate(ana.token) is principal


async def test_a_revoked_token_is_void_at_once_and_cannot_be_revoked_again(sessions: Sessions, ana: SignedUp) -> None:
    await sessions.authenticate(ana.token)
    await sessions.revoke(ana.token)
    for attempt in (sessions.authenticate, sessions.revoke):
        with pytest.raises(TokenInvalid):
            await attempt(ana.token)


async def test_of_two_that_revoke_at_once_one_succeeds(sessions: Sessions, ana: SignedUp) -> None:
    outcomes = await asyncio.gather(*(sessions.revoke(ana.token) for _ in range(2)), return_exceptions=True)
    assert sorted(isinstance(outcome, TokenInvalid) for outcome in outcomes) == [False, True]


async def test_what_another_process_revokes_is_seen_within_seconds(
    sessions: Sessions, database: Database, ana: SignedUp, secrets: Secrets, clock: Clock
) -> None:
    await sessions.authenticate(ana.token)
    claims = Tokens(secrets.jwt_key).verify(ana.token)
    async with database.write() as tx:
        await tx.tokens.add(claims.token_id, claims.expires_at)
    await sessions.authenticate(ana.token)
    clock.now_s += FRESH_S
    with pytest.raises(TokenInvalid):
        await sessions.authenticate(ana.token)


async def test_tokens_made_before_a_mass_revocation_are_void_and_later_ones_are_not(
    sessions: Sessions, database: Database, ana: SignedUp, secrets: Secrets
) -> None:
    tokens = Tokens(secrets.jwt_key)
    later = tokens.issue(ana.user.id)
    async with database.write() as tx:
        await tx.users.revoke_tokens(ana.user.id, tokens.verify(later).issued_at)
    with pytest.raises(TokenInvalid):
        await sessions.authenticate(ana.token)
    assert (await sessions.authenticate(later)).user_id == ana.user.id


async def test_a_token_of_a_user_that_is_not_there_is_void(sessions: Sessions, secrets: Secrets) -> None:
    with pytest.raises(TokenInvalid):
        await sessions.authenticate(Tokens(secrets.jwt_key).issue("usr_nobody"))


async def test_a_forgotten_user_is_looked_up_anew(
    sessions: Sessions, database: Database, ana: SignedUp, accounts: Accounts
) -> None:
    await sessions.authenticate(ana.token)
    async with database.write() as tx:
        await tx.users.set_plan(ana.user.id, Plan.PRO)
    assert (await sessions.authenticate(ana.token)).plan is Plan.FREE
    sessions._forgetting.forget("user", ana.user.id)
    assert (await sessions.authenticate(ana.token)).plan is Plan.PRO


async def test_a_revocation_keeps_no_rows_of_tokens_that_have_expired(
    sessions: Sessions, database: Database, ana: SignedUp, tmp_path: Path
) -> None:
    async with database.write() as tx:
        await tx.tokens.add("tok_old", ana.user.created_at - timedelta(seconds=61))
        await tx.tokens.add("tok_late", ana.user.created_at - timedelta(seconds=30))
    await sessions.revoke(ana.token)
    with sqlite3.connect(tmp_path / "perpetuo.db") as connection:
        assert connection.execute("SELECT count(*) FROM revoked_tokens").fetchone() == (2,)
    connection.close()

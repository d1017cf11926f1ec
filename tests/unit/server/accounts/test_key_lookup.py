"""Who a gateway key stands for: from memory, cut off at once, and alive while the database is not."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from server.accounts.gateway_keys import KeyHasher, new_secret
from server.accounts.key_lookup import FRESH_S, STALE_S, KeyLookup
from server.accounts.keys import Keys, NewKey
from server.accounts.people import SignedUp
from server.accounts.secrets import Secrets
from server.chat.principal import Plan, Principal
from server.errors import KeyExpired, KeyInvalid, KeyMissing, KeyRevoked, PerpetuoError, StoreUnavailable
from server.storage.database import Database
from tests.unit.server.accounts.clock import Clock


@pytest.fixture
def hasher(secrets: Secrets) -> KeyHasher:
    return KeyHasher(secrets.key_pepper)


@pytest.fixture
async def lookup(database: Database, hasher: KeyHasher, clock: Clock) -> AsyncIterator[KeyLookup]:
    made = KeyLookup(database, hasher, clock)
    yield made
    await made.close()


async def test_a_key_stands_for_its_user_workspace_and_models(
    lookup: KeyLookup, database: Database, hasher: KeyHasher, ana: SignedUp
) -> None:
    created = await Keys(database, hasher, lookup).create(
        ana.workspace.id, ana.user.id, NewKey(allowed_models=("gpt-4o",))
    )
    principal = await lookup.authenticate(created.secret)
    assert principal == Principal(
        ana.user.id, ana.workspace.id, Plan.FREE, key_id=created.key.id, allowed_models=("gpt-4o",)
    )
    assert await lookup.authenticate(created.secret) is principal
    assert lookup.known(created.secret) is principal


async def test_a_key_is_known_without_a_wait_once_it_was_looked_up(lookup: KeyLookup, ana: SignedUp) -> None:
    assert [lookup.known(secret) for secret in ("", "nothing", ana.api_key)] == [None] * 3
    principal = await lookup.authenticate(ana.api_key)
    assert lookup.known(ana.api_key) is principal
    await lookup.write_uses()
    assert principal.key_id not in lookup._used_at_s
    lookup.known(ana.api_key)
    assert principal.key_id in lookup._used_at_s


@pytest.mark.parametrize(
    ("secret", "error"),
    [
        pytest.param("", KeyMissing, id="nothing"),
        pytest.param("pk_demo", KeyInvalid, id="the demo key, which nobody installed"),
        pytest.param("gw_" + "a" * 38, KeyInvalid, id="a wrong checksum"),
        pytest.param(new_secret("gw"), KeyInvalid, id="a right checksum of a key that is not there"),
        pytest.param("x" * 1_000_000, KeyInvalid, id="a megabyte"),
        pytest.param("gw_\ud83d", KeyInvalid, id="half a character"),
        pytest.param("' OR 1=1 --", KeyInvalid, id="SQL"),
    ],
)
async def test_what_is_not_a_key_opens_nothing(lookup: KeyLookup, secret: str, error: type[PerpetuoError]) -> None:
    with pytest.raises(error) as raised:
        await lookup.authenticate(secret)
    assert not secret or secret not in raised.value.message


async def test_typos_are_refused_without_the_database(lookup: KeyLookup, database: Database) -> None:
    await database.close()
    with pytest.raises(KeyInvalid):
        await lookup.authenticate(new_secret("gw")[:-1] + "!")


async def test_an_expired_key_says_so_even_from_memory(
    lookup: KeyLookup, database: Database, hasher: KeyHasher, ana: SignedUp
) -> None:
    expires_at = datetime.now(UTC) + timedelta(seconds=0.1)
    created = await Keys(database, hasher, lookup).create(ana.workspace.id, ana.user.id, NewKey(expires_at=expires_at))
    await lookup.authenticate(created.secret)
    while datetime.now(UTC) < expires_at:
        await database.check()
    assert lookup.known(created.secret) is None
    with pytest.raises(KeyExpired):
        await lookup.authenticate(created.secret)


async def test_a_revocation_elsewhere_is_seen_within_its_time(
    lookup: KeyLookup, database: Database, ana: SignedUp, clock: Clock
) -> None:
    principal = await lookup.authenticate(ana.api_key)
    assert principal.key_id is not None
    async with database.write() as tx:
        await tx.keys.set_revoked(principal.key_id, is_revoked=True)
    clock.now_s += FRESH_S - 0.1
    assert await lookup.authenticate(ana.api_key) is principal
    clock.now_s += 0.1
    assert lookup.known(ana.api_key) is None
    with pytest.raises(KeyRevoked):
        await lookup.authenticate(ana.api_key)


async def test_a_change_here_is_seen_at_once(lookup: KeyLookup, database: Database, ana: SignedUp) -> None:
    principal = await lookup.authenticate(ana.api_key)
    assert principal.key_id is not None
    async with database.write() as tx:
        await tx.users.set_plan(ana.user.id, Plan.ENTERPRISE)
        await tx.keys.set_revoked(principal.key_id, is_revoked=False)
    lookup._forgetting.forget("user", ana.user.id)
    assert (await lookup.authenticate(ana.api_key)).plan is Plan.ENTERPRISE
    async with database.write() as tx:
        await tx.keys.set_revoked(principal.key_id, is_revoked=True)
    lookup.forget_key(principal.key_id)
    assert lookup.known(ana.api_key) is None
    with pytest.raises(KeyRevoked):
        await lookup.authenticate(ana.api_key)


async def test_a_disabled_user_has_no_keys(lookup: KeyLookup, database: Database, ana: SignedUp) -> None:
    async with database.write() as tx:
        await tx.users.set_disabled(ana.user.id, is_disabled=True)
    for _ in range(2):
        with pytest.raises(KeyRevoked):
            await lookup.authenticate(ana.api_key)
        assert lookup.known(ana.api_key) is None


async def test_keys_in_use_stay_good_while_the_database_is_away(
    lookup: KeyLookup, database: Database, ana: SignedUp, clock: Clock
) -> None:
    principal = await lookup.authenticate(ana.api_key)
    await lookup.write_uses()
    await database.close()
    clock.now_s += FRESH_S + STALE_S - 1
    assert await lookup.authenticate(ana.api_key) is principal
    clock.now_s += 1
    with pytest.raises(StoreUnavailable):
        await lookup.authenticate(ana.api_key)


async def test_a_hundred_first_calls_ask_the_database_once(lookup: KeyLookup, ana: SignedUp) -> None:
    principals = await asyncio.gather(*(lookup.authenticate(ana.api_key) for _ in range(100)))
    assert len({id(principal) for principal in principals}) == 1


async def test_uses_are_written_together_and_not_lost_when_the_database_is_away(
    lookup: KeyLookup, database: Database, ana: SignedUp, tmp_path: Path
) -> None:
    before = datetime.now(UTC)
    principal = await lookup.authenticate(ana.api_key)
    assert principal.key_id is not None
    other = sqlite3.connect(tmp_path / "perpetuo.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreUnavailable):
        await lookup.write_uses()
    other.close()
    await lookup.write_uses()
    async with database.read() as tx:
        key = await tx.keys.get(ana.workspace.id, principal.key_id)
    assert key is not None
    assert key.last_used_at is not None
    assert before <= key.last_used_at <= datetime.now(UTC)


async def test_closing_writes_the_last_uses(database: Database, hasher: KeyHasher, ana: SignedUp) -> None:
    lookup = KeyLookup(database, hasher)
    principal = await lookup.authenticate(ana.api_key)
    await lookup.close()
    async with database.read() as tx:
        key = await tx.keys.get(ana.workspace.id, principal.key_id or "")
    assert key is not None
    assert key.last_used_at is not None


async def test_closing_without_a_database_loses_the_last_uses_and_says_so(
    database: Database, hasher: KeyHasher, ana: SignedUp, caplog: pytest.LogCaptureFixture
) -> None:
    lookup = KeyLookup(database, hasher)
    await lookup.authenticate(ana.api_key)
    await database.close()
    await lookup.close()
    assert "last use of 1 gateway keys were not written" in caplog.text

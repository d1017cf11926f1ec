"""Gateway keys as their owners see them."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from server.accounts.gateway_keys import KeyHasher
from server.accounts.key_lookup import KeyLookup
from server.accounts.keys import Keys, NewKey
from server.accounts.people import NewUser, SignedUp
from server.accounts.secrets import Secrets
from server.accounts.service import Accounts
from server.errors import Conflict, KeyInvalid, KeyRevoked, RequestInvalid, ResourceNotFound
from server.storage.database import Database


@pytest.fixture
async def lookup(database: Database, secrets: Secrets) -> AsyncIterator[KeyLookup]:
    made = KeyLookup(database, KeyHasher(secrets.key_pepper))
    yield made
    await made.close()


@pytest.fixture
def keys(database: Database, secrets: Secrets, lookup: KeyLookup) -> Keys:
    return Keys(database, KeyHasher(secrets.key_pepper), lookup)


async def test_a_new_key_opens_calls_and_is_shown_in_full_once(keys: Keys, lookup: KeyLookup, ana: SignedUp) -> None:
    new = NewKey(" Production ", datetime.now(UTC) + timedelta(days=1), ("gpt-4o", "gpt-4o"), "gw")
    created = await keys.create(ana.workspace.id, ana.user.id, new)
    assert created.secret.startswith("gw_")
    assert created.key.prefix == created.secret[:8] + "..."
    assert (created.key.name, created.key.allowed_models) == ("Production", ("gpt-4o",))
    assert (await lookup.authenticate(created.secret)).key_id == created.key.id
    listed = await keys.of_workspace(ana.workspace.id)
    assert [key.name for key in listed] == ["Production", "Default key"]
    assert created.secret not in repr(listed) + repr(created)


@pytest.mark.parametrize(
    ("new", "param"),
    [
        pytest.param(NewKey("x" * 201), "name", id="a name that is too long"),
        pytest.param(NewKey("a\x00"), "name", id="a name with a NUL"),
        pytest.param(NewKey(expires_at=datetime(2020, 1, 1, tzinfo=UTC)), "expires_at", id="an end in the past"),
        pytest.param(NewKey(allowed_models=("m",) * 201), "allowed_models", id="too many models"),
        pytest.param(NewKey(allowed_models=("m", "")), "allowed_models[1]", id="an empty model"),
    ],
)
async def test_a_bad_parameter_is_named(keys: Keys, ana: SignedUp, new: NewKey, param: str) -> None:
    with pytest.raises(RequestInvalid) as raised:
        await keys.create(ana.workspace.id, ana.user.id, new)
    assert raised.value.param == param


async def test_a_revoked_key_is_gone_at_once_and_only_once(keys: Keys, lookup: KeyLookup, ana: SignedUp) -> None:
    created = await keys.create(ana.workspace.id, ana.user.id, NewKey())
    await lookup.authenticate(created.secret)
    await keys.revoke(ana.workspace.id, created.key.id)
    with pytest.raises(KeyRevoked):
        await lookup.authenticate(created.secret)
    assert created.key.id not in {key.id for key in await keys.of_workspace(ana.workspace.id)}
    with pytest.raises(ResourceNotFound):
        await keys.revoke(ana.workspace.id, created.key.id)


async def test_absent_foreign_and_malformed_keys_look_the_same(keys: Keys, accounts: Accounts, ana: SignedUp) -> None:
    bob = await accounts.sign_up("bob@example.com", "secure123")
    foreign = (await keys.of_workspace(bob.workspace.id))[0]
    messages = set()
    for key_id in (foreign.id, "key_nobody", "key_\x00", "", "x" * 1_000_000, "prov_1"):
        with pytest.raises(ResourceNotFound) as raised:
            await keys.revoke(ana.workspace.id, key_id)
        messages.add((raised.value.message, raised.value.param))
    assert len(messages) == 1
    assert len(await keys.of_workspace(bob.workspace.id)) == 1


async def test_the_demo_key_opens_calls_where_it_is_installed_and_nowhere_else(
    keys: Keys, lookup: KeyLookup, database: Database, secrets: Secrets, ana: SignedUp
) -> None:
    with pytest.raises(KeyInvalid):
        await lookup.authenticate("pk_demo")
    installed = await keys.install_demo_key(ana.workspace.id, ana.user.id)
    assert (await lookup.authenticate("pk_demo")).key_id == installed.id
    for similar in ("pk_demo ", "pk_Demo", "pk_demo2"):
        with pytest.raises(KeyInvalid):
            await lookup.authenticate(similar)
    restarted = KeyLookup(database, KeyHasher(secrets.key_pepper))
    with pytest.raises(KeyInvalid):
        await restarted.authenticate("pk_demo")
    await restarted.close()


async def test_the_demo_key_is_found_again_on_later_starts_even_if_it_was_revoked(
    keys: Keys, lookup: KeyLookup, ana: SignedUp, tmp_path: Path
) -> None:
    installed = await keys.install_demo_key(ana.workspace.id, ana.user.id)
    await keys.revoke(ana.workspace.id, installed.id)
    assert (await keys.install_demo_key(ana.workspace.id, ana.user.id)).id == installed.id
    assert (await lookup.authenticate("pk_demo")).key_id == installed.id


async def test_the_demo_key_is_not_taken_from_another_workspace(keys: Keys, accounts: Accounts, ana: SignedUp) -> None:
    bob = await accounts.create_user(NewUser("bob@example.com", "secure123"))
    await keys.install_demo_key(ana.workspace.id, ana.user.id)
    with pytest.raises(Conflict):
        await keys.install_demo_key(bob.workspace.id, bob.user.id)

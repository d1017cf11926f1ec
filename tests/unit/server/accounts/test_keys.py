"""Gateway keys as their owners see them."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from server.accounts.gateway_keys import KeyHasher
from server.accounts.key_lookup import KeyLookup
from server.accounts.keys import MAX_GRACE_S, KeyChanges, Keys, NewKey, Rotation
from server.accounts.people import NewUser, SignedUp
from server.accounts.secrets import Secrets
from server.accounts.service import Accounts
from server.chat.principal import KeyLimits
from server.errors import Conflict, KeyInvalid, KeyRevoked, PermissionDenied, RequestInvalid, ResourceNotFound
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


async def test_a_change_changes_what_it_names_and_counts_at_once(keys: Keys, lookup: KeyLookup, ana: SignedUp) -> None:
    created = await keys.create(ana.workspace.id, ana.user.id, NewKey("CI", limits=KeyLimits(5, 6, 7, 8)))
    await lookup.authenticate(created.secret)
    soon = datetime.now(UTC) + timedelta(days=1)
    changes: KeyChanges = {"allowed_models": ("gpt-4o",), "expires_at": soon, "tokens_per_day": None}
    changed = await keys.change(ana.workspace.id, created.key.id, changes)
    assert changed == replace(created.key, allowed_models=("gpt-4o",), expires_at=soon, tokens_per_day=None)
    assert (await lookup.authenticate(created.secret)).allowed_models == ("gpt-4o",)
    cleared = await keys.change(ana.workspace.id, created.key.id, {"expires_at": None, "name": " x "})
    assert (cleared.expires_at, cleared.name, cleared.requests_per_minute) == (None, "x", 5)
    assert cleared in await keys.of_workspace(ana.workspace.id)


@pytest.mark.parametrize(
    ("changes", "param"),
    [
        pytest.param({"name": "a\nb"}, "name", id="a name of two lines"),
        pytest.param({"expires_at": datetime(2020, 1, 1, tzinfo=UTC)}, "expires_at", id="an expiry in the past"),
        pytest.param({"allowed_models": ("",)}, "allowed_models[0]", id="an empty model"),
        pytest.param({"requests_per_minute": 0}, "requests_per_minute", id="a limit of nothing"),
        pytest.param({"requests_per_day": -1}, "requests_per_day", id="a limit below nothing"),
        pytest.param({"tokens_per_minute": 10**13}, "tokens_per_minute", id="a limit beyond counting"),
    ],
)
async def test_a_bad_change_names_the_parameter_and_changes_nothing(
    keys: Keys, ana: SignedUp, changes: KeyChanges, param: str
) -> None:
    created = await keys.create(ana.workspace.id, ana.user.id, NewKey("CI"))
    with pytest.raises(RequestInvalid) as raised:
        await keys.change(ana.workspace.id, created.key.id, changes)
    assert raised.value.param == param
    assert created.key in await keys.of_workspace(ana.workspace.id)


async def test_a_rotated_key_opens_calls_until_its_grace_ends(keys: Keys, lookup: KeyLookup, ana: SignedUp) -> None:
    old = await keys.create(ana.workspace.id, ana.user.id, NewKey("CI", None, ("m",), "gw", KeyLimits(5)))
    new = await keys.rotate(ana.workspace.id, old.key.id, Rotation(ana.user.id, 3600))
    assert new.secret.startswith("gw_")
    assert new.secret != old.secret
    kept = ("name", "allowed_models", "requests_per_minute", "expires_at")
    assert [getattr(new.key, name) for name in kept] == [getattr(old.key, name) for name in kept]
    for secret in (old.secret, new.secret):
        assert (await lookup.authenticate(secret)).allowed_models == ("m",)
    listed = {key.id: key for key in await keys.of_workspace(ana.workspace.id)}
    assert listed[old.key.id].replaced_by == new.key.id
    assert listed[old.key.id].expires_at == new.key.created_at + timedelta(seconds=3600)
    with pytest.raises(Conflict):
        await keys.rotate(ana.workspace.id, old.key.id, Rotation(ana.user.id, 0))
    await keys.rotate(ana.workspace.id, new.key.id, Rotation(ana.user.id, 0))
    with pytest.raises(KeyRevoked):
        await lookup.authenticate(new.secret)


async def test_a_grace_never_makes_a_key_live_longer(keys: Keys, ana: SignedUp) -> None:
    soon = datetime.now(UTC) + timedelta(minutes=5)
    old = await keys.create(ana.workspace.id, ana.user.id, NewKey("CI", soon))
    new = await keys.rotate(ana.workspace.id, old.key.id, Rotation(ana.user.id, MAX_GRACE_S))
    listed = {key.id: key for key in await keys.of_workspace(ana.workspace.id)}
    assert listed[old.key.id].expires_at == listed[new.key.id].expires_at == soon


@pytest.mark.parametrize("grace_s", [-1, MAX_GRACE_S + 1])
async def test_a_grace_out_of_bounds_is_refused(keys: Keys, ana: SignedUp, grace_s: int) -> None:
    created = await keys.create(ana.workspace.id, ana.user.id, NewKey())
    with pytest.raises(RequestInvalid) as raised:
        await keys.rotate(ana.workspace.id, created.key.id, Rotation(ana.user.id, grace_s))
    assert raised.value.param == "grace_seconds"


async def test_of_two_rotations_at_once_one_wins(keys: Keys, ana: SignedUp) -> None:
    created = await keys.create(ana.workspace.id, ana.user.id, NewKey())
    rotation = Rotation(ana.user.id, 60)
    outcomes = await asyncio.gather(
        *(keys.rotate(ana.workspace.id, created.key.id, rotation) for _ in range(5)), return_exceptions=True
    )
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["Conflict"] * 4 + ["CreatedKey"]


async def test_a_mere_member_touches_its_own_keys_alone(keys: Keys, ana: SignedUp) -> None:
    created = await keys.create(ana.workspace.id, ana.user.id, NewKey())
    for attempt in (
        keys.change(ana.workspace.id, created.key.id, {"name": "mine"}, "usr_other"),
        keys.rotate(ana.workspace.id, created.key.id, Rotation("usr_other", 0, "usr_other")),
        keys.revoke(ana.workspace.id, created.key.id, "usr_other"),
    ):
        with pytest.raises(PermissionDenied):
            await attempt
    assert created.key in await keys.of_workspace(ana.workspace.id)
    await keys.revoke(ana.workspace.id, created.key.id, ana.user.id)


async def test_a_workspace_has_so_many_keys_and_no_more(
    keys: Keys, ana: SignedUp, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("server.accounts.keys.MAX_KEYS", 2)
    created = await keys.create(ana.workspace.id, ana.user.id, NewKey())
    with pytest.raises(Conflict):
        await keys.create(ana.workspace.id, ana.user.id, NewKey())
    with pytest.raises(Conflict):
        await keys.rotate(ana.workspace.id, created.key.id, Rotation(ana.user.id, 60))

"""What an older master key sealed is sealed anew, once, and never in the place of something newer."""

import asyncio

import pytest

from server.accounts.people import SignedUp
from server.accounts.pepper import NAME, kept_pepper
from server.accounts.providers import NewProvider, ProviderEntries
from server.accounts.rewrap import Rewrap
from server.accounts.vault import Vault, WrongKeyError
from server.errors import StoreUnavailable
from server.providers.registry import PROVIDERS
from server.storage.database import Database

OLD, NEW = Vault(b"1" * 32), Vault(b"2" * 32, older=[b"1" * 32])
ONLY_NEW = Vault(b"2" * 32)


def entries_with(database: Database, vault: Vault) -> ProviderEntries:
    return ProviderEntries(database, vault, PROVIDERS, lambda url: url)


async def test_everything_is_under_the_new_key_in_the_end(database: Database, ana: SignedUp) -> None:
    await kept_pepper(database, OLD, b"p" * 32)
    old = entries_with(database, OLD)
    keys = [f"sk-canary-{number:010}" for number in range(25)]
    for key in keys:
        await old.add(ana.workspace.id, NewProvider("openai", key))
    done = await Rewrap(database, NEW, batch=10, pause_s=0).run()
    assert (done.anew, done.current, done.broken) == (26, 0, 0)
    done = await Rewrap(database, NEW, batch=10, pause_s=0).run()
    assert (done.anew, done.current, done.broken) == (0, 26, 0)
    found = await entries_with(database, ONLY_NEW).deployments(ana.workspace.id)
    assert sorted(deployment.api_key for deployment in found) == keys
    assert await kept_pepper(database, ONLY_NEW, b"x" * 32) == b"p" * 32
    with pytest.raises(WrongKeyError):
        await kept_pepper(database, OLD, b"x" * 32)


async def test_what_cannot_be_opened_is_left_as_it_is(database: Database, ana: SignedUp) -> None:
    foreign = entries_with(database, Vault(b"3" * 32))
    entry = await foreign.add(ana.workspace.id, NewProvider("openai", "sk-canary-0123456789"))
    await entries_with(database, OLD).add(ana.workspace.id, NewProvider("openai", "sk-canary-9876543210"))
    done = await Rewrap(database, NEW, pause_s=0).run()
    assert (done.anew, done.current, done.broken) == (1, 0, 1)
    async with database.read() as tx:
        kept = await tx.providers.get(ana.workspace.id, entry.id)
    assert kept == entry or (kept is not None and kept.sealed_api_key == entry.sealed_api_key)


async def test_a_change_in_between_stays(database: Database, ana: SignedUp) -> None:
    old = entries_with(database, OLD)
    entry = await old.add(ana.workspace.id, NewProvider("openai", "sk-canary-0123456789"))
    async with database.write() as tx:
        assert not await tx.providers.reseal(entry.id, b"what was read before", b"anew")
    new = entries_with(database, NEW)
    changes = [new.change(ana.workspace.id, entry.id, {"api_key": f"sk-canary-{n:010}"}) for n in range(5)]
    await asyncio.gather(Rewrap(database, NEW, pause_s=0).run(), *changes)
    [deployment] = await entries_with(database, ONLY_NEW).deployments(ana.workspace.id)
    assert deployment.api_key == "sk-canary-0000000004"


async def test_it_waits_while_the_database_is_away(
    database: Database, ana: SignedUp, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("server.accounts.rewrap._RETRY_S", 0)
    await kept_pepper(database, OLD, b"p" * 32)
    write, failures = database.write, [StoreUnavailable("away"), StoreUnavailable("away")]

    def flaky() -> object:
        if failures:
            raise failures.pop()
        return write()

    monkeypatch.setattr(database, "write", flaky)
    assert (await Rewrap(database, NEW, pause_s=0).run()).anew == 1
    assert failures == []
    async with database.read() as tx:
        sealed = await tx.sealed.get(NAME)
    assert sealed is not None
    assert NEW.is_current(sealed)
    assert not OLD.is_current(sealed)

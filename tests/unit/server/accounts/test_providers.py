"""Provider entries: sealed at rest, never shown, and turned into deployments in order."""

import asyncio
import sqlite3
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from server.accounts.people import SignedUp
from server.accounts.providers import FRESH_S, STALE_S, NewProvider, ProviderChanges, ProviderEntries
from server.accounts.secrets import Secrets
from server.accounts.service import Accounts
from server.accounts.vault import Vault, WrongKeyError
from server.chat.deployment import Deployment
from server.errors import BaseUrlRefused, Conflict, PerpetuoError, RequestInvalid, ResourceNotFound, StoreUnavailable
from server.providers.registry import PROVIDERS
from server.storage.database import Database
from server.upstream.egress import check_base_url
from tests.unit.server.accounts.clock import Clock

API_KEY = "sk-canary-0123456789-wxyz"
MakeEntries = Callable[[bytes], ProviderEntries]


@pytest.fixture
def make(database: Database, clock: Clock) -> MakeEntries:
    guard = partial(check_base_url, allow_private=False)
    return lambda key: ProviderEntries(database, Vault(key), PROVIDERS, guard, clock)


@pytest.fixture
def entries(make: MakeEntries, secrets: Secrets) -> ProviderEntries:
    return make(secrets.vault_key)


def _everything_in(directory: Path) -> bytes:
    return b"".join(file.read_bytes() for file in directory.glob("perpetuo.db*"))


async def test_an_entry_becomes_a_deployment_with_its_key_in_clear(entries: ProviderEntries, ana: SignedUp) -> None:
    new = NewProvider(" OpenAI ", f" {API_KEY}\n", 3, "https://API.example.com/v1/", ("gpt-4o",), 7, "Main")
    entry = await entries.add(ana.workspace.id, new)
    assert (entry.provider, entry.masked_key, entry.name) == ("openai", "sk-...wxyz", "Main")
    assert await entries.of_workspace(ana.workspace.id) == (entry,)
    assert await entries.deployments(ana.workspace.id) == (
        Deployment(
            provider_id=entry.id,
            workspace_id=ana.workspace.id,
            provider="openai",
            base_url="https://api.example.com/v1",
            api_key=API_KEY,
            priority=3,
            weight=7,
            models=("gpt-4o",),
        ),
    )


async def test_an_api_key_is_nowhere_in_the_files_and_in_no_repr(
    entries: ProviderEntries, ana: SignedUp, tmp_path: Path
) -> None:
    new = NewProvider("openai", API_KEY)
    entry = await entries.add(ana.workspace.id, new)
    deployments = await entries.deployments(ana.workspace.id)
    assert API_KEY not in repr((new, entry, deployments))
    kept = _everything_in(tmp_path)
    assert entry.id.encode() in kept
    assert API_KEY.encode() not in kept
    assert b"canary" not in kept


async def test_an_entry_without_an_address_is_called_at_the_provider_s(entries: ProviderEntries, ana: SignedUp) -> None:
    entry = await entries.add(ana.workspace.id, NewProvider("groq", API_KEY))
    assert entry.base_url == "https://api.groq.com/openai/v1"
    assert [found.base_url for found in await entries.deployments(ana.workspace.id)] == [entry.base_url]


async def test_a_built_in_provider_needs_neither_key_nor_address(entries: ProviderEntries, ana: SignedUp) -> None:
    entry = await entries.add(ana.workspace.id, NewProvider("demo"))
    assert entry.masked_key == ""
    assert [found.api_key for found in await entries.deployments(ana.workspace.id)] == [""]


async def test_a_server_of_one_s_own_needs_an_address_and_no_key(entries: ProviderEntries, ana: SignedUp) -> None:
    entry = await entries.add(ana.workspace.id, NewProvider("vllm", base_url="https://llm.example.com/v1"))
    assert entry.base_url == "https://llm.example.com/v1"


@pytest.mark.parametrize(
    ("new", "error", "param"),
    [
        pytest.param(NewProvider("bedrock", API_KEY), RequestInvalid, "base_url", id="no address where one is needed"),
        pytest.param(
            NewProvider("bedrock", "access_key_id=AKIA", base_url="https://bedrock-runtime.eu-west-1.amazonaws.com"),
            RequestInvalid,
            "api_key",
            id="half a credential",
        ),
        pytest.param(NewProvider("nobody", API_KEY), RequestInvalid, "provider", id="an unknown provider"),
        pytest.param(NewProvider("", API_KEY), RequestInvalid, "provider", id="no provider"),
        pytest.param(NewProvider("openai"), RequestInvalid, "api_key", id="no key"),
        pytest.param(NewProvider("openai", "  "), RequestInvalid, "api_key", id="white space for a key"),
        pytest.param(NewProvider("openai", "k" * 4097), RequestInvalid, "api_key", id="a key that is too long"),
        pytest.param(
            NewProvider("openai", "canary\r\nX: y"), RequestInvalid, "api_key", id="a key with a header in it"
        ),
        pytest.param(NewProvider("openai", "canaryé"), RequestInvalid, "api_key", id="a key beyond ASCII"),
        pytest.param(NewProvider("openai", API_KEY, 0), RequestInvalid, "priority", id="priority 0"),
        pytest.param(NewProvider("openai", API_KEY, 1001), RequestInvalid, "priority", id="priority 1,001"),
        pytest.param(NewProvider("openai", API_KEY, weight=0), RequestInvalid, "weight", id="weight 0"),
        pytest.param(NewProvider("openai", API_KEY, models=("",)), RequestInvalid, "models[0]", id="an empty model"),
        pytest.param(NewProvider("openai", API_KEY, name="a\nb"), RequestInvalid, "name", id="a name of two lines"),
        pytest.param(NewProvider("vllm"), RequestInvalid, "base_url", id="no address where there is no default"),
        pytest.param(
            NewProvider("demo", base_url="https://a.example"), RequestInvalid, "base_url", id="built in, moved"
        ),
        pytest.param(
            NewProvider("openai", API_KEY, base_url="https://127.0.0.1/"), BaseUrlRefused, None, id="an address inside"
        ),
        pytest.param(NewProvider("ollama"), BaseUrlRefused, None, id="a default address inside"),
    ],
)
async def test_a_bad_entry_names_the_parameter_never_the_key_and_is_not_kept(
    entries: ProviderEntries, ana: SignedUp, new: NewProvider, error: type[PerpetuoError], param: str | None
) -> None:
    with pytest.raises(error) as raised:
        await entries.add(ana.workspace.id, new)
    assert param is None or raised.value.param == param
    assert "canary" not in raised.value.message
    assert await entries.of_workspace(ana.workspace.id) == ()


async def test_an_unknown_provider_is_told_the_known_ones(entries: ProviderEntries, ana: SignedUp) -> None:
    with pytest.raises(RequestInvalid, match=r"demo, fireworks,.*groq.*openai, openai-compatible"):
        await entries.add(ana.workspace.id, NewProvider("opnai", API_KEY))


async def test_an_entry_is_removed_by_id_or_by_a_name_that_is_unique(entries: ProviderEntries, ana: SignedUp) -> None:
    workspace_id = ana.workspace.id
    first = await entries.add(workspace_id, NewProvider("openai", API_KEY))
    second = await entries.add(workspace_id, NewProvider("openai", API_KEY))
    with pytest.raises(Conflict, match="2 entries"):
        await entries.remove(workspace_id, "openai")
    assert await entries.remove(workspace_id, first.id) == first.id
    assert await entries.remove(workspace_id, "OpenAI") == second.id
    for gone in (first.id, "openai", "prov_nobody", "groq", "", "\x00", "x" * 1_000_000):
        with pytest.raises(ResourceNotFound):
            await entries.remove(workspace_id, gone)


async def test_another_workspace_s_entry_is_not_there(entries: ProviderEntries, ana: SignedUp) -> None:
    entry = await entries.add(ana.workspace.id, NewProvider("openai", API_KEY))
    for name in (entry.id, "openai"):
        with pytest.raises(ResourceNotFound):
            await entries.remove("ws_other", name)
    assert await entries.deployments("ws_other") == ()


async def test_changes_here_count_at_once(entries: ProviderEntries, ana: SignedUp) -> None:
    assert await entries.deployments(ana.workspace.id) == ()
    entry = await entries.add(ana.workspace.id, NewProvider("openai", API_KEY))
    found = await entries.deployments(ana.workspace.id)
    assert len(found) == 1
    assert await entries.deployments(ana.workspace.id) is found
    await entries.remove(ana.workspace.id, entry.id)
    assert await entries.deployments(ana.workspace.id) == ()


async def test_changes_elsewhere_are_seen_within_their_time(
    entries: ProviderEntries, make: MakeEntries, secrets: Secrets, ana: SignedUp, clock: Clock
) -> None:
    await entries.deployments(ana.workspace.id)
    await make(secrets.vault_key).add(ana.workspace.id, NewProvider("openai", API_KEY))
    assert await entries.deployments(ana.workspace.id) == ()
    clock.now_s += FRESH_S
    assert len(await entries.deployments(ana.workspace.id)) == 1


async def test_deployments_in_use_outlive_the_database(
    entries: ProviderEntries, database: Database, ana: SignedUp, clock: Clock
) -> None:
    await entries.add(ana.workspace.id, NewProvider("openai", API_KEY))
    found = await entries.deployments(ana.workspace.id)
    await database.close()
    clock.now_s += FRESH_S + STALE_S - 1
    assert await entries.deployments(ana.workspace.id) == found
    clock.now_s += 1
    with pytest.raises(StoreUnavailable):
        await entries.deployments(ana.workspace.id)


async def test_deployments_come_by_priority_then_by_age(entries: ProviderEntries, ana: SignedUp) -> None:
    made = [await entries.add(ana.workspace.id, NewProvider("openai", API_KEY, priority)) for priority in (2, 1, 3, 1)]
    found = await entries.deployments(ana.workspace.id)
    assert [deployment.provider_id for deployment in found] == [made[index].id for index in (1, 3, 0, 2)]


async def test_a_broken_seal_takes_out_its_own_entry_alone(
    entries: ProviderEntries, ana: SignedUp, tmp_path: Path, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    good = await entries.add(ana.workspace.id, NewProvider("openai", API_KEY))
    bad = await entries.add(ana.workspace.id, NewProvider("openai", "sk-another-0123456789"))
    with sqlite3.connect(tmp_path / "perpetuo.db") as connection:
        connection.execute(
            "UPDATE provider_entries SET sealed_api_key = (SELECT sealed_api_key FROM provider_entries WHERE id = ?) "
            "WHERE id = ?",
            (good.id, bad.id),
        )
    connection.close()
    clock.now_s += FRESH_S
    assert [found.provider_id for found in await entries.deployments(ana.workspace.id)] == [good.id]
    assert bad.id in caplog.text
    assert "canary" not in caplog.text
    await entries.check_vault()


async def test_an_entry_of_a_provider_that_was_dropped_does_not_serve(
    entries: ProviderEntries, ana: SignedUp, tmp_path: Path, clock: Clock
) -> None:
    await entries.add(ana.workspace.id, NewProvider("openai", API_KEY))
    with sqlite3.connect(tmp_path / "perpetuo.db") as connection:
        connection.execute("UPDATE provider_entries SET provider = 'dropped'")
    connection.close()
    clock.now_s += FRESH_S
    assert await entries.deployments(ana.workspace.id) == ()
    assert [entry.provider for entry in await entries.of_workspace(ana.workspace.id)] == ["dropped"]


async def test_a_start_with_another_master_key_is_refused(
    entries: ProviderEntries, make: MakeEntries, ana: SignedUp
) -> None:
    other = make(bytes(32))
    await other.check_vault()
    await entries.add(ana.workspace.id, NewProvider("openai", API_KEY))
    await entries.check_vault()
    with pytest.raises(WrongKeyError, match="PERPETUO_MASTER_KEY"):
        await other.check_vault()
    await other.add(ana.workspace.id, NewProvider("openai", API_KEY))
    await other.check_vault()


async def test_a_flag_is_written_once_a_minute_and_taken_away_by_a_check(
    entries: ProviderEntries, ana: SignedUp, tmp_path: Path, clock: Clock
) -> None:
    entry = await entries.add(ana.workspace.id, NewProvider("openai", API_KEY))

    async def flags() -> list[str | None]:
        return [found.flagged_reason for found in await entries.of_workspace(ana.workspace.id)]

    await asyncio.gather(*(entries.flag(entry.id, "UPSTREAM_AUTH") for _ in range(10)))
    assert await flags() == ["UPSTREAM_AUTH"]
    await entries.mark_verified(entry.id)
    assert await flags() == [None]
    await entries.flag(entry.id, "UPSTREAM_AUTH")
    assert await flags() == ["UPSTREAM_AUTH"]
    clock.now_s += 1
    with sqlite3.connect(tmp_path / "perpetuo.db") as connection:
        connection.execute("UPDATE provider_entries SET flagged_reason = NULL")
    connection.close()
    await entries.flag(entry.id, "UPSTREAM_AUTH")
    assert await flags() == [None]
    clock.now_s += 60
    await entries.flag(entry.id, "UPSTREAM_AUTH")
    assert await flags() == ["UPSTREAM_AUTH"]


async def test_a_change_changes_what_it_names_and_counts_at_once(entries: ProviderEntries, ana: SignedUp) -> None:
    entry = await entries.add(ana.workspace.id, NewProvider("openai", API_KEY, 3, "https://api.example.com/v1"))
    await entries.deployments(ana.workspace.id)
    changes: ProviderChanges = {"priority": 1, "weight": 9, "models": ("m",), "name": "Main"}
    changed = await entries.change(ana.workspace.id, entry.id, changes)
    assert changed == replace(entry, priority=1, weight=9, models=("m",), name="Main")
    assert await entries.of_workspace(ana.workspace.id) == (changed,)
    [deployment] = await entries.deployments(ana.workspace.id)
    assert (deployment.priority, deployment.weight, deployment.models, deployment.api_key) == (1, 9, ("m",), API_KEY)
    assert await entries.change(ana.workspace.id, entry.id, {}) == changed
    await entries.change(ana.workspace.id, entry.id, {"is_enabled": False})
    assert await entries.deployments(ana.workspace.id) == ()


async def test_another_address_demands_the_key_again(entries: ProviderEntries, ana: SignedUp) -> None:
    entry = await entries.add(ana.workspace.id, NewProvider("openai", API_KEY, base_url="https://api.example.com/v1"))
    for base_url in ("https://evil.example/v1", "https://api.example.com/v2", "https://api.example.com:8443/v1", ""):
        with pytest.raises(RequestInvalid) as raised:
            await entries.change(ana.workspace.id, entry.id, {"base_url": base_url, "name": "moved"})
        assert raised.value.param == "api_key"
    same: ProviderChanges = {"base_url": "HTTPS://API.example.com:443/v1/", "name": "the same in other words"}
    assert (await entries.change(ana.workspace.id, entry.id, same)).base_url == entry.base_url
    both: ProviderChanges = {"base_url": "https://other.example/v1", "api_key": "sk-another-0123456789"}
    moved = await entries.change(ana.workspace.id, entry.id, both)
    assert (moved.base_url, moved.masked_key) == ("https://other.example/v1", "sk-...6789")
    [deployment] = await entries.deployments(ana.workspace.id)
    assert (deployment.base_url, deployment.api_key) == ("https://other.example/v1", "sk-another-0123456789")


async def test_an_entry_without_a_key_moves_freely(entries: ProviderEntries, ana: SignedUp) -> None:
    entry = await entries.add(ana.workspace.id, NewProvider("openai-compatible", "", base_url="https://a.example/v1"))
    moved = await entries.change(ana.workspace.id, entry.id, {"base_url": "https://b.example/v1"})
    assert moved.base_url == "https://b.example/v1"


async def test_another_key_takes_flag_and_check_away(entries: ProviderEntries, ana: SignedUp) -> None:
    entry = await entries.add(ana.workspace.id, NewProvider("openai", API_KEY))
    await entries.mark_verified(entry.id)
    await entries.flag(entry.id, "UPSTREAM_AUTH")
    changed = await entries.change(ana.workspace.id, entry.id, {"api_key": "sk-another-0123456789"})
    assert (changed.flagged_reason, changed.last_verified_at) == (None, None)
    assert (await entries.get(ana.workspace.id, entry.id)).flagged_reason is None


@pytest.mark.parametrize(
    ("changes", "error", "param"),
    [
        pytest.param({"priority": 0}, RequestInvalid, "priority", id="a priority of zero"),
        pytest.param({"weight": 1001}, RequestInvalid, "weight", id="a weight out of bounds"),
        pytest.param({"models": ("a", "")}, RequestInvalid, "models[1]", id="an empty model"),
        pytest.param({"name": "a\nb"}, RequestInvalid, "name", id="a name of two lines"),
        pytest.param({"api_key": ""}, RequestInvalid, "api_key", id="no key where one is needed"),
        pytest.param({"api_key": "a b"}, RequestInvalid, "api_key", id="a key with a blank"),
        pytest.param(
            {"base_url": "http://169.254.169.254/", "api_key": API_KEY}, BaseUrlRefused, "base_url", id="metadata"
        ),
    ],
)
async def test_a_bad_change_names_the_parameter_and_changes_nothing(
    entries: ProviderEntries, ana: SignedUp, changes: ProviderChanges, error: type[PerpetuoError], param: str
) -> None:
    entry = await entries.add(ana.workspace.id, NewProvider("openai", API_KEY))
    with pytest.raises(error) as raised:
        await entries.change(ana.workspace.id, entry.id, changes)
    assert raised.value.param == param
    assert API_KEY not in raised.value.message
    assert await entries.of_workspace(ana.workspace.id) == (entry,)


async def test_a_foreign_entry_cannot_be_changed_or_read(
    entries: ProviderEntries, accounts: Accounts, ana: SignedUp
) -> None:
    bob = await accounts.sign_up("bob@example.com", "secure123")
    entry = await entries.add(bob.workspace.id, NewProvider("openai", API_KEY))
    messages = set()
    for entry_id in (entry.id, "prov_nobody", "prov_\x00", "", "openai", "x" * 1_000_000):
        with pytest.raises(ResourceNotFound) as raised:
            await entries.change(ana.workspace.id, entry_id, {"name": "mine"})
        messages.add((raised.value.message, raised.value.param))
    assert len(messages) == 1
    with pytest.raises(ResourceNotFound):
        await entries.get(ana.workspace.id, entry.id)


@pytest.mark.parametrize(
    ("reason", "flag"), [("UPSTREAM_AUTH", "UPSTREAM_AUTH"), ("UPSTREAM_TIMEOUT", None), (None, None)]
)
async def test_a_check_is_noted(entries: ProviderEntries, ana: SignedUp, reason: str | None, flag: str | None) -> None:
    entry = await entries.add(ana.workspace.id, NewProvider("openai", API_KEY))
    asked: list[Deployment] = []

    async def check(deployment: Deployment) -> str | None:
        asked.append(deployment)
        return reason

    assert await entries.verify(entry, check) == reason
    assert [(each.api_key, each.base_url) for each in asked] == [(API_KEY, "https://api.openai.com/v1")]
    kept = await entries.get(ana.workspace.id, entry.id)
    assert (kept.last_verified_at is not None, kept.flagged_reason) == (reason is None, flag)


async def test_a_workspace_has_so_many_entries_and_no_more(
    entries: ProviderEntries, ana: SignedUp, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("server.accounts.providers.MAX_ENTRIES", 1)
    await entries.add(ana.workspace.id, NewProvider("demo"))
    with pytest.raises(Conflict):
        await entries.add(ana.workspace.id, NewProvider("demo"))
    entries.forget_workspace(ana.workspace.id)

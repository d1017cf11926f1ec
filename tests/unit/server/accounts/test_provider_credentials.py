"""Credentials of provider entries: what is checked of those that are more than a key, what is shown, what they need."""

from functools import partial

import pytest
from msgspec.structs import replace

from server.accounts.people import SignedUp
from server.accounts.providers import NewProvider, ProviderChanges, ProviderEntries
from server.accounts.secrets import Secrets
from server.accounts.vault import Vault
from server.chat.deployment import Deployment
from server.errors import RequestInvalid
from server.providers.late import LateDialect
from server.providers.openai import OpenAiDialect
from server.providers.provider import Provider
from server.providers.registry import PROVIDERS
from server.storage.database import Database
from server.upstream.egress import check_base_url
from tests.unit.server.accounts.clock import Clock


@pytest.fixture
def entries(database: Database, clock: Clock, secrets: Secrets) -> ProviderEntries:
    guard = partial(check_base_url, allow_private=False)
    return ProviderEntries(database, Vault(secrets.vault_key), PROVIDERS, guard, clock)


BEDROCK = "https://bedrock-runtime.eu-west-1.amazonaws.com"
PAIR = "access_key_id=AKIAIOSFODNN7EXAMPLE;secret_access_key=wJalr-canary-secret"


async def test_of_a_credential_of_several_members_only_what_is_no_secret_is_shown(
    entries: ProviderEntries, ana: SignedUp
) -> None:
    entry = await entries.add(ana.workspace.id, NewProvider("bedrock", PAIR, base_url=BEDROCK))
    assert entry.masked_key == "AKI...MPLE"
    (deployment,) = await entries.deployments(ana.workspace.id)
    assert deployment.api_key == PAIR


async def test_a_changed_credential_is_checked_against_the_address_that_it_is_for(
    entries: ProviderEntries, ana: SignedUp
) -> None:
    entry = await entries.add(ana.workspace.id, NewProvider("bedrock", PAIR, base_url=BEDROCK))
    with pytest.raises(RequestInvalid, match="region") as caught:
        changes = ProviderChanges(base_url="https://proxy.example.com", api_key=PAIR)
        await entries.change(ana.workspace.id, entry.id, changes)
    assert caught.value.param == "api_key"
    assert "wJalr" not in caught.value.message
    changes = ProviderChanges(base_url="https://proxy.example.com", api_key=f"{PAIR};region=eu-west-1")
    assert (await entries.change(ana.workspace.id, entry.id, changes)).base_url == "https://proxy.example.com"


async def test_who_must_name_an_address_is_told_how_it_is_written(entries: ProviderEntries, ana: SignedUp) -> None:
    with pytest.raises(RequestInvalid, match=r"as https://bedrock-runtime\.REGION\.amazonaws\.com"):
        await entries.add(ana.workspace.id, NewProvider("bedrock", PAIR))


async def test_what_an_entry_needs_is_imported_before_its_requests_come(
    database: Database, secrets: Secrets, ana: SignedUp
) -> None:
    def started() -> tuple[Provider, ProviderEntries]:
        row = replace(PROVIDERS["openai"], dialect=LateDialect(OpenAiDialect), natives={})
        assert not row.is_ready
        return row, ProviderEntries(database, Vault(secrets.vault_key), {"openai": row}, lambda url: url)

    async def accepts(deployment: Deployment) -> None:
        assert row.is_ready

    row, entries = started()
    entry = await entries.add(ana.workspace.id, NewProvider("openai", "sk-canary-0123456789-wxyz"))
    assert row.is_ready
    row, entries = started()
    assert await entries.deployments(ana.workspace.id)
    assert row.is_ready
    row, entries = started()
    assert await entries.verify(entry, accepts) is None

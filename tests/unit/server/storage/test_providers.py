"""Provider entries are listed by priority and age, and belong to one workspace."""

from dataclasses import replace
from datetime import UTC, datetime

from server.storage.database import Database
from server.storage.providers import ProviderEntry

NOW = datetime(2026, 1, 11, tzinfo=UTC)
ENTRY = ProviderEntry(
    "prov_1", "ws_1", "openai", "", b"sealed", "sk-...abcd", "https://api.openai.com/v1", 2, 1, ("gpt-4o",), True, NOW
)


async def test_entries_come_by_priority_then_by_age(peopled: Database) -> None:
    entries = [ENTRY, replace(ENTRY, id="prov_2", priority=1), replace(ENTRY, id="prov_3", priority=1)]
    async with peopled.write() as tx:
        for entry in entries:
            await tx.providers.add(entry)
        assert [entry.id for entry in await tx.providers.of_workspace("ws_1")] == ["prov_2", "prov_3", "prov_1"]
        assert await tx.providers.of_workspace("ws_2") == ()
        assert [entry.id for entry in await tx.providers.newest(2)] == ["prov_3", "prov_2"]


async def test_an_entry_is_removed_by_its_own_workspace_alone(peopled: Database) -> None:
    async with peopled.write() as tx:
        await tx.providers.add(ENTRY)
        assert not await tx.providers.remove("ws_2", "prov_1")
        assert await tx.providers.remove("ws_1", "prov_1")
        assert not await tx.providers.remove("ws_1", "prov_1")


async def test_a_flag_is_set_and_taken_away_by_a_check_that_passed(peopled: Database) -> None:
    async with peopled.write() as tx:
        await tx.providers.add(ENTRY)
        assert await tx.providers.set_flagged("prov_1", "UPSTREAM_AUTH") == "ws_1"
        assert await tx.providers.of_workspace("ws_1") == (replace(ENTRY, flagged_reason="UPSTREAM_AUTH"),)
        assert await tx.providers.set_verified("prov_1", NOW) == "ws_1"
        assert await tx.providers.of_workspace("ws_1") == (replace(ENTRY, last_verified_at=NOW),)
        assert await tx.providers.set_flagged("prov_gone", None) is None


async def test_an_entry_is_changed_and_found_by_its_own_workspace_alone(peopled: Database) -> None:
    async with peopled.write() as tx:
        await tx.providers.add(ENTRY)
        await tx.providers.change("prov_1", weight=9, sealed_api_key=b"other")
        await tx.providers.change("prov_1")
        changed = replace(ENTRY, weight=9, sealed_api_key=b"other")
        assert await tx.providers.get("ws_1", "prov_1") == changed
        assert await tx.providers.get("ws_2", "prov_1") is None
        assert (await tx.providers.count("ws_1"), await tx.providers.count("ws_2")) == (1, 0)


async def test_entries_of_all_workspaces_are_paged_by_id(peopled: Database) -> None:
    async with peopled.write() as tx:
        for number in (3, 1, 2):
            await tx.providers.add(replace(ENTRY, id=f"prov_{number}", workspace_id=f"ws_{1 + number % 2}"))
        assert [entry.id for entry in await tx.providers.after("", 2)] == ["prov_1", "prov_2"]
        assert [entry.id for entry in await tx.providers.after("prov_2", 2)] == ["prov_3"]

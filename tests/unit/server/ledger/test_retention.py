"""What is too old goes, what is of a workspace that is gone goes, and nothing else does."""

import asyncio
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import pytest_asyncio
from msgspec.structs import replace
from sqlalchemy import func, select

from server.chat.principal import Plan
from server.errors import StoreUnavailable
from server.ledger.analytics import Analytics
from server.ledger.log_query import AskedLogs
from server.ledger.retention import Removed, Retention, RetentionRules
from server.storage.contents import KeptContent, packed
from server.storage.database import Database
from server.storage.responses import KeptResponse, packed_response
from server.storage.tables import METADATA
from server.storage.users import User
from server.storage.workspaces import Workspace
from tests.unit.server.storage.random_records import END, records

NOW = END
MIDNIGHT = NOW.replace(hour=0, minute=0, second=0, microsecond=0)
DAY = timedelta(days=1)
RULES = RetentionRules(content_days=2)
MADE = records(71, 1300, days=6)


@pytest_asyncio.fixture(loop_scope="session")
async def kept(tmp_path: Path) -> Database:
    """Two users with a workspace each, six days of requests, and content of each of them."""
    database = await Database.open(f"sqlite:///{tmp_path}/perpetuo.db")
    async with database.write() as tx:
        for number in (1, 2):
            user = User(f"usr_{number}", f"u{number}@example.com", "hash", "", Plan.FREE, False, NOW, NOW)
            await tx.users.add(user)
            await tx.workspaces.add(Workspace(f"ws_{number}", user.id, "W", "default", True, NOW))
    async with database.append() as tx:
        await tx.operations.add_many(MADE, "prices/1")
        await tx.contents.add_many(
            [packed(KeptContent(each.request_id, each.workspace_id, each.created_at, b"{}", b"")) for each in MADE]
        )
    return database


def retention(database: Database, rules: RetentionRules = RULES, now: datetime = NOW) -> Retention:
    return Retention(database, rules, lambda: now, pause_s=0)


async def counts(database: Database, workspace_id: str) -> dict[str, int]:
    """How many rows a workspace has, by table."""
    found = {}
    async with database.read() as tx:
        for name, table in METADATA.tables.items():
            if name.partition("_")[0] in {"operations", "contents", "responses", "usage", "call", "latency"}:
                query = select(func.count()).select_from(table).where(table.c.workspace_id == workspace_id)
                found[name] = (await tx.expiry._connection.execute(query)).scalar_one()
    return found


async def test_old_content_goes_and_records_stay(kept: Database) -> None:
    before = await counts(kept, "ws_1")
    removed = await retention(kept).run_once()
    after = await counts(kept, "ws_1")
    young = [each for each in MADE if each.created_at >= NOW - 2 * DAY]
    assert removed.contents == len(MADE) - len(young) > 100
    assert after["contents"] == sum(each.workspace_id == "ws_1" for each in young)
    assert (after["operations"], after["usage_days"]) == (before["operations"], before["usage_days"])
    assert removed.operations == 0
    await kept.close()


async def test_sums_by_minute_go_when_nobody_needs_them_and_figures_stay_exact(kept: Database) -> None:
    analytics = Analytics(kept, (), lambda outcome: False, now=lambda: NOW)
    asked = AskedLogs(start_date=(NOW - 5 * DAY).isoformat().replace("+00:00", "Z"))
    before = await analytics.requests("ws_1", asked), await analytics.overview("ws_1", "24h")
    removed = await retention(kept).run_once()
    assert removed.sums > 100
    assert (await counts(kept, "ws_1"))["usage_minutes"] > 0
    assert (await analytics.requests("ws_1", asked), await analytics.overview("ws_1", "24h")) == before
    await kept.close()


async def test_logs_go_by_whole_days_and_are_not_shown_before(kept: Database) -> None:
    rules = RetentionRules(content_days=2, log_days=3)
    kept_from = rules.logs_from(NOW)
    assert kept_from == MIDNIGHT - 3 * DAY
    analytics = Analytics(kept, (), lambda outcome: False, lambda: kept_from, now=lambda: NOW)
    before = await analytics.requests("ws_1", AskedLogs(limit=1000))
    usage = await analytics.usage("ws_1", None)
    removed = await retention(kept, rules).run_once()
    young = [each for each in MADE if each.created_at >= kept_from]
    assert removed.operations == len(MADE) - len(young) > 50
    assert await analytics.requests("ws_1", AskedLogs(limit=1000)) == before
    assert before.total == len(before.records) == sum(each.workspace_id == "ws_1" for each in young)
    assert await analytics.usage("ws_1", None) == usage
    await kept.close()


async def test_nothing_stays_of_a_workspace_whose_user_is_gone(kept: Database) -> None:
    other = await counts(kept, "ws_2")
    async with kept.write() as tx:
        await tx.users.remove("usr_1")
    removed = await retention(kept, RetentionRules(content_days=30)).run_once()
    assert set((await counts(kept, "ws_1")).values()) == {0}
    assert removed.operations == removed.contents == sum(each.workspace_id == "ws_1" for each in MADE)
    after = await counts(kept, "ws_2")
    assert {name: count for name, count in after.items() if name != "usage_minutes"} == {
        name: count for name, count in other.items() if name != "usage_minutes"
    }
    await kept.close()


async def test_todays_requests_count_for_limits_until_the_day_is_over(kept: Database) -> None:
    async with kept.write() as tx:
        await tx.workspaces.remove("ws_1")
    await retention(kept).run_once()
    today = sum(each.workspace_id == "ws_1" and each.created_at >= MIDNIGHT for each in MADE)
    left = await counts(kept, "ws_1")
    assert (left["operations"], left["contents"]) == (today, 0)
    assert today > 10
    await retention(kept, now=NOW + DAY).run_once()
    assert set((await counts(kept, "ws_1")).values()) == {0}
    await kept.close()


async def test_records_that_come_late_go_in_the_next_round(kept: Database) -> None:
    async with kept.write() as tx:
        await tx.users.remove("usr_1")
    await retention(kept).run_once()
    late = replace(MADE[0], request_id="req_late", workspace_id="ws_1")
    async with kept.append() as tx:
        await tx.operations.add_many([late], "prices/1")
    await retention(kept).run_once()
    assert set((await counts(kept, "ws_1")).values()) == {0}
    await kept.close()


async def keep_responses(database: Database, *, each_day_of: int = 6) -> int:
    """Some responses of each workspace, the oldest first; how many bytes one takes."""
    rows = [
        packed_response(KeptResponse(f"ws_{number}", f"resp_{9 - age}", NOW - age * DAY, b"[]", b"{}"))
        for number in (1, 2)
        for age in range(each_day_of)
    ]
    async with database.append() as tx:
        for row in rows:
            await tx.responses.add(row)
    size_bytes: int = rows[0]["size_bytes"]
    return size_bytes


async def test_old_responses_go(kept: Database) -> None:
    await keep_responses(kept)
    removed = await retention(kept, RetentionRules(2, response_days=3)).run_once()
    assert removed.responses == 4
    assert [(await counts(kept, name))["responses"] for name in ("ws_1", "ws_2")] == [4, 4]
    await kept.close()


async def test_the_oldest_responses_of_a_workspace_that_has_too_much_go(kept: Database) -> None:
    each_bytes = await keep_responses(kept)
    async with kept.write() as tx:
        for number in range(4):
            await tx.responses.remove("ws_2", f"resp_{9 - number}")
    removed = await retention(kept, RetentionRules(2, response_bytes=2 * each_bytes + 1)).run_once()
    assert removed.responses == 4
    async with kept.read() as tx:
        left = [number for number in range(10) if await tx.responses.get("ws_1", f"resp_{number}") is not None]
    assert left == [8, 9]
    assert (await counts(kept, "ws_2"))["responses"] == 2
    await kept.close()


async def test_responses_of_a_workspace_that_is_gone_go(kept: Database) -> None:
    await keep_responses(kept)
    async with kept.write() as tx:
        await tx.workspaces.remove("ws_1")
    await retention(kept).run_once()
    assert [(await counts(kept, name))["responses"] for name in ("ws_1", "ws_2")] == [0, 6]
    await kept.close()


async def test_a_second_round_has_nothing_to_do(kept: Database) -> None:
    await retention(kept).run_once()
    assert await retention(kept).run_once() == Removed()
    await kept.close()


async def test_it_works_while_the_gateway_serves_and_outlives_a_database_that_is_away(
    kept: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_once, tries, done = Retention.run_once, 0, asyncio.Event()

    async def fail_first(self: Retention) -> Removed:
        nonlocal tries
        tries += 1
        if tries == 1:
            raise StoreUnavailable("away")
        removed = await run_once(self)
        done.set()
        return removed

    monkeypatch.setattr(Retention, "run_once", fail_first)
    working = Retention(kept, RULES, lambda: NOW, every_s=0.001, pause_s=0)
    working.start()
    async with asyncio.timeout(20):
        await done.wait()
    await working.close()
    await working.close()
    assert (await counts(kept, "ws_1"))["contents"] < len(MADE)
    await kept.close()


async def test_one_that_never_started_can_be_closed(kept: Database) -> None:
    await retention(kept).close()
    await kept.close()


def test_logs_are_kept_for_ever_unless_it_is_said() -> None:
    assert RetentionRules(30).logs_from(NOW) is None

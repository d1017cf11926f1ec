"""Figures of a workspace: they equal what its records add up to, and are whole without any."""

from collections import Counter
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
import pytest_asyncio
from msgspec import structs
from msgspec.structs import replace

from server.chat.records import AttemptRecord, OperationRecord
from server.errors import RequestInvalid
from server.ledger.analytics import Analytics, RequestPage, percentage
from server.ledger.log_query import AskedLogs
from server.routing.failure import blames_provider
from server.storage.buckets import ERROR
from server.storage.database import Database
from server.storage.figures import mean
from tests.unit.server.storage.random_records import END, records

NOW = END
MIDNIGHT = NOW.replace(hour=0, minute=0, second=0, microsecond=0)
RECORDS = records(31, 1200, days=12)
MINE = [record for record in RECORDS if record.workspace_id == "ws_1"]


@pytest_asyncio.fixture(loop_scope="session", scope="module")
async def analytics(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Analytics]:
    database = await Database.open(f"sqlite:///{tmp_path_factory.mktemp('analytics')}/perpetuo.db")
    for start in range(0, len(RECORDS), 200):
        async with database.write() as tx:
            await tx.operations.add_many(RECORDS[start : start + 200], "prices/1")
    yield Analytics(database, ("openai", "groq"), blames_provider, now=lambda: NOW)
    await database.close()


def since(moment: datetime) -> list[OperationRecord]:
    return [record for record in MINE if record.created_at >= moment]


def tokens(found: list[OperationRecord]) -> int:
    return sum(record.usage.total_tokens for record in found if record.usage is not None)


def costs(found: list[OperationRecord]) -> int:
    return sum(record.cost_nanousd or 0 for record in found)


@pytest.mark.parametrize("days", [None, 1, 3, 365])
async def test_usage_is_the_sum_of_the_records(analytics: Analytics, days: int | None) -> None:
    mine = MINE if days is None else since(MIDNIGHT - timedelta(days=days - 1))
    usage = await analytics.usage("ws_1", days)
    assert (usage.total.requests, usage.total.total_tokens) == (len(mine), tokens(mine))
    assert usage.total.cost_nanousd == costs(mine)
    assert usage.total.saved_nanousd == sum(record.saved_nanousd or 0 for record in mine)
    assert usage.cached.total_tokens == tokens([record for record in mine if record.is_cache_hit])
    for provider in ("openai", "groq"):
        of_it = [record for record in mine if record.provider == provider]
        sums = usage.by_provider[provider]
        assert (sums.requests, sums.total_tokens, sums.cost_nanousd) == (len(of_it), tokens(of_it), costs(of_it))
    assert set(usage.by_provider) == {"openai", "groq"}
    assert sum(sums.cost_nanousd for sums in usage.by_provider.values()) == usage.total.cost_nanousd
    assert sum(sums.total_tokens for sums in usage.by_provider.values()) == usage.total.total_tokens


async def test_usage_by_provider_is_that_of_a_week(analytics: Analytics) -> None:
    assert await analytics.usage_by_provider("ws_1", None) == (await analytics.usage("ws_1", 7)).by_provider


def attempts(days: int) -> list[AttemptRecord]:
    return [attempt for record in since(MIDNIGHT - timedelta(days=days - 1)) for attempt in record.attempts]


async def test_latencies_are_those_of_answered_calls(analytics: Analytics) -> None:
    found = await analytics.latency("ws_1", 5)
    assert set(found) == {"openai", "groq"}
    for provider, latency in found.items():
        answered = [each for each in attempts(5) if each.provider == provider and each.outcome == "ok"]
        times = sorted(each.latency_ms for each in answered)
        first = [each.first_token_ms for each in answered if each.first_token_ms is not None]
        assert latency.calls == len(answered)
        assert latency.whole.mean_ms == mean(sum(times), len(times))
        assert latency.first_token is not None
        assert latency.first_token.mean_ms == mean(sum(first), len(first))
        for share, told in ((0.5, latency.whole.p50_ms), (0.95, latency.whole.p95_ms), (0.99, latency.whole.p99_ms)):
            exact = times[-(-int(share * 100) * len(times) // 100) - 1]
            assert abs(told - exact) <= exact * ERROR + 0.5


async def test_error_rates_count_what_blames_the_provider(analytics: Analytics) -> None:
    found = await analytics.error_rates("ws_1", None)
    for provider in ("openai", "groq"):
        outcomes = Counter(each.outcome for each in attempts(7) if each.provider == provider)
        by_reason = {reason: outcomes[reason] for reason in ("UPSTREAM_TIMEOUT", "UPSTREAM_STREAM_INTERRUPTED")}
        failed, answered = sum(by_reason.values()), outcomes["ok"]
        rate = found[provider]
        assert (rate.errors, rate.calls, rate.by_reason) == (failed, failed + answered, by_reason)
        assert rate.rate == failed / (failed + answered)


@pytest.mark.parametrize(
    ("timeframe", "start"),
    [
        ("", NOW.replace(second=0, microsecond=0) - timedelta(days=1)),
        ("24h", NOW.replace(second=0, microsecond=0) - timedelta(days=1)),
        ("7d", NOW.replace(minute=0, second=0, microsecond=0) - timedelta(days=7)),
        ("30d", NOW.replace(minute=0, second=0, microsecond=0) - timedelta(days=30)),
    ],
)
async def test_the_overview_is_the_sum_of_the_records(analytics: Analytics, timeframe: str, start: datetime) -> None:
    mine = since(start)
    found = await analytics.overview("ws_1", timeframe)
    assert (found.start, found.total.requests, found.total.cost_nanousd) == (start, len(mine), costs(mine))
    assert found.ok.requests == sum(record.outcome == "ok" for record in mine)
    hits = [record for record in mine if record.is_cache_hit]
    assert found.cache_hit_rate == 100 * len(hits) / len(mine)
    assert found.cached.total_tokens == tokens(hits)
    used = [record.usage for record in mine if record.usage is not None]
    assert found.total.prompt_tokens == sum(usage.prompt_tokens for usage in used)
    assert found.total.completion_tokens == sum(usage.completion_tokens for usage in used)
    assert found.times.mean_ms == mean(sum(record.latency_ms for record in mine), len(mine))
    assert found.times.p50_ms <= found.times.p95_ms <= found.times.p99_ms


async def test_every_day_has_its_cost_the_empty_ones_too(analytics: Analytics) -> None:
    found = await analytics.by_day("ws_1", 14)
    assert [day for day, _ in found] == [(MIDNIGHT - timedelta(days=back)).date() for back in range(13, -1, -1)]
    for day, sums in found:
        of_day = [record for record in MINE if record.created_at.date() == day]
        assert (sums.requests, sums.cost_nanousd, sums.total_tokens) == (len(of_day), costs(of_day), tokens(of_day))
    assert found[0][1].requests == 0


async def test_models_are_those_that_answered_the_most_used_first(analytics: Analytics) -> None:
    found = await analytics.by_model("ws_1", 12)
    served = Counter(record.model for record in since(MIDNIGHT - timedelta(days=11)) if record.provider)
    assert {model: sums.requests for model, sums in found} == served
    assert [sums.requests for _, sums in found] == sorted(served.values(), reverse=True)


@pytest.mark.parametrize(
    "asked",
    [
        AskedLogs(),
        AskedLogs(limit=7, page=3),
        AskedLogs(limit=7, page=2, status="error"),
        AskedLogs(limit=5, page=4, provider="openai", status="success", start_date="2026-01-20"),
        AskedLogs(limit=10, page=2, model="gpt-4o", end_date="2026-01-28T14:05:09.5Z"),
        AskedLogs(limit=10, key_id="key_1", status="200"),
        AskedLogs(limit=1000, page=1000),
    ],
    ids=str,
)
async def test_pages_count_what_agrees_with_the_filters(analytics: Analytics, asked: AskedLogs) -> None:
    found = await analytics.requests("ws_1", asked)
    everything: list[str] = []
    page = 1
    while rows := (await analytics.requests("ws_1", replace(asked, limit=1000, page=page))).records:
        everything += [row.request_id for row in rows]
        page += 1
    assert found.total == len(everything) == len(set(everything))
    start = (found.page - 1) * found.limit
    assert [row.request_id for row in found.records] == everything[start : start + found.limit]


async def test_a_workspace_without_records_has_whole_figures_of_zero(analytics: Analytics) -> None:
    usage = await analytics.usage("ws_3", None)
    assert (usage.total.total_tokens, usage.by_provider) == (0, {})
    assert await analytics.usage_by_provider("ws_3", None) == {}
    assert await analytics.latency("ws_3", None) == {}
    assert await analytics.error_rates("ws_3", None) == {}
    overview = await analytics.overview("ws_3", "7d")
    assert (overview.total.requests, overview.cache_hit_rate, overview.times.mean_ms, overview.times.p99_ms) == (0,) * 4
    assert [sums.requests for _, sums in await analytics.by_day("ws_3", None)] == [0] * 7
    assert await analytics.by_model("ws_3", None) == []
    page = await analytics.requests("ws_3", AskedLogs())
    assert (page.records, page.page, page.limit, page.total, page.pages) == ((), 1, 50, 0, 0)


async def test_a_day_that_has_just_begun_is_there(tmp_path_factory: pytest.TempPathFactory) -> None:
    database = await Database.open(f"sqlite:///{tmp_path_factory.mktemp('midnight')}/perpetuo.db")
    now = datetime(2026, 1, 28, 0, 0, 0, 1, tzinfo=UTC)
    analytics = Analytics(database, (), blames_provider, now=lambda: now)
    async with database.write() as tx:
        await tx.operations.add_many([structs.replace(MINE[0], created_at=now)], "prices/1")
    assert [sums.requests for _, sums in await analytics.by_day("ws_1", 2)] == [0, 1]
    assert (await analytics.overview("ws_1", "24h")).total.requests == 1
    await database.close()


@pytest.mark.parametrize(
    ("asked", "param"),
    [
        (AskedLogs(limit=0), "limit"), (AskedLogs(limit=1001), "limit"), (AskedLogs(page=0), "page"),
        (AskedLogs(status="good"), "status"), (AskedLogs(provider="nobody"), "provider"),
        (AskedLogs(start_date="yesterday"), "start_date"), (AskedLogs(key_id="1"), "key_id"),
    ],
    ids=str,
)  # fmt: skip
async def test_what_makes_no_sense_is_refused(analytics: Analytics, asked: AskedLogs, param: str) -> None:
    with pytest.raises(RequestInvalid) as caught:
        await analytics.requests("ws_1", asked)
    assert caught.value.param == param


def test_a_page_knows_how_many_there_are() -> None:
    assert [RequestPage((), 1, 50, total).pages for total in (0, 1, 50, 51)] == [0, 1, 1, 2]


def test_a_share_of_nothing_is_zero() -> None:
    assert (percentage(0, 0), percentage(1, 8), percentage(3, 3)) == (0.0, 12.5, 100.0)

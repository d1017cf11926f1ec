"""Figures from the roll-ups equal what the records themselves add up to, whatever is asked."""

import random
from collections import Counter
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any

import pytest
import pytest_asyncio

from server.chat.records import OperationRecord
from server.storage.backend import StoreBounds
from server.storage.buckets import bucket_of
from server.storage.columns import to_micros
from server.storage.database import Database
from server.storage.figures import CallSums, UsageSums, mean
from server.storage.rollups import CALL_MS, REQUEST_MS
from server.storage.selection import OperationFilter
from server.storage.spans import ALL_TIME, Grain, Stretch
from tests.stores.postgres import PostgresServer
from tests.unit.server.storage.random_records import END, records, shown_model

RECORDS = records(11, 1500, days=5)
MINUTES_FROM = END - timedelta(days=2)
MIDNIGHT = END.replace(hour=0, minute=0, second=0, microsecond=0)


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def lasting_url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A database for all tests of this file, on each engine."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path_factory.mktemp('figures')}/perpetuo.db"
    postgres: PostgresServer = request.getfixturevalue("postgres")
    return postgres.url(postgres.new_database(request.getfixturevalue("migrated")))


@pytest_asyncio.fixture(loop_scope="session", scope="module")
async def database(lasting_url: str) -> AsyncIterator[Database]:
    opened = await Database.open(lasting_url, StoreBounds(answer_s=30.0))
    for start in range(0, len(RECORDS), 100):
        async with opened.write() as tx:
            await tx.operations.add_many(RECORDS[start : start + 100], "prices/1")
    yield opened
    await opened.close()


def value(record: OperationRecord, column: str) -> Any:
    """What a record has in a column of the roll-ups."""
    if column == "model":
        return shown_model(record)
    found = getattr(record, column)
    return int(found) if isinstance(found, bool) else "" if found is None else found


def agrees(record: OperationRecord, only: OperationFilter) -> bool:
    named = all(
        getattr(only, name) is None or value(record, name) == getattr(only, name)
        for name in ("provider", "model", "status", "key_id")
    )
    return (
        named
        and (only.is_ok is None or only.is_ok == (record.outcome == "ok"))
        and (only.start is None or record.created_at >= only.start)
        and (only.end is None or record.created_at < only.end)
    )


def sums_of(found: list[OperationRecord]) -> UsageSums:
    used = [record.usage for record in found if record.usage is not None]
    return UsageSums(
        requests=len(found),
        estimated_requests=sum(usage.is_estimated for usage in used),
        unpriced_requests=sum(record.usage is not None and record.cost_nanousd is None for record in found),
        input_tokens=sum(usage.input_tokens for usage in used),
        cache_read_tokens=sum(usage.cache_read_tokens for usage in used),
        cache_write_tokens=sum(usage.cache_write_tokens for usage in used),
        output_tokens=sum(usage.output_tokens for usage in used),
        reasoning_tokens=sum(usage.reasoning_tokens for usage in used),
        cost_nanousd=sum(record.cost_nanousd or 0 for record in found),
        saved_nanousd=sum(record.saved_nanousd or 0 for record in found),
        latency_sum_ms=sum(record.latency_ms for record in found),
        first_tokens=sum(record.first_token_ms is not None for record in found),
        first_token_sum_ms=sum(record.first_token_ms or 0 for record in found),
    )


def naive(group_by: tuple[str, ...], only: OperationFilter) -> dict[tuple[Any, ...], UsageSums]:
    groups: dict[tuple[Any, ...], list[OperationRecord]] = {}
    for record in RECORDS:
        if record.workspace_id == "ws_1" and agrees(record, only):
            groups.setdefault(tuple(value(record, name) for name in group_by), []).append(record)
    return {key: sums_of(found) for key, found in groups.items()}


def some_moment(chance: random.Random) -> datetime | None:
    moment = END - timedelta(days=6) * chance.random() ** 2
    return chance.choice((None, moment, moment.replace(second=0, microsecond=0), MIDNIGHT - timedelta(days=1)))


@pytest.mark.parametrize("seed", range(60))
async def test_figures_equal_the_rows(database: Database, seed: int) -> None:
    chance = random.Random(seed)
    group_by = tuple(chance.sample(("provider", "provider_id", "model", "key_id", "outcome", "is_cache_hit"), seed % 4))
    only = OperationFilter(
        provider=chance.choice((None, None, "openai", "groq")),
        model=chance.choice((None, None, "llama", "gpt-4o", "x" * 200)),
        status=chance.choice((None, None, 200, 429)),
        is_ok=chance.choice((None, None, True, False)),
        key_id=chance.choice((None, None, "key_1")),
        start=some_moment(chance),
        end=some_moment(chance),
    )
    stretch = Stretch(only.start, only.end)
    async with database.read() as tx:
        found = await tx.figures.usage("ws_1", group_by, stretch, only=only, minutes_from=MINUTES_FROM)
        count = await tx.figures.count("ws_1", only, minutes_from=MINUTES_FROM)
    assert found == naive(group_by, only)
    assert count == sum(sums.requests for sums in found.values())


async def test_days_have_sums_of_their_own(database: Database) -> None:
    start = MIDNIGHT - timedelta(days=3)
    async with database.read() as tx:
        found = await tx.figures.usage("ws_1", ("start_us",), Stretch(start), minutes_from=MINUTES_FROM)
    expected = Counter(
        to_micros(record.created_at.replace(hour=0, minute=0, second=0, microsecond=0))
        for record in RECORDS
        if record.workspace_id == "ws_1" and record.created_at >= start
    )
    assert {key[0]: sums.requests for key, sums in found.items()} == expected


@pytest.mark.parametrize("stretch", [ALL_TIME, Stretch(END, END)], ids=["all time", "no time at all"])
async def test_a_workspace_without_records_has_no_figures(database: Database, stretch: Stretch) -> None:
    async with database.read() as tx:
        assert await tx.figures.usage("ws_3", (), stretch, minutes_from=MINUTES_FROM) == {}
        assert await tx.figures.usage("ws_3", ("model",), stretch, minutes_from=MINUTES_FROM) == {}
        assert await tx.figures.count("ws_3", minutes_from=MINUTES_FROM) == 0
        assert await tx.figures.calls("ws_3", ("provider",), 0) == {}
        assert await tx.figures.latencies("ws_3", CALL_MS, 0) == {}


async def test_calls_are_summed_up_by_what_is_asked(database: Database) -> None:
    from_us = to_micros(MIDNIGHT - timedelta(days=1))
    expected: dict[tuple[Any, ...], CallSums] = {}
    for record in RECORDS:
        if record.workspace_id != "ws_1" or to_micros(record.created_at) < from_us:
            continue
        for attempt in record.attempts:
            key = attempt.provider, attempt.outcome
            has_first = attempt.first_token_ms is not None
            one = CallSums(1, attempt.latency_ms, int(has_first), attempt.first_token_ms or 0)
            expected[key] = expected.get(key, CallSums()) + one
    async with database.read() as tx:
        assert await tx.figures.calls("ws_1", ("provider", "outcome"), from_us) == expected


@pytest.mark.parametrize(
    ("grain", "start"),
    [(Grain.DAYS, MIDNIGHT), (Grain.HOURS, MIDNIGHT + timedelta(hours=5))],
    ids=["by day", "by hour"],
)
async def test_times_are_counted_by_bucket(database: Database, grain: Grain, start: datetime) -> None:
    mine = [record for record in RECORDS if record.workspace_id == "ws_1" and record.created_at >= start]
    async with database.read() as tx:
        requests = await tx.figures.latencies("ws_1", REQUEST_MS, to_micros(start), grain=grain)
        calls = await tx.figures.latencies("ws_1", CALL_MS, to_micros(start), grain=grain)
    assert requests == {"": dict(Counter(bucket_of(record.latency_ms) for record in mine))}
    answered = [attempt for record in mine for attempt in record.attempts if attempt.outcome == "ok"]
    assert calls["groq"] == Counter(bucket_of(each.latency_ms) for each in answered if each.provider == "groq")


def test_sums_tell_tokens_and_means() -> None:
    sums = UsageSums(2, 0, 0, 10, 20, 30, 4, 5, latency_sum_ms=7) + UsageSums(2, input_tokens=1)
    assert (sums.prompt_tokens, sums.completion_tokens, sums.total_tokens, sums.latency_ms) == (61, 9, 70, 2)
    assert UsageSums().latency_ms == 0


@pytest.mark.parametrize(
    ("total", "count", "expected"), [(0, 0, 0), (5, 2, 3), (4, 3, 1), (5, 3, 2), (2**62, 1, 2**62)]
)
def test_a_mean_is_rounded_to_the_nearest(total: int, count: int, expected: int) -> None:
    assert mean(total, count) == expected

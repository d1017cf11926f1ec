"""What records add to the roll-ups: each exactly once, however often a batch comes, and whatever else is in it."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
from msgspec.structs import replace
from sqlalchemy import Table, select

from server.chat.records import OperationRecord
from server.storage.columns import to_micros
from server.storage.database import Database
from server.storage.rollups import (
    CALL_FIRST_TOKEN_MS,
    CALL_MS,
    DAY_US,
    HOUR_US,
    MINUTE_US,
    REQUEST_FIRST_TOKEN_MS,
    REQUEST_MS,
    coarser,
    usage_of,
)
from server.storage.rows import Group, grouped
from server.storage.tables import (
    CALL_DAYS,
    CALL_HOURS,
    LATENCY_DAYS,
    LATENCY_HOURS,
    USAGE_DAYS,
    USAGE_HOURS,
    USAGE_MINUTES,
)
from tests.unit.server.storage.random_records import END, records, shown_model

ROLLUPS = (USAGE_MINUTES, USAGE_HOURS, USAGE_DAYS, CALL_HOURS, CALL_DAYS, LATENCY_HOURS, LATENCY_DAYS)
SPANS_US = {"minutes": MINUTE_US, "hours": HOUR_US, "days": DAY_US}


def rows_of(operations: Sequence[OperationRecord]) -> Sequence[Group]:
    """Their rows."""
    return grouped(operations, "prices/1")


async def kept(database: Database, table: Table) -> list[tuple[Any, ...]]:
    """Every row of a table."""
    async with database.read() as tx:
        return [tuple(row) for row in await tx.figures._connection.execute(select(table).order_by(*table.columns))]


async def everything(database: Database) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of every roll-up."""
    return {table.name: await kept(database, table) for table in ROLLUPS}


async def test_the_tables_hold_what_the_records_add_up_to(database: Database) -> None:
    made = records(1, 400)
    for start in range(0, len(made), 70):
        async with database.write() as tx:
            await tx.operations.add_many(made[start : start + 70], "prices/1")
    minutes = usage_of(rows_of(made))
    for table, sums in (
        (USAGE_MINUTES, minutes),
        (USAGE_HOURS, coarser(minutes, HOUR_US)),
        (USAGE_DAYS, coarser(minutes, DAY_US)),
    ):
        assert await kept(database, table) == sorted((*key, *counters) for key, counters in sums.items())


async def test_counters_are_those_of_the_records() -> None:
    made = records(2, 300)
    sums = usage_of(rows_of(made))
    asked = Counter((each.workspace_id, shown_model(each), each.outcome) for each in made)
    assert Counter({key: sum(row[0] for each, row in sums.items() if (each[0], each[4], each[7]) == key)
                    for key in asked}) == asked  # fmt: skip
    total = [sum(column) for column in zip(*sums.values(), strict=True)]
    used = [each.usage for each in made if each.usage is not None]
    assert total == [
        len(made),
        sum(usage.is_estimated for usage in used),
        sum(each.usage is not None and each.cost_nanousd is None for each in made),
        sum(usage.input_tokens for usage in used),
        sum(usage.cache_read_tokens for usage in used),
        sum(usage.cache_write_tokens for usage in used),
        sum(usage.output_tokens for usage in used),
        sum(usage.reasoning_tokens for usage in used),
        sum(each.cost_nanousd or 0 for each in made),
        sum(each.saved_nanousd or 0 for each in made),
        sum(each.latency_ms for each in made),
        sum(each.first_token_ms is not None for each in made),
        sum(each.first_token_ms or 0 for each in made),
    ]


async def test_calls_and_times_are_counted_by_attempts(database: Database) -> None:
    made = records(3, 300)
    async with database.write() as tx:
        await tx.operations.add_many(made, "prices/1")
    attempts = [attempt for each in made for attempt in each.attempts]
    answered = [attempt for attempt in attempts if attempt.outcome == "ok"]
    for table in (CALL_HOURS, CALL_DAYS):
        rows = await kept(database, table)
        assert sum(row[-4] for row in rows) == len(attempts)
        assert sum(row[-3] for row in rows) == sum(attempt.latency_ms for attempt in attempts)
        assert sum(row[-1] for row in rows) == sum(attempt.first_token_ms or 0 for attempt in attempts)
    for table in (LATENCY_HOURS, LATENCY_DAYS):
        times: Counter[int] = Counter()
        for row in await kept(database, table):
            times[row[2]] += row[-1]
        assert times == {
            REQUEST_MS: len(made),
            REQUEST_FIRST_TOKEN_MS: sum(each.first_token_ms is not None for each in made),
            CALL_MS: len(answered),
            CALL_FIRST_TOKEN_MS: sum(attempt.first_token_ms is not None for attempt in answered),
        }


@pytest.mark.parametrize("table", ROLLUPS, ids=lambda table: str(table.name))
async def test_a_row_begins_where_its_span_does(database: Database, table: Table) -> None:
    async with database.write() as tx:
        await tx.operations.add_many(records(4, 100), "prices/1")
    span_us = SPANS_US[table.name.partition("_")[2]]
    rows = await kept(database, table)
    assert rows
    assert [row for row in rows if row[1] % span_us] == []


async def test_a_batch_that_comes_again_changes_nothing_but_for_what_is_new_in_it(database: Database) -> None:
    made = records(5, 60)
    async with database.write() as tx:
        await tx.operations.add_many(made[:50], "prices/1")
    before = await everything(database)
    async with database.write() as tx:
        await tx.operations.add_many([*made[:50], *made[:10]], "prices/1")
    assert await everything(database) == before
    async with database.write() as tx:
        await tx.operations.add_many([made[0], *made[40:], *made[40:], made[59]], "prices/1")
    after = await everything(database)
    assert sum(row[9] for row in after["usage_days"]) == 60
    assert sum(row[-1] for row in after["latency_days"] if row[2] == REQUEST_MS) == 60


async def test_a_batch_that_is_rolled_back_leaves_nothing(database: Database) -> None:
    async def fail() -> None:
        async with database.write() as tx:
            await tx.operations.add_many(records(6, 20), "prices/1")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail()
    assert not any((await everything(database)).values())


async def test_writers_at_once_lose_nothing(database: Database) -> None:
    made = records(7, 200)

    async def write(batch: list[Any]) -> None:
        async with database.write() as tx:
            await tx.operations.add_many(batch, "prices/1")

    await asyncio.gather(*(write(made[start : start + 50]) for start in range(0, 200, 25)))
    rows = await kept(database, USAGE_DAYS)
    assert sum(row[9] for row in rows) == 200


async def test_a_long_model_name_is_cut_in_the_sums_alone() -> None:
    long = replace(records(8, 1)[0], model="m" * 300)
    assert shown_model(long) == "m" * 200
    assert {key[4] for key in usage_of(rows_of([long]))} == {"m" * 200}


async def test_the_last_microsecond_of_a_day_is_in_it() -> None:
    midnight = END.replace(hour=0, minute=0, second=0, microsecond=0)
    before = replace(records(9, 1)[0], created_at=midnight - timedelta(microseconds=1))
    after = replace(before, request_id="req_after", created_at=midnight)
    starts = {key[1] for key in coarser(usage_of(rows_of([before, after])), DAY_US)}
    assert starts == {to_micros(midnight) - DAY_US, to_micros(midnight)}

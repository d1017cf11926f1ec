"""Rows in few statements: all of them come in, and what they agree in is given once."""

import sqlite3
from typing import Any

import pytest
from sqlalchemy import Table
from sqlalchemy.dialects import sqlite
from sqlalchemy.schema import CreateTable

from server.storage.backend import Addition
from server.storage.batches import Batch
from server.storage.chunks import SIZES, TABLES, Chunks
from server.storage.rows import whole
from server.storage.tables import ATTEMPTS, LATENCY_HOURS, METADATA, OPERATIONS
from tests.unit.server.storage.random_records import records

SUMS = {"latency_hours", "latency_days"}


def addition(table: Table) -> Addition:
    """One for the table, without rows."""
    key = tuple(column.name for column in table.primary_key.columns)
    return Addition(table, key, (), sums_up=table.name in SUMS)


def rows_of(table: Table, count: int) -> list[tuple[Any, ...]]:
    """Rows of records that differ in everything."""
    batch = Batch(records(7, count), "prices/1")
    rows = whole(batch.rows())
    return list(rows if table is OPERATIONS else batch.also(frozenset(row[0] for row in rows))[0].rows)


def alike(table: Table, count: int) -> list[tuple[Any, ...]]:
    """Rows that differ in their ids alone, or in their buckets."""
    if table.name in SUMS:
        return [("ws_1", 0, 0, "openai", "gpt-4o", number, 7) for number in range(count)]
    return [(f"req_{number:05}", *rows_of(table, 20)[0][1:]) for number in range(count)]


def usual(rows: list[tuple[Any, ...]], table: Table) -> list[tuple[Any, ...]]:
    """The same rows with what most records hold in the columns that may differ."""
    held: dict[str, int | None] = {"client_request_id": None, "first_token_ms": None, "saved_nanousd": None}
    held |= dict.fromkeys(("cache_read_tokens", "cache_write_tokens", "reasoning_tokens"), 0)
    names = [column.name for column in table.columns]
    return [tuple(held.get(name, value) for name, value in zip(names, row, strict=True)) for row in rows]


def written(table: Table, rows: list[tuple[Any, ...]]) -> tuple[list[tuple[Any, ...]], int]:
    """What a database has after all statements, and how many there were."""
    database = sqlite3.connect(":memory:")
    database.execute(str(CreateTable(table).compile(dialect=sqlite.dialect())))
    statements = list(Chunks(addition(table)).of(rows))
    for _ in range(1 if table.name in SUMS else 2):  # the second time nothing comes in
        for statement, values in statements:
            database.execute(statement, values)
    found = database.execute(f"SELECT * FROM {table.name}").fetchall()
    database.close()
    return found, len(statements)


@pytest.mark.parametrize("table", [OPERATIONS, ATTEMPTS], ids=["operations", "attempts"])
def test_rows_that_differ_come_in_as_they_are(table: Table) -> None:
    rows = rows_of(table, 300)
    found, _ = written(table, rows)
    assert sorted(found) == sorted(rows)


@pytest.mark.parametrize("table", [OPERATIONS, ATTEMPTS], ids=["operations", "attempts"])
def test_rows_that_hold_what_is_usual_and_others_come_in_as_they_are(table: Table) -> None:
    rows = rows_of(table, 300)
    rows = [*usual(rows[:200], table), *rows[200:]]
    found, _ = written(table, rows)
    assert sorted(found, key=str) == sorted(rows, key=str)


@pytest.mark.parametrize("table", [OPERATIONS, ATTEMPTS], ids=["operations", "attempts"])
def test_what_is_usual_is_given_by_no_parameter(table: Table) -> None:
    [(_, given)] = Chunks(addition(table)).of(usual(alike(table, 64), table))
    [(_, others)] = Chunks(addition(table)).of([(*row[:-3], 1, *row[-2:]) for row in alike(table, 64)])
    assert len(given) < len(others)


def test_sums_are_added_up() -> None:
    found, asked = written(LATENCY_HOURS, [*alike(LATENCY_HOURS, 64), *alike(LATENCY_HOURS, 3)])
    assert sorted(found) == [(*row[:-1], 14 if row[-2] < 3 else 7) for row in alike(LATENCY_HOURS, 64)]
    assert asked == 4


@pytest.mark.parametrize("table", [OPERATIONS, ATTEMPTS], ids=["operations", "attempts"])
@pytest.mark.parametrize(
    ("count", "statements"),
    [
        pytest.param(0, 0, id="none is no statement"),
        pytest.param(1, 1, id="one"),
        pytest.param(SIZES[0], 1, id="as many as a statement has"),
        pytest.param(SIZES[0] * 2 + SIZES[1] + SIZES[2] + 2, 6, id="the rest in smaller statements"),
    ],
)
def test_rows_that_are_alike_come_in_by_few_statements(table: Table, count: int, statements: int) -> None:
    rows = alike(table, count)
    found, asked = written(table, rows)
    assert sorted(found) == rows
    assert asked == statements


def test_no_statement_has_more_parameters_than_every_sqlite_takes() -> None:
    for name in TABLES:
        chunks = Chunks(addition(METADATA.tables[name]))
        for _, values in chunks.of(alike(METADATA.tables[name], SIZES[0])):
            assert len(values) < 999

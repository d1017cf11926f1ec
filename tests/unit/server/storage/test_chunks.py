"""Rows in few statements: all of them come in, and what they agree in is given once."""

import sqlite3
from typing import Any

import pytest
from sqlalchemy import Table
from sqlalchemy.dialects import sqlite
from sqlalchemy.schema import CreateTable

from server.storage.backend import Addition
from server.storage.chunks import SIZES, TABLES, Chunks
from server.storage.operations import _rows_of
from server.storage.tables import ATTEMPTS, METADATA, OPERATIONS
from tests.unit.server.storage.random_records import records

KEYS = {OPERATIONS.name: ("request_id",), ATTEMPTS.name: ("request_id", "number")}


def rows_of(table: Table, count: int) -> list[tuple[Any, ...]]:
    """Rows of records that differ in everything."""
    rows, also = _rows_of(records(7, count), "prices/1")
    return rows if table is OPERATIONS else list(also(frozenset(row[0] for row in rows))[0].rows)


def alike(table: Table, count: int) -> list[tuple[Any, ...]]:
    """Rows that differ in their ids alone."""
    return [(f"req_{number:05}", *rows_of(table, 20)[0][1:]) for number in range(count)]


def written(table: Table, rows: list[tuple[Any, ...]]) -> tuple[list[tuple[Any, ...]], int]:
    """What a database has after all statements, and how many there were."""
    database = sqlite3.connect(":memory:")
    database.execute(str(CreateTable(table).compile(dialect=sqlite.dialect())))
    statements = list(Chunks(Addition(table, KEYS[table.name], ())).of(rows))
    for _ in range(2):  # the second time nothing comes in
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
        chunks = Chunks(Addition(METADATA.tables[name], KEYS[name], ()))
        for _, values in chunks.of(alike(METADATA.tables[name], SIZES[0])):
            assert len(values) < 999

"""The URL picks the backend, and a wrong one says how to write it."""

import os
import subprocess
import sys
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import Column, Integer, MetaData, String, Table, text
from sqlalchemy.exc import DBAPIError

from server.storage.backend import Addition, Backend, Rows, StoreBounds, open_backend
from server.storage.postgresql import PostgresqlBackend
from server.storage.rows import grouped
from server.storage.sqlite import SqliteBackend
from server.storage.tables import OPERATIONS
from tests.stores.records import answered

BOUNDS = StoreBounds(answer_s=30.0)


@pytest.mark.parametrize(
    ("url", "message"),
    [
        pytest.param("not a url", "malformed", id="no URL at all"),
        pytest.param("postgresql://host:port/db", "malformed", id="a port that is no number"),
        pytest.param(
            "oracle://host/db", "no storage for databases of kind 'oracle'", id="a database that we do not serve"
        ),
        pytest.param("postgresql+asyncpg://host/db", "of kind 'postgresql\\+asyncpg'", id="a driver not ours"),
        pytest.param("postgresql://host", "names no database", id="a server without a database"),
        pytest.param("sqlite://", "must be a file", id="a database in memory"),
        pytest.param("sqlite:///:memory:", "must be a file", id="a database in memory by name"),
    ],
)
async def test_a_wrong_url_is_refused_with_the_right_way_to_write_it(url: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        await open_backend(url, BOUNDS)


async def test_a_sqlite_url_opens_sqlite(tmp_path: Path) -> None:
    backend = await open_backend(f"sqlite:///{tmp_path}/a.db", BOUNDS)
    assert isinstance(backend, SqliteBackend)
    await backend.close()


@pytest.mark.parametrize("scheme", ["postgresql", "postgres", "postgresql+psycopg"])
async def test_a_postgresql_url_opens_postgresql(postgres_url: str, scheme: str) -> None:
    backend = await open_backend(postgres_url.replace("postgresql", scheme, 1), BOUNDS)
    assert isinstance(backend, PostgresqlBackend)
    await backend.close()


def test_sqlite_loads_no_driver_of_postgresql(tmp_path: Path) -> None:
    script = (
        "import asyncio, sys; from server.storage.database import Database;"
        f"database = asyncio.run(Database.open('sqlite:///{tmp_path}/a.db'));"
        "sys.exit(int('psycopg' in sys.modules))"
    )
    root = Path(__file__).parents[4]
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=root, env={**os.environ, "PYTHONPATH": str(root)}, check=False
    )
    assert done.returncode == 0


async def test_a_missing_driver_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    monkeypatch.delitem(sys.modules, "server.storage.postgresql", raising=False)
    with pytest.raises(ValueError, match=r"pip install 'perpetuo\[postgres\]'"):
        await open_backend("postgresql://host/db", BOUNDS)


TABLE = Table("t", MetaData(), Column("a", Integer), Column("b", Integer), Column("n", Integer))


def test_rows_that_are_there_are_left_alone_or_added_to() -> None:
    insert = "INSERT INTO t (a, b, n) VALUES (1, 2, 3) ON CONFLICT (a, b) DO "
    assert Addition(TABLE, ("a", "b"), []).sql("VALUES (1, 2, 3)") == f"{insert}NOTHING"
    sums = Addition(TABLE, ("a", "b"), [], sums_up=True)
    assert sums.sql("VALUES (1, 2, 3)") == f"{insert}UPDATE SET n = t.n + excluded.n"


COUNTS = Table("counts", MetaData(), Column("name", String, primary_key=True), Column("n", Integer))


@pytest.fixture
async def counting(url: str) -> AsyncIterator[Backend]:
    """A backend with an empty table of counts, on each engine."""
    backend = await open_backend(url, BOUNDS)
    async with backend.writing() as writer:
        await writer.execute(text("CREATE TABLE counts (name TEXT PRIMARY KEY, n INTEGER)"))
    yield backend
    await backend.close()


async def counts(backend: Backend) -> dict[str, int]:
    async with backend.reading() as reader:
        return {row.name: row.n for row in await reader.execute(text("SELECT name, n FROM counts"))}


async def test_new_rows_are_told_from_those_that_are_there(counting: Backend) -> None:
    async with counting.writing() as writer:
        assert await counting.add_new(writer, COUNTS, [("a", 1), ("b", 2)]) == {"a", "b"}
        assert await counting.add_new(writer, COUNTS, [("b", 7), ("c", 3)]) == {"c"}
        assert await counting.add_new(writer, COUNTS, [("c", 7)]) == frozenset()
        assert await counting.add_new(writer, COUNTS, []) == frozenset()
        many = [(f"n{number}", number) for number in range(2500)]
        assert len(await counting.add_new(writer, COUNTS, [*many, ("a", 7)])) == 2500
    found = await counts(counting)
    assert (found["a"], found["b"], found["c"], len(found)) == (1, 2, 3, 2503)


async def test_numbers_are_added_to_rows_that_are_there(counting: Backend) -> None:
    async with counting.writing() as writer:
        await counting.add_all(writer, [Addition(COUNTS, ("name",), [("a", 1), ("b", 2)], sums_up=True)])
        await counting.add_all(writer, [Addition(COUNTS, ("name",), [("b", 40), ("c", 3)], sums_up=True)])
        await counting.add_all(writer, [])
    assert await counts(counting) == {"a": 1, "b": 42, "c": 3}


async def test_a_failure_of_many_rows_is_the_databases_and_undoes_all(counting: Backend) -> None:
    with pytest.raises(DBAPIError, match="missing"):
        async with counting.writing() as writer:
            await counting.add_new(writer, COUNTS, [("a", 1)])
            missing = Table("missing", MetaData(), Column("n", Integer))
            await counting.add_all(writer, [Addition(missing, ("n",), [(1,)])])
    assert await counts(counting) == {}


SUMS = Table("sums", MetaData(), Column("name", String, primary_key=True), Column("n", Integer))


def made(**statuses: int) -> Rows:
    """Makes rows of operations: their ids, and what tells them apart."""
    return lambda: grouped([answered(request_id=name, status=status) for name, status in statuses.items()], "prices/1")


async def written(backend: Backend) -> dict[str, int]:
    """The operations that are there."""
    async with backend.reading() as reader:
        found = await reader.execute(text("SELECT request_id, status FROM operations"))
        return {row.request_id: row.status for row in found}


@pytest.fixture
async def recording(counting: Backend) -> Backend:
    async with counting.writing() as writer:
        await writer.run_sync(partial(OPERATIONS.create, checkfirst=True))
        await writer.execute(text("CREATE TABLE sums (name TEXT PRIMARY KEY, n INTEGER)"))
    return counting


async def test_what_goes_with_new_rows_is_added_in_the_same_transaction(recording: Backend) -> None:
    asked: list[frozenset[str]] = []

    def also(new: frozenset[str]) -> list[Addition]:
        asked.append(new)
        return [Addition(SUMS, ("name",), [("all", len(new))], sums_up=True)]

    await recording.append_new(OPERATIONS, made(a=201, b=202), also)
    await recording.append_new(OPERATIONS, made(b=207, c=203), also)
    assert asked[0] == {"a", "b"}
    assert asked[-1] == {"c"}  # what it said before, as if all were new, has left no trace
    assert await written(recording) == {"a": 201, "b": 202, "c": 203}
    async with recording.reading() as reader:
        assert (await reader.execute(text("SELECT n FROM sums"))).scalar() == 3


async def test_a_failure_of_what_goes_with_new_rows_undoes_all_and_holds_up_nothing(recording: Backend) -> None:
    missing = Table("missing", MetaData(), Column("n", Integer))
    with pytest.raises(DBAPIError, match="missing"):
        await recording.append_new(OPERATIONS, made(a=201), lambda new: [Addition(missing, ("n",), [(1,)])])
    assert await written(recording) == {}
    await recording.append_new(OPERATIONS, made(a=201), lambda new: [])
    assert await written(recording) == {"a": 201}

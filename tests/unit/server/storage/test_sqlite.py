"""SQLite as we use it: one writer, readers that cannot write, a file for the owner alone, one process."""

import asyncio
import sqlite3
import stat
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import Column, Integer, MetaData, String, Table, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import OperationalError

from server.errors import StoreUnavailable
from server.storage.backend import Addition
from server.storage.sqlite import SqliteBackend


async def _open(path: Path) -> SqliteBackend:
    return await SqliteBackend.open(make_url(f"sqlite:///{path}"), busy_timeout_ms=50)


async def test_every_file_is_readable_by_its_owner_alone(tmp_path: Path) -> None:
    backend = await _open(tmp_path / "made" / "a.db")
    async with backend.writing() as connection:
        await connection.execute(text("CREATE TABLE t (a INTEGER)"))
    modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in (tmp_path / "made").iterdir()}
    assert modes == dict.fromkeys(["a.db", "a.db-wal", "a.db-shm", "a.db.lock"], 0o600)
    await backend.close()


async def test_the_connections_have_the_pragmas_that_durability_needs(tmp_path: Path) -> None:
    backend = await _open(tmp_path / "a.db")
    async with backend.writing() as writer:
        found = {
            name: (await writer.execute(text(f"PRAGMA {name}"))).scalar()
            for name in ["journal_mode", "synchronous", "foreign_keys", "busy_timeout", "query_only"]
        }
    assert found == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "busy_timeout": 50, "query_only": 0}
    await backend.close()


async def test_a_reader_cannot_write(tmp_path: Path) -> None:
    backend = await _open(tmp_path / "a.db")
    with pytest.raises(OperationalError, match="readonly"):
        async with backend.reading() as reader:
            await reader.execute(text("CREATE TABLE t (a INTEGER)"))
    await backend.close()


async def test_an_exception_rolls_back_even_the_creation_of_a_table(tmp_path: Path) -> None:
    backend = await _open(tmp_path / "a.db")

    async def fail() -> None:
        async with backend.writing() as writer:
            await writer.execute(text("CREATE TABLE t (a INTEGER)"))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail()
    async with backend.reading() as reader:
        assert (await reader.execute(text("SELECT count(*) FROM sqlite_master"))).scalar() == 0
    await backend.close()


async def test_fifty_tasks_that_write_at_once_take_turns(tmp_path: Path) -> None:
    backend = await _open(tmp_path / "a.db")
    async with backend.writing() as writer:
        await writer.execute(text("CREATE TABLE counter (n INTEGER)"))
        await writer.execute(text("INSERT INTO counter VALUES (0)"))

    async def increase() -> None:
        async with backend.writing() as writer:
            value = (await writer.execute(text("SELECT n FROM counter"))).scalar_one()
            await writer.execute(text("UPDATE counter SET n = :n"), {"n": value + 1})

    await asyncio.gather(*(increase() for _ in range(50)))
    async with backend.reading() as reader:
        assert (await reader.execute(text("SELECT n FROM counter"))).scalar() == 50
    await backend.close()


async def test_a_writer_that_is_cancelled_leaves_nothing_and_blocks_nobody(tmp_path: Path) -> None:
    backend = await _open(tmp_path / "a.db")
    async with backend.writing() as writer:
        await writer.execute(text("CREATE TABLE t (a INTEGER)"))
    inside = asyncio.Event()

    async def hang() -> None:
        async with backend.writing() as writer:
            await writer.execute(text("INSERT INTO t VALUES (1)"))
            inside.set()
            await asyncio.Event().wait()

    task = asyncio.ensure_future(hang())
    await inside.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    async with backend.writing() as writer:
        await writer.execute(text("INSERT INTO t VALUES (2)"))
    async with backend.reading() as reader:
        assert (await reader.execute(text("SELECT a FROM t"))).scalars().all() == [2]
    await backend.close()


async def test_a_second_owner_is_refused_until_the_first_has_closed(tmp_path: Path) -> None:
    backend = await _open(tmp_path / "a.db")
    with pytest.raises(StoreUnavailable, match="Another process"):
        await _open(tmp_path / "a.db")
    await backend.close()
    await (await _open(tmp_path / "a.db")).close()


async def test_closing_twice_is_safe_and_leaves_no_log_behind(tmp_path: Path) -> None:
    backend = await _open(tmp_path / "a.db")
    async with backend.writing() as writer:
        await writer.execute(text("CREATE TABLE t (a INTEGER)"))
    async with backend.reading() as reader:
        await reader.execute(text("SELECT * FROM t"))
    await backend.close()
    await backend.close()
    with pytest.raises(StoreUnavailable, match="closed"):
        async with backend.reading():
            pass
    with pytest.raises(StoreUnavailable, match="closed"):
        async with backend.writing():
            pass
    assert not (tmp_path / "a.db-wal").exists()


@pytest.mark.parametrize("content", [b"not a database at all, but long enough to be looked at" * 40])
async def test_a_file_that_is_not_a_database_is_reported_as_such(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.db").write_bytes(content)
    with pytest.raises(StoreUnavailable, match="cannot be opened"):
        await _open(tmp_path / "a.db")


async def test_a_directory_in_the_place_of_the_file_is_reported_as_such(tmp_path: Path) -> None:
    (tmp_path / "a.db").mkdir()
    with pytest.raises(StoreUnavailable, match="cannot be opened"):
        await _open(tmp_path / "a.db")


async def test_a_lock_of_another_program_is_waited_for_and_then_reported(tmp_path: Path) -> None:
    backend = await _open(tmp_path / "a.db")
    other = sqlite3.connect(tmp_path / "a.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(OperationalError, match="locked"):
        async with backend.writing():
            pass
    other.close()
    async with backend.writing():
        pass
    await backend.close()


COUNTS = Table("counts", MetaData(), Column("name", String, primary_key=True), Column("n", Integer))


@pytest.fixture
async def counting(tmp_path: Path) -> AsyncIterator[SqliteBackend]:
    """A backend with an empty table of counts."""
    backend = await _open(tmp_path / "a.db")
    async with backend.writing() as writer:
        await writer.execute(text("CREATE TABLE counts (name TEXT PRIMARY KEY, n INTEGER)"))
    yield backend
    await backend.close()


async def counts(backend: SqliteBackend) -> dict[str, int]:
    async with backend.reading() as reader:
        return {row.name: row.n for row in await reader.execute(text("SELECT name, n FROM counts"))}


async def test_new_rows_are_told_from_those_that_are_there(counting: SqliteBackend) -> None:
    async with counting.writing() as writer:
        assert await counting.add_new(writer, COUNTS, [("a", 1), ("b", 2)]) == {"a", "b"}
        assert await counting.add_new(writer, COUNTS, [("b", 7), ("c", 3)]) == {"c"}
        assert await counting.add_new(writer, COUNTS, [("c", 7)]) == frozenset()
        assert await counting.add_new(writer, COUNTS, []) == frozenset()
        many = [(f"n{number}", number) for number in range(2500)]
        assert len(await counting.add_new(writer, COUNTS, [*many, ("a", 7)])) == 2500
    found = await counts(counting)
    assert (found["a"], found["b"], found["c"], len(found)) == (1, 2, 3, 2503)


async def test_numbers_are_added_to_rows_that_are_there(counting: SqliteBackend) -> None:
    async with counting.writing() as writer:
        await counting.add_all(writer, [Addition(COUNTS, ("name",), [("a", 1), ("b", 2)], sums_up=True)])
        await counting.add_all(writer, [Addition(COUNTS, ("name",), [("b", 40), ("c", 3)], sums_up=True)])
        await counting.add_all(writer, [])
    assert await counts(counting) == {"a": 1, "b": 42, "c": 3}


async def test_a_failure_of_many_rows_is_the_databases_and_undoes_all(counting: SqliteBackend) -> None:
    with pytest.raises(OperationalError, match="no such table"):
        async with counting.writing() as writer:
            await counting.add_new(writer, COUNTS, [("a", 1)])
            missing = Table("missing", MetaData(), Column("n", Integer))
            await counting.add_all(writer, [Addition(missing, ("n",), [(1,)])])
    assert await counts(counting) == {}

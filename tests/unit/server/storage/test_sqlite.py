"""SQLite as we use it: one writer, readers that cannot write, a file for the owner alone, one process."""

import asyncio
import gc
import sqlite3
import stat
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import OperationalError

from server.errors import StoreUnavailable
from server.storage.backend import StoreBounds
from server.storage.sqlite import SqliteBackend


async def _open(path: Path, answer_s: float = 0.1) -> SqliteBackend:
    return await SqliteBackend.open(make_url(f"sqlite:///{path}"), StoreBounds(answer_s=answer_s))


async def _write(backend: SqliteBackend) -> None:
    async with backend.writing():
        pass


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


async def test_a_connection_that_is_read_from_is_closed_as_well(
    tmp_path: Path, recwarn: pytest.WarningsRecorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("server.storage.sqlite._LAST_READ_S", 0.05)
    backend = await _open(tmp_path / "a.db")
    with pytest.raises(OperationalError, match="no active connection"):
        async with backend.reading() as connection:
            await connection.execute(text("SELECT 1"))
            await backend.close()
            await connection.execute(text("SELECT 1"))
    await backend.close()
    del connection
    gc.collect()
    assert not (tmp_path / "a.db-wal").exists()
    assert list(recwarn) == []


async def test_who_reads_when_all_is_closed_is_waited_for(tmp_path: Path, recwarn: pytest.WarningsRecorder) -> None:
    backend = await _open(tmp_path / "a.db")
    reads = asyncio.Event()

    async def read() -> None:
        async with backend.reading() as connection:
            await connection.execute(text("SELECT 1"))
            reads.set()
            await asyncio.sleep(3600)

    reading = asyncio.ensure_future(read())
    await reads.wait()
    reading.cancel()
    await backend.close()
    with pytest.raises(asyncio.CancelledError):
        await reading
    gc.collect()
    assert not (tmp_path / "a.db-wal").exists()
    assert list(recwarn) == []


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


async def test_whoever_meets_a_lock_that_is_known_does_not_wait_for_it(tmp_path: Path) -> None:
    backend = await _open(tmp_path / "a.db", answer_s=1.0)
    await backend.check_writing()
    other = sqlite3.connect(tmp_path / "a.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(OperationalError, match="locked"):
        async with backend.writing():
            pass
    # Each of these would wait 0.5 s: together far longer than the limit.
    async with asyncio.timeout(30):
        for _ in range(200):
            with pytest.raises(OperationalError, match="locked"):
                await backend.check_writing()
            with pytest.raises(OperationalError, match="locked"):
                await _write(backend)
    other.close()
    await backend.check_writing()
    async with backend.writing() as writer:
        assert (await writer.execute(text("PRAGMA busy_timeout"))).scalar() == 500
    await backend.close()

"""The ledger writes everything once, soon, and says so when it cannot."""

import asyncio
import errno
import logging
import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from server.chat.records import AttemptRecord, OperationRecord
from server.chat.usage import Usage
from server.errors import StoreUnavailable
from server.ledger.ledger import BATCH_RECORDS, MAX_COMMIT_RECORDS, BatchLedger, Ledger, LedgerBounds
from server.ledger.spool.replay import Orphan
from server.ledger.spool.runs import dead_runs
from server.ledger.spool.spool import Spool, SpoolBounds
from server.storage.database import Database
from tests.stores.records import answered

NOW = datetime(2026, 1, 11, tzinfo=UTC)
ATTEMPT = AttemptRecord(1, "prov_1", "openai", "gpt-4o", "ok", 200, NOW, 345, 120, Usage(10, 0, 0, 8), 240)


def operation(number: int, *, status: int = 200) -> OperationRecord:
    return answered(
        request_id=f"req_{number:06}",
        key_id=None,
        surface="grpc",
        model_requested="gpt-4o",
        provider_id="prov_1",
        is_stream=False,
        status=status,
        usage=ATTEMPT.usage,
        cost_nanousd=240,
        first_token_ms=None,
        created_at=NOW,
        notes=(),
        attempts=(ATTEMPT,),
    )


async def kept(database: Database) -> list[str]:
    async with database.read() as tx:
        return sorted(found.request_id for found in await tx.operations.recent("ws_1", 10_000))


@contextmanager
def database_away(path: Path) -> Iterator[None]:
    """Another program holds the file's write lock."""
    other = sqlite3.connect(path / "perpetuo.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        other.close()


async def until_away(database: Database, caplog: pytest.LogCaptureFixture) -> None:
    while "The database is away" not in caplog.text:
        await database.check()


@pytest.mark.parametrize(
    "count",
    [
        pytest.param(1, id="a single record"),
        pytest.param(BATCH_RECORDS, id="a full batch"),
        pytest.param(2 * MAX_COMMIT_RECORDS + 1, id="more than two commits"),
    ],
)
async def test_flush_writes_everything_that_was_recorded(database: Database, count: int) -> None:
    ledger: Ledger = BatchLedger(database, "prices/1")
    for number in range(count):
        ledger.record(operation(number))
    await ledger.flush()
    assert await kept(database) == [f"req_{number:06}" for number in range(count)]
    async with database.read() as tx:
        assert await tx.operations.get("ws_1", "req_000000") == operation(0)
    await ledger.close()


async def test_a_record_is_written_without_any_flush(database: Database) -> None:
    ledger = BatchLedger(database, "prices/1")
    for number in range(3):
        ledger.record(operation(number))
        # A row can be seen a moment before its batch is counted.
        while ledger.pending_count:
            await kept(database)
        assert len(await kept(database)) == number + 1
    assert ledger.written_count == 3
    await ledger.close()


async def test_records_that_come_while_a_batch_is_written_are_written_too(database: Database) -> None:
    ledger = BatchLedger(database, "prices/1")
    for number in range(1000):
        ledger.record(operation(number))
        if number % 50 == 0:
            await asyncio.sleep(0)
    await ledger.flush()
    assert (ledger.written_count, ledger.dropped_count, ledger.pending_count) == (1000, 0, 0)
    assert len(await kept(database)) == 1000
    await ledger.close()


@pytest.mark.parametrize(
    "count",
    [
        pytest.param(BATCH_RECORDS - 1, id="what comes within the delay"),
        pytest.param(BATCH_RECORDS + 50, id="a full batch and what comes before it is taken"),
    ],
)
async def test_what_comes_together_is_written_together(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, count: int
) -> None:
    append, sizes = database.append_operations, list[int]()

    async def counted(operations: Sequence[OperationRecord], price_version: str) -> None:
        sizes.append(len(operations))
        await append(operations, price_version)

    monkeypatch.setattr(database, "append_operations", counted)
    ledger, _ = spooled(database, tmp_path)
    for number in range(count):
        ledger.record(operation(number))
    while ledger.pending_count:
        await asyncio.sleep(0.01)
    assert sizes == [count]
    await ledger.close()


async def test_a_batch_that_came_together_while_another_was_written_waits_no_longer(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("server.ledger.ledger.BATCH_DELAY_S", 3600.0)
    append, sizes, left = database.append_operations, list[int](), iter(range(BATCH_RECORDS, 3 * BATCH_RECORDS))
    ledger, _ = spooled(database, tmp_path)

    async def slow(operations: Sequence[OperationRecord], price_version: str) -> None:
        sizes.append(len(operations))
        for number in left:
            ledger.record(operation(number))
        await append(operations, price_version)

    monkeypatch.setattr(database, "append_operations", slow)
    for number in range(BATCH_RECORDS):
        ledger.record(operation(number))
    async with asyncio.timeout(60):
        while ledger.pending_count:
            await asyncio.sleep(0.01)
    assert sum(sizes) == ledger.written_count == 3 * BATCH_RECORDS
    await ledger.close()


async def test_a_request_that_is_recorded_twice_is_there_once(database: Database) -> None:
    ledger = BatchLedger(database, "prices/1")
    ledger.record(operation(1))
    await ledger.flush()
    ledger.record(operation(1))
    await ledger.flush()
    assert await kept(database) == ["req_000001"]
    await ledger.close()


async def test_rows_land_when_a_database_that_was_away_comes_back(
    database: Database, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    ledger = BatchLedger(database, "prices/1")
    with database_away(tmp_path):
        ledger.record(operation(1))
        await until_away(database, caplog)
        ledger.record(operation(2))
        assert ledger.pending_count == 2
    await ledger.flush()
    assert await kept(database) == ["req_000001", "req_000002"]
    assert ledger.dropped_count == 0
    await ledger.close()


async def test_what_does_not_fit_in_memory_is_counted_and_logged(
    database: Database, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    ledger = BatchLedger(database, "prices/1", bounds=LedgerBounds(max_pending=3))
    with database_away(tmp_path):
        for number in range(5):
            ledger.record(operation(number))
        assert (ledger.pending_count, ledger.dropped_count) == (3, 2)
        assert "request records are lost" in caplog.text
    await ledger.flush()
    assert len(await kept(database)) == 3
    await ledger.close()


async def test_one_record_that_cannot_be_written_does_not_hold_up_the_others(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    ledger = BatchLedger(database, "prices/1")
    for number in range(20):
        ledger.record(operation(number, status=2**70 if number == 7 else 200))
    await ledger.flush()
    assert (ledger.written_count, ledger.dropped_count) == (19, 1)
    assert "req_000007 cannot be written" in caplog.text
    assert "req_000007" not in await kept(database)
    await ledger.close()


async def test_closing_writes_what_is_pending(database: Database) -> None:
    ledger = BatchLedger(database, "prices/1")
    ledger.record(operation(1))
    await ledger.close()
    await ledger.close()
    assert await kept(database) == ["req_000001"]


async def test_closing_gives_up_in_time_when_the_database_stays_away(
    database: Database, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    ledger = BatchLedger(database, "prices/1", bounds=LedgerBounds(close_timeout_s=0.05))
    with database_away(tmp_path):
        ledger.record(operation(1))
        await ledger.close()
    assert (ledger.written_count, ledger.dropped_count) == (0, 1)
    assert "stopped while the database was away" in caplog.text


async def test_a_record_after_closing_is_counted_as_lost(database: Database, caplog: pytest.LogCaptureFixture) -> None:
    ledger = BatchLedger(database, "prices/1")
    await ledger.close()
    ledger.record(operation(1))
    assert ledger.dropped_count == 1
    assert [entry.levelno for entry in caplog.records] == [logging.ERROR]


# --- with a spool ---

SMALL = SpoolBounds(segment_bytes=8192, max_bytes=200 * 8192)


def spooled(database: Database, root: Path, **bounds: Any) -> tuple[BatchLedger, Spool]:
    spool = Spool.open(root / "spool", SMALL)
    return BatchLedger(database, "prices/1", spool, LedgerBounds(**bounds)), spool


def left(root: Path) -> list[Path]:
    """The directories of processes that are in the spool."""
    return [path for path in (root / "spool").iterdir() if path.is_dir()]


def orphans(root: Path) -> list[Orphan]:
    return [Orphan(directory, lock, "prices/1") for directory, lock in dead_runs(root / "spool")]


async def test_what_landed_leaves_nothing_in_the_spool(database: Database, tmp_path: Path) -> None:
    ledger, spool = spooled(database, tmp_path)
    for number in range(200):
        ledger.record(operation(number))
    await ledger.flush()
    assert spool.size_bytes <= 3 * SMALL.segment_bytes
    assert (spool.kept_count, ledger.written_count, ledger.dropped_count) == (200, 200, 0)
    await ledger.close()
    assert left(tmp_path) == []


async def test_what_memory_has_no_room_for_lands_from_the_spool(database: Database, tmp_path: Path) -> None:
    ledger, _ = spooled(database, tmp_path, max_pending=10)
    with database_away(tmp_path):
        for number in range(300):
            ledger.record(operation(number))
        assert (ledger.pending_count, ledger.dropped_count) == (10, 0)
    async with asyncio.timeout(60):
        while len(await kept(database)) < 300:
            await asyncio.sleep(0.01)
    ledger.record(operation(300))
    await ledger.flush()
    assert await kept(database) == [f"req_{number:06}" for number in range(301)]
    async with database.read() as tx:
        sums = await tx.figures.usage("ws_1", minutes_from=NOW)
    assert sums[()].requests == 301
    await ledger.close()
    assert left(tmp_path) == []


async def test_what_cannot_be_written_while_closing_waits_for_the_next_start(
    database: Database, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    ledger, _ = spooled(database, tmp_path, close_timeout_s=0.05)
    with database_away(tmp_path):
        for number in range(3):
            ledger.record(operation(number))
        await ledger.close()
    assert ledger.dropped_count == 0
    assert "3 request records wait in the spool" in caplog.text
    with database_away(tmp_path):
        interrupted, _ = spooled(database, tmp_path, close_timeout_s=0.05)
        interrupted.replay(orphans(tmp_path))
        assert not await interrupted.replayed(0.01)
        await interrupted.close()
    again, _ = spooled(database, tmp_path)
    again.replay(orphans(tmp_path))
    assert await again.replayed(30.0)
    assert len(await kept(database)) == 3
    await again.close()
    assert left(tmp_path) == []


async def test_a_record_that_the_database_refuses_does_not_stay_in_the_spool(
    database: Database, tmp_path: Path
) -> None:
    ledger, _ = spooled(database, tmp_path)
    ledger.record(operation(1, status=2**70))
    ledger.record(operation(2))
    await ledger.flush()
    assert await kept(database) == ["req_000002"]
    await ledger.close()
    assert left(tmp_path) == []


async def test_a_log_that_is_required_refuses_before_the_spool_is_full(database: Database, tmp_path: Path) -> None:
    bounds = LedgerBounds(requires_log=True)
    spool = Spool.open(tmp_path / "spool", SpoolBounds(segment_bytes=4096, max_bytes=3 * 4096))
    ledger = BatchLedger(database, "prices/1", spool, bounds)
    with database_away(tmp_path):
        for number in range(1000):
            try:
                ledger.check()
            except StoreUnavailable:
                break
            ledger.record(operation(number))
            await asyncio.sleep(0.001)
        assert 0 < number < 100
        assert spool.unkept_count == 0
        with pytest.raises(StoreUnavailable, match="no room for its record"):
            ledger.check()
    await ledger.flush()
    async with asyncio.timeout(30):
        while spool.is_full:
            await asyncio.sleep(0.01)
    ledger.check()
    await ledger.close()
    bare = BatchLedger(database, "prices/1", None, bounds)
    with pytest.raises(StoreUnavailable):
        bare.check()
    await bare.close()


async def test_a_full_disk_stops_no_records_while_the_database_is_there(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(descriptor: int, offset: int, length: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full, raising=False)
    ledger, spool = spooled(database, tmp_path)
    for number in range(50):
        ledger.check()
        ledger.record(operation(number))
    await ledger.flush()
    assert len(await kept(database)) == 50
    assert (spool.kept_count, spool.unkept_count, ledger.dropped_count) == (0, 50, 0)
    await ledger.close()

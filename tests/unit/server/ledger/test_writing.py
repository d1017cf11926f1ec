"""Batches are written however long the database is away; one record that it does not take is found and given up."""

import pytest

from server.ledger.writing import PatientWriter
from server.storage.database import Database
from tests.unit.server.ledger.spool.spooled import ended


async def test_a_batch_is_written_and_counted(database: Database) -> None:
    writer = PatientWriter(database, lambda: 0)
    assert await writer.write([ended(number) for number in range(5)], "prices/1") == 5
    async with database.read() as tx:
        assert await tx.operations.get("ws_1", "req_000004") is not None
    assert (writer.written_count, writer.refused_count) == (5, 0)


async def test_the_first_that_can_be_are_written(database: Database, caplog: pytest.LogCaptureFixture) -> None:
    writer = PatientWriter(database, lambda: 0)
    batch = [ended(number, status=2**70 if number == 2 else 200) for number in range(4)]
    assert await writer.write(batch, "prices/1") == 2
    assert await writer.write(batch[2:], "prices/1") == 1
    assert await writer.write(batch[3:], "prices/1") == 1
    assert (writer.written_count, writer.refused_count) == (3, 1)
    assert "req_000002 cannot be written" in caplog.text


async def test_all_are_written_but_for_those(database: Database) -> None:
    writer = PatientWriter(database, lambda: 0)
    await writer.write_all([ended(number, status=2**70 if number % 7 == 3 else 200) for number in range(20)], "p")
    assert (writer.written_count, writer.refused_count) == (17, 3)

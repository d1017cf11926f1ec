"""The ledger opens over its spool, and takes over what earlier processes left."""

from pathlib import Path

import pytest

from server.ledger.opening import LedgerOptions, open_ledger
from server.ledger.spool.spool import Spool, SpoolBounds
from server.ledger.spool.sync import SyncPolicy
from server.storage.database import Database
from tests.unit.server.ledger.spool.spooled import began, ended


def options(root: Path, *, max_mib: int = 8, requires_log: bool = False) -> LedgerOptions:
    return LedgerOptions(root / "spool", max_mib, SyncPolicy.OFF, requires_log)


async def left_behind(root: Path) -> None:
    spool = Spool.open(root / "spool", SpoolBounds(4096, 40960))
    spool.start(began(5))
    for number in range(3):
        assert spool.settle("prices/0", ended(number)) is not None
    await spool.close()


@pytest.mark.parametrize("max_mib", [8, 0], ids=["with a spool", "without one"])
async def test_what_was_left_is_in_the_database_before_anything_is_served(
    database: Database, tmp_path: Path, max_mib: int
) -> None:
    await left_behind(tmp_path)
    ledger = open_ledger(database, "prices/1", options(tmp_path, max_mib=max_mib))
    assert await ledger.replayed(30.0)
    async with database.read() as tx:
        found = await tx.operations.recent("ws_1", 10)
    assert sorted((record.request_id, record.outcome) for record in found) == [
        ("req_000000", "ok"),
        ("req_000001", "ok"),
        ("req_000002", "ok"),
        ("req_000005", "interrupted"),
    ]
    assert (ledger.spool is None) is (max_mib == 0)
    await ledger.close()
    assert [path.name for path in (tmp_path / "spool").iterdir()] == ["claim.lock"]


async def test_nothing_left_is_nothing_to_wait_for(database: Database, tmp_path: Path) -> None:
    ledger = open_ledger(database, "prices/1", options(tmp_path))
    assert await ledger.replayed(30.0)
    await ledger.close()


async def test_a_place_that_cannot_be_written_is_told(
    database: Database, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "spool").write_bytes(b"a file")
    ledger = open_ledger(database, "prices/1", options(tmp_path))
    assert ledger.spool is None
    assert "There is no spool" in caplog.text
    await ledger.close()
    with pytest.raises(OSError, match="spool"):
        open_ledger(database, "prices/1", options(tmp_path, requires_log=True))

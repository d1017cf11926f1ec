"""Without room for records completions go on, or are refused when they must be written down."""

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.durability.full import NOT_KEPT, without_room
from tests.durability.load import Fate


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Another program holds the lock of the database, so that records pile up."""
    other = sqlite3.connect(folder / "data" / "perpetuo.db", isolation_level=None, timeout=30)
    other.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        other.close()


@pytest.mark.parametrize("requires_log", [False, True], ids=["records may be lost", "records are required"])
async def test_a_spool_that_is_full(tmp_path: Path, *, requires_log: bool) -> None:
    full = await without_room(tmp_path, locked(tmp_path), rate=250.0, requires_log=requires_log)
    assert full.answers_again
    assert full.verdict.is_good, str(full.verdict)
    unkept = full.series[NOT_KEPT]
    if requires_log:
        assert full.statuses == {200, 503}
        assert full.asked_upstream == full.fates[Fate.COMPLETE] > 100
        assert unkept == 0
    else:
        assert set(full.fates) == {Fate.COMPLETE}
        assert unkept > 0

"""The disk is asked when the policy says so, and whoever waits for it waits for what was written before."""

import asyncio
import errno
import os
from pathlib import Path

import pytest

from server.ledger.spool.segment import Segment
from server.ledger.spool.sync import Syncer, SyncPolicy


@pytest.fixture
def synced(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The descriptors that the disk was asked for."""
    found: list[int] = []
    monkeypatch.setattr(os, "fsync", found.append)
    return found


async def test_nothing_is_asked_of_the_disk_by_default(tmp_path: Path, synced: list[int]) -> None:
    segment, syncer = Segment.create(tmp_path, 1, 4096), Syncer(SyncPolicy.OFF)
    syncer.note(segment)
    assert syncer.secured() is None
    await syncer.close()
    assert synced == []
    segment.remove()


async def test_many_writes_are_one_wait_for_the_disk(tmp_path: Path, synced: list[int]) -> None:
    segment, syncer = Segment.create(tmp_path, 1, 4096), Syncer(SyncPolicy.BATCH)
    for _ in range(100):
        syncer.note(segment)
        assert syncer.secured() is None
    async with asyncio.timeout(60):
        while not synced:
            await asyncio.sleep(0.001)
    await syncer.close()
    assert len(synced) == 1
    syncer.note(segment)
    await syncer.close()
    assert len(synced) == 2
    segment.remove()


async def test_whoever_must_wait_is_told_once_the_disk_has_it(tmp_path: Path, synced: list[int]) -> None:
    segment, syncer = Segment.create(tmp_path, 1, 4096), Syncer(SyncPolicy.ALWAYS)
    for _ in range(3):
        syncer.note(segment)
        waiting = [syncer.secured() for _ in range(20)]
        assert all(done is not None and not done.done() for done in waiting)
        await asyncio.gather(*(done for done in waiting if done is not None))
    assert len(synced) == 3
    await syncer.close()
    segment.remove()


async def test_a_disk_that_fails_holds_nobody_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(descriptor: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "fsync", fail)
    segment, syncer = Segment.create(tmp_path, 1, 4096), Syncer(SyncPolicy.ALWAYS)
    syncer.note(segment)
    done = syncer.secured()
    assert done is not None
    await done
    assert "The disk does not keep the spool: Input/output error" in caplog.text
    await syncer.close()
    segment.remove()

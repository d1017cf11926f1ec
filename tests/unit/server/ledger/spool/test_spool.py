"""Segments follow each other without a gap, go when nobody needs them, and stay within their bounds."""

import asyncio
import errno
import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from server.chat.records import OperationRecord, OperationStart
from server.ledger.spool.entries import Settled, entry_of
from server.ledger.spool.frames import Scan
from server.ledger.spool.segment import Segment, mark_of
from server.ledger.spool.spool import Spool, SpoolBounds
from server.ledger.spool.sync import SyncPolicy
from tests.unit.server.ledger.spool.spooled import began, ended

# Some five ends each.
SMALL = SpoolBounds(segment_bytes=2048, max_bytes=40 * 2048)


@pytest.fixture
async def spool(tmp_path: Path) -> AsyncIterator[Spool]:
    found = Spool.open(tmp_path, SMALL)
    yield found
    await found.close()


def on_disk(directory: Path) -> Iterator[OperationStart | Settled]:
    """Everything in the files; what is in one file is in order."""
    for path in sorted(directory.glob("*.spool")):
        for payload in Scan(path.read_bytes(), mark_of(path)):
            yield entry_of(payload)


def ends_on_disk(directory: Path) -> list[str]:
    return sorted(entry.operation.request_id for entry in on_disk(directory) if isinstance(entry, Settled))


def settle(spool: Spool, operation: OperationRecord) -> Segment:
    segment = spool.settle("prices/1", operation)
    assert segment is not None
    return segment


def land(spool: Spool, segments: list[Segment]) -> None:
    """As the ledger does when the database has them."""
    for segment in segments:
        segment.waiting -= 1
    spool.tidy()


async def test_what_is_settled_is_in_a_file_at_once(spool: Spool) -> None:
    spool.start(began(1))
    segment = settle(spool, ended(1))
    assert list(on_disk(spool.directory)) == [began(1), Settled("prices/1", ended(1))]
    assert (segment.waiting, spool.kept_count) == (1, 1)
    land(spool, [segment])


async def test_many_are_in_several_segments_which_go_with_the_last_that_landed(spool: Spool) -> None:
    segments = []
    for number in range(60):
        segments.append(settle(spool, ended(number)))
        await asyncio.sleep(0)
    assert ends_on_disk(spool.directory) == [f"req_{number:06}" for number in range(60)]
    assert len(set(segments)) > 8
    land(spool, segments[:-3])
    assert ends_on_disk(spool.directory)[-3:] == [f"req_{number:06}" for number in range(57, 60)]
    land(spool, segments[-3:])
    await asyncio.sleep(0)
    assert spool.size_bytes <= 3 * SMALL.segment_bytes


async def test_a_burst_without_a_breath_has_no_gap(spool: Spool) -> None:
    segments = [settle(spool, ended(number)) for number in range(60)]
    assert len(ends_on_disk(spool.directory)) == 60
    land(spool, segments)


async def test_a_long_request_does_not_keep_every_segment(spool: Spool) -> None:
    spool.start(began(999_999))
    for number in range(300):
        spool.start(began(number))
        land(spool, [settle(spool, ended(number))])
        await asyncio.sleep(0)
    assert spool.size_bytes < 20 * SMALL.segment_bytes
    starts = [entry.request_id for entry in on_disk(spool.directory) if isinstance(entry, OperationStart)]
    assert "req_999999" in starts
    land(spool, [settle(spool, ended(999_999))])


async def test_a_second_attempt_takes_the_place_of_the_first(spool: Spool) -> None:
    spool.start(began(1, number=1, earlier=()))
    first = settle(spool, ended(2))
    others = [settle(spool, ended(number)) for number in range(3, 15)]
    spool.start(began(1))
    land(spool, [first, *others])
    assert not first.path.exists()
    assert [entry for entry in on_disk(spool.directory) if isinstance(entry, OperationStart)] == [began(1)]
    land(spool, [settle(spool, ended(1))])


async def test_a_segment_stays_as_long_as_a_request_whose_beginning_is_in_it(spool: Spool) -> None:
    spool.start(began(1))
    first = settle(spool, ended(2))
    others = [settle(spool, ended(number)) for number in range(3, 15)]
    land(spool, [first, *others])
    assert first.path.exists()
    last = settle(spool, ended(1))
    spool.tidy()
    assert not first.path.exists()
    land(spool, [last])


async def test_closing_leaves_nothing_when_all_has_landed(tmp_path: Path) -> None:
    spool = Spool.open(tmp_path, SMALL)
    segments = [settle(spool, ended(number)) for number in range(20)]
    land(spool, segments)
    await spool.close()
    await spool.close()
    assert not spool.directory.exists()


async def test_closing_leaves_what_has_not_landed(tmp_path: Path) -> None:
    spool = Spool.open(tmp_path, SMALL)
    spool.start(began(7))
    for number in range(3):
        settle(spool, ended(number))
    await spool.close()
    assert list(on_disk(spool.directory)) == [began(7), *(Settled("prices/1", ended(number)) for number in range(3))]
    assert spool.settle("prices/1", ended(4)) is None


async def test_a_spool_that_is_full_says_so_before_it_has_to_refuse(tmp_path: Path) -> None:
    # So large that some ends fit into what is left when it says so, even while another segment is being made.
    spool = Spool.open(tmp_path, SpoolBounds(segment_bytes=16_384, max_bytes=3 * 16_384))
    assert not spool.is_full
    segments: list[Segment] = []
    while not spool.is_full:
        segments.append(settle(spool, ended(len(segments))))
        await asyncio.sleep(0.001)
    late = [spool.settle("prices/1", ended(number)) for number in range(1_000, 1_100)]
    assert late[0] is not None
    assert late[-1] is None
    assert spool.unkept_count == late.count(None)
    land(spool, [*segments, *(segment for segment in late if segment is not None)])
    await opens_again(spool)
    land(spool, [settle(spool, ended(2_000))])
    await spool.close()


async def opens_again(spool: Spool) -> None:
    async with asyncio.timeout(60):
        while spool.is_full:
            await asyncio.sleep(0.01)


async def test_a_disk_that_is_full_is_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full(descriptor: int, offset: int, length: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "posix_fallocate", full, raising=False)
        spool = Spool.open(tmp_path, SMALL)
        assert spool.is_full
        spool.start(began(1))
        assert spool.settle("prices/1", ended(1)) is None
        assert spool.unkept_count == 1
        assert "The spool cannot grow: No space left on device" in caplog.text
    await opens_again(spool)
    land(spool, [settle(spool, ended(2))])
    await spool.close()


async def test_what_is_larger_than_half_a_segment_is_not_kept(spool: Spool) -> None:
    assert spool.settle("prices/1", ended(1, model_requested="x" * 5000)) is None
    land(spool, [settle(spool, ended(2))])


async def test_what_cannot_be_written_is_passed_over(spool: Spool) -> None:
    spool.start(began(1, number=2**70))
    assert spool.settle("prices/1", ended(1, status=2**70)) is None
    assert spool.settle("prices/1", ended(1, model="\ud800")) is None
    assert spool.unkept_count == 2


async def test_what_memory_has_no_room_for_is_sealed_to_be_read_back(spool: Spool) -> None:
    assert spool.spilled() is None
    first, second = settle(spool, ended(1)), settle(spool, ended(2))
    assert first is second
    land(spool, [first, second])
    first.is_spilled = True
    assert spool.has_spilled
    assert spool.spilled() is first
    third = settle(spool, ended(3))
    assert third is not first
    spool.tidy()
    assert first.path.exists()
    first.is_spilled = False
    spool.tidy()
    assert not first.path.exists()
    assert spool.spilled() is None
    land(spool, [third])


async def test_whoever_must_wait_for_the_disk_is_told(tmp_path: Path) -> None:
    spool = Spool.open(tmp_path, SpoolBounds(4096, 40 * 4096, SyncPolicy.ALWAYS))
    segment = settle(spool, ended(1))
    secured = spool.secured()
    assert secured is not None
    await secured
    land(spool, [segment])
    await spool.close()

"""What a process left behind is read to the last whole record, and told in batches."""

import random
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from server.chat.records import OperationRecord
from server.ledger.spool.entries import Settled
from server.ledger.spool.frames import Scan
from server.ledger.spool.replay import BATCH_RECORDS, Orphan, Reading, Spilled, in_batches
from server.ledger.spool.runs import dead_runs
from server.ledger.spool.segment import Segment, mark_of
from server.ledger.spool.spool import Spool, SpoolBounds
from tests.unit.server.ledger.spool.spooled import began, ended, frame, settled_payload, start_payload

SMALL = SpoolBounds(segment_bytes=8192, max_bytes=100 * 8192)


async def left_behind(root: Path, count: int) -> Path:
    """A directory whose process is gone: so many ends, a beginning for each, and one without an end."""
    spool = Spool.open(root, SMALL)
    spool.start(began(900_000))
    for number in range(count):
        spool.start(began(number))
        assert spool.settle("prices/1", ended(number)) is not None
    await spool.close()
    return spool.directory


def the_orphan(root: Path) -> Orphan:
    [(directory, lock)] = dead_runs(root)
    return Orphan(directory, lock, "prices/2")


async def all_of(batches: AsyncIterator[tuple[str, list[OperationRecord]]]) -> list[tuple[str, OperationRecord]]:
    return [(version, record) async for version, records in batches for record in records]


async def test_everything_is_found_and_the_directory_goes(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    directory = await left_behind(tmp_path, 50)
    orphan = the_orphan(tmp_path)
    found = await all_of(orphan.batches())
    assert [record for _, record in found[:-1]] == [ended(number) for number in range(50)]
    assert {version for version, _ in found[:-1]} == {"prices/1"}
    version, last = found[-1]
    assert (version, last.request_id, last.outcome) == ("prices/2", "req_900000", "interrupted")
    orphan.finish()
    assert not directory.exists()
    assert "50 records, and 1 of requests that it interrupted" in caplog.text


async def test_a_cut_or_a_flip_anywhere_costs_no_more_than_it_must(tmp_path: Path) -> None:
    directory = await left_behind(tmp_path, 40)
    paths = sorted(directory.glob("*.spool"))
    whole = {path: path.read_bytes() for path in paths}
    expected = {f"req_{number:06}" for number in range(40)}
    rng = random.Random(1)
    for round_number in range(200):
        path = rng.choice(paths)
        content = bytearray(whole[path])
        used = len(content.rstrip(b"\0"))
        place = rng.randrange(used)
        if round_number % 2:
            content[place] ^= 1 << rng.randrange(8)
        else:
            del content[place:]
        reading, found = Reading(), dict[str, OperationRecord]()
        for each in paths:
            data = bytes(content) if each == path else whole[each]
            found |= {end.operation.request_id: end.operation for end in reading.ends(data, mark_of(each))}
        assert found.keys() <= expected
        assert all(found[f"req_{number:06}"] == ended(number) for number in range(40) if f"req_{number:06}" in found)
        missing = expected - found.keys()
        interrupted = {record.request_id for record in reading.interrupted()} - {"req_900000"}
        assert interrupted <= missing
        if round_number % 2:
            assert len(missing) <= 1
            assert reading.broken == 1
        else:
            assert missing == {id_ for id_, start in starts_of(whole[path], mark_of(path)).items() if start >= place}


def starts_of(data: bytes, mark: bytes) -> dict[str, int]:
    """Where the last byte of each end stands."""
    places: dict[str, int] = {}
    position = 0
    for payload in Scan(data, mark):
        position = data.index(payload, position) + len(payload)
        if payload[:1] == b"\x04":
            [settled] = list(Reading().ends(data[position - len(payload) - 12 : position], mark))
            places[settled.operation.request_id] = position - 1
    return places


async def test_a_file_that_cannot_be_read_stays_where_it_is(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    directory = await left_behind(tmp_path, 3)
    (directory / "00000099-nonsense.spool").write_bytes(b"x")
    orphan = the_orphan(tmp_path)
    assert len(await all_of(orphan.batches())) == 4
    orphan.finish()
    assert directory.exists()
    assert "00000099-nonsense.spool of the spool cannot be read and stays" in caplog.text


async def test_what_this_program_does_not_understand_is_counted(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    spool = Spool.open(tmp_path, SMALL)
    segment = spool.settle("prices/1", ended(1))
    assert segment is not None
    segment.append(b"\x09from the future")
    await spool.close()
    orphan = the_orphan(tmp_path)
    assert len(await all_of(orphan.batches())) == 1
    orphan.finish()
    assert "1 stretches that cannot be read" in caplog.text


async def test_a_spilled_segment_gives_its_ends_alone(tmp_path: Path) -> None:
    segment = Segment.create(tmp_path, 1, 8192)
    for number in range(3):
        segment.append(settled_payload("prices/1", ended(number)))
    segment.is_spilled = True
    tidied: list[bool] = []
    spilled = Spilled(segment, lambda: tidied.append(segment.is_spilled))
    assert [record for _, record in await all_of(spilled.batches())] == [ended(number) for number in range(3)]
    spilled.finish()
    assert tidied == [False]
    segment.remove()


def test_batches_are_bounded_and_of_one_source_of_prices_each() -> None:
    ends = [Settled("a", ended(number)) for number in range(BATCH_RECORDS + 1)]
    ends += [Settled("b", ended(1)), Settled("a", ended(2))]
    assert [(version, len(records)) for version, records in in_batches(iter(ends))] == [
        ("a", BATCH_RECORDS),
        ("a", 1),
        ("b", 1),
        ("a", 1),
    ]
    assert list(in_batches(iter([]))) == []


def test_the_last_attempt_counts_in_whatever_order_the_files_are() -> None:
    mark = b"\xff\x01\x02\x03"
    first = frame(mark, start_payload(began(1, number=1, provider="openai", earlier=())))
    second = frame(mark, start_payload(began(1)))
    for data in ([first, second], [second, first]):
        reading = Reading()
        for segment in data:
            assert list(reading.ends(segment, mark)) == []
        [record] = reading.interrupted()
        assert (record.provider, len(record.attempts)) == ("groq", 2)

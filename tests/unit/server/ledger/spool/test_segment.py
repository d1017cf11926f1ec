"""A segment holds what was written into it, whatever becomes of the process."""

import errno
import os
import stat
from pathlib import Path

import pytest

from server.ledger.spool.frames import HEAD_BYTES, Scan
from server.ledger.spool.segment import Segment, mark_of

SIZE = 4096


def test_what_is_written_can_be_read_from_the_file_at_once(tmp_path: Path) -> None:
    segment = Segment.create(tmp_path, 7, SIZE)
    assert segment.append(b"one")
    assert segment.append(b"two")
    data = segment.path.read_bytes()
    assert len(data) == SIZE
    assert list(Scan(data, mark_of(segment.path))) == [b"one", b"two"]
    assert list(Scan(segment.written(), segment.mark)) == [b"one", b"two"]
    assert stat.S_IMODE(segment.path.stat().st_mode) == 0o600
    assert segment.path.name.startswith("00000007-ff")
    segment.sync()
    segment.close()
    segment.close()
    assert segment.path.exists()


def test_what_has_no_room_is_refused_and_harms_nothing(tmp_path: Path) -> None:
    segment = Segment.create(tmp_path, 1, SIZE)
    assert segment.append(b"x" * (SIZE // 2 - HEAD_BYTES - 1))
    assert 0.49 < segment.filled < 0.5
    assert segment.append(b"")
    assert segment.filled > 0.5
    assert not segment.append(b"y" * (SIZE // 2))
    assert segment.append(b"z" * (SIZE - len(segment.written()) - HEAD_BYTES))
    assert not segment.append(b"1")
    segment.remove()
    assert list(tmp_path.iterdir()) == []


def test_a_segment_has_ends_until_the_database_has_them(tmp_path: Path) -> None:
    segment = Segment.create(tmp_path, 1, SIZE)
    assert not segment.has_ends
    for name in ("waiting", "is_spilled"):
        setattr(segment, name, 1)
        assert segment.has_ends
        setattr(segment, name, 0)
    segment.remove()


def test_a_disk_without_room_is_told_when_the_segment_is_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int, offset: int, length: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full, raising=False)
    with pytest.raises(OSError, match="No space"):
        Segment.create(tmp_path, 1, SIZE)
    assert list(tmp_path.iterdir()) == []


def test_room_is_written_where_it_cannot_be_allocated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "posix_fallocate", raising=False)
    segment = Segment.create(tmp_path, 1, SIZE)
    assert segment.append(b"one")
    assert segment.path.stat().st_size == SIZE
    segment.remove()


@pytest.mark.parametrize("name", ["00000001.spool", "00000001-zz.spool", "00000001-ff.spool", "lock"])
def test_other_names_are_not_those_of_segments(name: str) -> None:
    with pytest.raises(ValueError):
        mark_of(Path(name))


def resident_kib(path: Path) -> int:
    """What of a mapped file is in this process's memory."""
    lines = iter(Path("/proc/self/smaps").read_text(encoding="utf-8").splitlines())
    mapped = next(line for line in lines if line.endswith(str(path)))
    assert mapped
    return next(int(line.split()[1]) for line in lines if line.startswith("Rss:"))


@pytest.mark.skipif(not Path("/proc/self/smaps").exists(), reason="only Linux tells what is resident")
def test_what_is_written_and_released_takes_no_memory_and_is_still_there(tmp_path: Path) -> None:
    segment = Segment.create(tmp_path, 1, 256 * 1024)
    payloads = [bytes([number]) * 1000 for number in range(200)]
    for number, payload in enumerate(payloads):
        assert segment.append(payload)
        if number == 150:
            assert resident_kib(segment.path) > 100
            segment.release()
            assert resident_kib(segment.path) <= 8
    segment.release()
    segment.release()
    assert resident_kib(segment.path) <= 8
    assert list(Scan(segment.path.read_bytes(), segment.mark)) == payloads
    assert list(Scan(segment.written(), segment.mark)) == payloads
    segment.remove()


def test_nothing_written_is_nothing_to_release(tmp_path: Path) -> None:
    segment = Segment.create(tmp_path, 1, SIZE)
    segment.release()
    assert segment.append(b"one")
    segment.release()
    assert list(Scan(segment.written(), segment.mark)) == [b"one"]
    segment.remove()

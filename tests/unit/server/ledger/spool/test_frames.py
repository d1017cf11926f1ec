"""Whatever is cut, torn or flipped, what is whole is read, and nothing else."""

import random

import pytest

from server.ledger.spool.frames import HEAD_BYTES, Scan
from tests.unit.server.ledger.spool.spooled import frame

MARK = b"\xff\x01\x02\x03"
PAYLOADS = [b"one", b"\x00" * 40, MARK + b"not a frame", bytes(range(256)) * 3, b"\xff\xff", b"last"]
ROOM = 500


def written() -> bytes:
    return b"".join(frame(MARK, payload) for payload in PAYLOADS)


def read(data: bytes) -> tuple[list[bytes], int, bool]:
    scan = Scan(data, MARK)
    found = list(scan)
    return found, scan.broken, scan.is_torn


def test_what_was_written_is_read() -> None:
    assert read(written() + bytes(ROOM)) == (PAYLOADS, 0, False)
    assert read(b"") == ([], 0, False)
    assert read(bytes(ROOM)) == ([], 0, False)


def test_a_cut_at_any_place_loses_only_what_is_behind_it() -> None:
    data, ends, end = written(), [], 0
    for payload in PAYLOADS:
        end += HEAD_BYTES + len(payload)
        ends.append(end)
    for cut in range(len(data)):
        found, broken, is_torn = read(data[:cut])
        assert found == PAYLOADS[: sum(end <= cut for end in ends)]
        assert (broken, is_torn) == (0, cut not in {0, *ends})


def test_a_flipped_bit_anywhere_costs_one_payload_and_is_noticed() -> None:
    data = written() + bytes(ROOM)
    for bit in range(8 * len(written())):
        flipped = bytearray(data)
        flipped[bit // 8] ^= 1 << bit % 8
        found, broken, is_torn = read(bytes(flipped))
        assert len(found) == len(PAYLOADS) - 1
        assert [payload for payload in PAYLOADS if payload in found] == found
        assert broken + is_torn == 1


def test_a_page_that_never_reached_the_disk_is_a_gap() -> None:
    data = bytearray(written())
    first = HEAD_BYTES + len(PAYLOADS[0])
    data[first : first + HEAD_BYTES + len(PAYLOADS[1])] = bytes(HEAD_BYTES + len(PAYLOADS[1]))
    assert read(bytes(data)) == ([PAYLOADS[0], *PAYLOADS[2:]], 0, False)


@pytest.mark.parametrize("seed", range(20))
def test_nothing_is_made_up_from_noise(seed: int) -> None:
    rng = random.Random(seed)
    noise = b"".join(rng.choice([MARK, rng.randbytes(rng.randrange(1, 30))]) for _ in range(200))
    assert read(noise)[0] == []


def test_frames_of_another_segment_are_not_taken_for_our_own() -> None:
    other = b"".join(frame(b"\xff\x09\x09\x09", payload) for payload in PAYLOADS)
    found, broken, is_torn = read(frame(MARK, other) + other + frame(MARK, b"end"))
    assert (found, broken, is_torn) == ([other, b"end"], 1, False)

"""Where an answer breaks, and in which pieces it is written."""

import zlib

import pytest

from cli.mock.scenario import parse_scenario
from cli.mock.steps import Ending, Step, apart, chunked, coalesced, compressed, first_bytes, truncated

PIECES = [Step(0.0, b"abc"), Step(0.5, b"def"), Step(0.0, b"ghi")]


@pytest.mark.parametrize(
    ("text", "left", "ending"),
    [
        ("", b"abcdefghi", Ending.KEEP),
        ("stall-end", b"abcdefghi", Ending.STALL),
        ("stall-after?n=1", b"abc", Ending.STALL),
        ("stall-after?n=1&ms=50", b"abc", Ending.CLOSE),
        ("reset-after?n=2", b"abcdef", Ending.RESET),
        ("close-after?n=0", b"", Ending.CLOSE),
        ("cut-at?byte=4", b"abcd", Ending.CLOSE),
        ("reset-at?byte=4", b"abcd", Ending.RESET),
        ("end-at?byte=4", b"abcd", Ending.KEEP),
        ("trickle?n=2", b"abcdef", Ending.KEEP),
    ],
)
def test_what_is_left_of_a_stream(text: str, left: bytes, ending: Ending) -> None:
    pieces, how = truncated(PIECES, parse_scenario(text), is_stream=True)
    assert (b"".join(piece.data for piece in pieces), how) == (left, ending)


def test_of_other_bodies_bytes_are_counted() -> None:
    pieces, _ = truncated(PIECES, parse_scenario("reset-after?n=4"), is_stream=False)
    assert b"".join(piece.data for piece in pieces) == b"abcd"
    assert truncated(PIECES, parse_scenario("trickle?n=1"), is_stream=False) == (PIECES, Ending.KEEP)


def test_pieces_keep_their_delays() -> None:
    assert list(first_bytes(PIECES, 5)) == [Step(0.0, b"abc"), Step(0.5, b"de")]
    assert [step.delay_s for step in apart(PIECES[:2])] == [0.0, 0.0, 0.0, 0.5, 0.0, 0.0]
    assert list(coalesced(PIECES)) == [Step(0.0, b"abc"), Step(0.5, b"defghi")]


def test_a_silence_may_have_an_end() -> None:
    pieces, _ = truncated(PIECES, parse_scenario("stall-after?n=1&ms=50"), is_stream=True)
    assert pieces[-1] == Step(0.05, b"")
    assert chunked(pieces, has_last=False)[-1] == Step(0.05, b"")


def test_chunks_of_http() -> None:
    assert b"".join(step.data for step in chunked(PIECES[:1], has_last=True)) == b"3\r\nabc\r\n0\r\n\r\n"
    assert chunked([Step(0.0, b"")], has_last=False) == []


def test_compression_may_be_done_twice() -> None:
    once = b"".join(step.data for step in compressed(PIECES, 1))
    twice = b"".join(step.data for step in compressed(PIECES, 2))
    assert zlib.decompress(once, 31) == b"abcdefghi"
    assert zlib.decompress(zlib.decompress(twice, 31), 31) == b"abcdefghi"

"""Frames as the edge reads and writes them; what the core makes of them is `tests/contract/tunnel`."""

import msgspec
import pytest

from edge.tunnel.frames import BEGIN, Answer, End, Events, Leaving, read_batch, write_batch, write_frame


def test_a_batch_holds_frames_in_order() -> None:
    raw = write_batch(
        [
            write_frame((1, 7, (("a", "b"),), b"x", (("c-bin", b"d"),))),
            write_frame((4, 8, [b"e", b"f"])),
            write_frame((5, 8, 14, "gone", (), ())),
            write_frame((7,)),
        ]
    )
    assert read_batch(raw) == [
        Answer(7, (("a", "b"),), b"x", (("c-bin", b"d"),)),
        Events(8, [b"e", b"f"]),
        End(8, 14, "gone", (), ()),
        Leaving(),
    ]


def test_text_that_no_wire_carries_is_refused_where_it_is_written() -> None:
    with pytest.raises(UnicodeEncodeError):
        write_frame((BEGIN, 1, "/a/B", False, (("a", "\ud800"),), b"", None))


@pytest.mark.parametrize("raw", [b"", b"\xdd", write_batch([write_frame((BEGIN, 1))]), b"\x01"])
def test_what_is_no_batch_of_the_core_is_refused(raw: bytes) -> None:
    with pytest.raises(msgspec.MsgspecError):
        read_batch(raw)

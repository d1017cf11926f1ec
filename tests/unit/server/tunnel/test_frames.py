"""Frames as the core reads and writes them; what the edge makes of them is `tests/contract/tunnel`."""

import msgspec
import pytest

from server.tunnel.frames import LEAVING, Begin, Cancel, Credit, read_batch, write_batch, write_frame


def test_a_batch_holds_frames_in_order() -> None:
    raw = write_batch([write_frame((1, 7)), write_frame((2, 7, 100)), write_frame((0, 8, "/a/B", True, (), b"x", 1.5))])
    assert read_batch(raw) == [Cancel(7), Credit(7, 100), Begin(8, "/a/B", True, (), b"x", 1.5)]


def test_a_batch_may_be_large() -> None:
    frames = [write_frame((1, number)) for number in range(70_000)]
    assert len(read_batch(write_batch(frames))) == 70_000


@pytest.mark.parametrize("raw", [b"", b"\xdd", write_batch([write_frame((LEAVING, 1))]), b"\x01"])
def test_what_is_no_batch_of_the_edge_is_refused(raw: bytes) -> None:
    with pytest.raises(msgspec.MsgspecError):
        read_batch(raw)

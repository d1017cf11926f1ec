"""Amazon's event stream: what the vendor's own reader reads, ours reads, and what it refuses, ours refuses."""

import struct
import zlib

import pytest
from botocore.eventstream import EventStreamBuffer, ParserError
from hypothesis import given
from hypothesis import strategies as st

from server.errors import UpstreamBadResponse
from server.upstream.event_stream import EventStreamDecoder, StreamMessage
from tests.unit.server.upstream.frames import Header, error, event, exception, frame, text

SIZES = {0: 0, 1: 0, 2: 1, 3: 2, 4: 4, 5: 8, 8: 8, 9: 16}


def theirs(data: bytes) -> list[tuple[str, bytes]]:
    buffer = EventStreamBuffer()
    buffer.add_data(data)
    return [(str(message.headers.get(":event-type", "")), message.payload) for message in buffer]


def ours(pieces: list[bytes]) -> list[StreamMessage]:
    decoder = EventStreamDecoder()
    found = [message for piece in pieces for message in decoder.feed(piece)]
    return found + decoder.finish()


def headers() -> st.SearchStrategy[list[Header]]:
    names = st.text(st.characters(codec="utf-8"), min_size=1, max_size=12).filter(lambda name: name[0] != ":")
    fixed = st.sampled_from(sorted(SIZES)).flatmap(
        lambda kind: st.tuples(names, st.just(kind), st.binary(min_size=SIZES[kind], max_size=SIZES[kind]))
    )
    raw = st.tuples(names, st.just(6), st.binary(max_size=40))
    words = st.tuples(names, st.just(7), st.text(st.characters(codec="utf-8"), max_size=20).map(str.encode))
    return st.lists(st.one_of(fixed, raw, words), max_size=5, unique_by=lambda header: header[0])


@given(st.lists(st.tuples(headers(), st.text("abcXYZ", max_size=9), st.binary(max_size=60)), max_size=4), st.data())
def test_reads_what_the_vendors_reader_reads_however_it_is_cut(
    messages: list[tuple[list[Header], str, bytes]], data: st.DataObject
) -> None:
    stream = b"".join(frame([*more, text(":event-type", kind)], payload) for more, kind, payload in messages)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=5)))
    pieces = [stream[start:end] for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
    read = [(message.event, message.data) for message in ours(pieces)]
    assert read == theirs(stream) == [(kind, payload) for _, kind, payload in messages]


def test_the_pieces_may_be_single_bytes() -> None:
    stream = event("a", b"1") + exception("throttlingException", b"{}") + error("InternalError", "no") + event("b", b"")
    whole = ours([stream])
    assert whole == ours([stream[i : i + 1] for i in range(len(stream))])
    assert whole == [
        StreamMessage(b"1", "a"),
        StreamMessage(b"{}", "exception:throttlingException"),
        StreamMessage(b"", "error:InternalError"),
        StreamMessage(b"", "b"),
    ]


def test_half_a_message_is_dropped() -> None:
    assert ours([event("a", b"1"), event("b", b"2")[:-1]]) == [StreamMessage(b"1", "a")]


def flipped(data: bytes, at: int) -> bytes:
    return data[:at] + bytes((data[at] ^ 1,)) + data[at + 1 :]


@pytest.mark.parametrize("at", range(len(event("a", b"{}"))))
def test_a_flipped_bit_anywhere_is_refused_by_both(at: int) -> None:
    broken = flipped(event("a", b"{}"), at)
    with pytest.raises(ParserError):
        theirs(broken)
    with pytest.raises(UpstreamBadResponse):
        ours([broken])


def forged(total: int, header_bytes: int) -> bytes:
    prelude = struct.pack(">II", total, header_bytes)
    return prelude + struct.pack(">I", zlib.crc32(prelude)) + bytes(32)


def misread(header: bytes) -> bytes:
    """A message whose checksums are right and whose headers are not."""
    prelude = struct.pack(">II", 16 + len(header), len(header))
    message = prelude + struct.pack(">I", zlib.crc32(prelude)) + header
    return message + struct.pack(">I", zlib.crc32(message))


REFUSED = [
    ("a message above the limit", forged(5 * 1024 * 1024, 0), "more than 4194304 bytes"),
    ("a message shorter than a message can be", forged(15, 0), "shorter than its headers"),
    ("headers longer than the message", forged(40, 30), "shorter than its headers"),
    ("a header that ends within its name", misread(b"\x09abc"), "a header cannot be read"),
    ("a header of an unknown type", misread(b"\x01a\x63"), "a header cannot be read"),
    ("a header that ends within its value", misread(b"\x01a\x07\x00\x09abc"), "a header cannot be read"),
    ("a header's name that is not text", misread(b"\x01\xff\x00"), "a header cannot be read"),
]


@pytest.mark.parametrize(("data", "says"), [case[1:] for case in REFUSED], ids=[case[0] for case in REFUSED])
def test_refuses(data: bytes, says: str) -> None:
    with pytest.raises(UpstreamBadResponse, match=says):
        ours([data])

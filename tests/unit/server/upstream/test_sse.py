"""The decoder of server-sent events: the standard's cases, any chunking, the limit."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.errors import UpstreamBadResponse
from server.upstream.sse import DEFAULT_EVENT_BYTES, SseDecoder, SseEvent


def decode(*pieces: bytes, limit: int = DEFAULT_EVENT_BYTES) -> list[tuple[str, bytes]]:
    decoder = SseDecoder(limit)
    events = [event for piece in pieces for event in decoder.feed(piece)]
    return [(event.event, event.data) for event in events + decoder.finish()]


CASES: list[tuple[str, bytes, list[tuple[str, bytes]]]] = [
    ("one event", b"data: x\n\n", [("message", b"x")]),
    ("no space after the colon", b"data:x\n\n", [("message", b"x")]),
    ("only the first space belongs to the syntax", b"data:  x\n\n", [("message", b" x")]),
    (
        "several events in one piece",
        b"data: a\n\ndata: b\n\ndata: [DONE]\n\n",
        [("message", v) for v in (b"a", b"b", b"[DONE]")],
    ),
    ("lines of data are joined by a line feed", b"data: a\ndata: b\n\n", [("message", b"a\nb")]),
    ("carriage return and line feed", b"data: a\r\ndata: b\r\n\r\n", [("message", b"a\nb")]),
    ("carriage returns alone", b"data: a\rdata: b\r\r", [("message", b"a\nb")]),
    ("mixed line ends", b"data: a\rdata: b\r\n\ndata: c\n\r\n", [("message", b"a\nb"), ("message", b"c")]),
    ("a carriage return then a line feed end one line only", b"data: a\r\ndata: b\n\n", [("message", b"a\nb")]),
    ("a byte order mark at the start", b"\xef\xbb\xbfdata: a\n\n", [("message", b"a")]),
    ("a byte order mark later is data", b"data: \xef\xbb\xbfa\n\n", [("message", b"\xef\xbb\xbfa")]),
    ("comments are nothing", b": ping\n\n:\ndata: a\n: b\n\n", [("message", b"a")]),
    ("the type of an event", b"event: error\ndata: a\n\n", [("error", b"a")]),
    ("the type after the data", b"data: a\nevent:error\n\n", [("error", b"a")]),
    ("an empty type is the default", b"event:\ndata: a\n\n", [("message", b"a")]),
    ("a type does not outlive its event", b"event: x\n\ndata: a\n\n", [("message", b"a")]),
    ("id and retry alone are no event", b"id: 1\nretry: 5\n\ndata: a\n\n", [("message", b"a")]),
    ("unknown fields and lines without a colon", b"foo: 1\nbar\ndata: a\n\n", [("message", b"a")]),
    ("a data line without a colon is an empty line", b"data\n\n", [("message", b"")]),
    ("two data lines without a value", b"data\ndata\n\n", [("message", b"\n")]),
    ("a field is compared with case", b"Data: a\n\n", []),
    ("a field with a space before it", b" data: a\n\n", []),
    ("colons within data", b'data: {"a":"b:c"}\n\n', [("message", b'{"a":"b:c"}')]),
    ("blank lines in a row", b"\n\n\ndata: a\n\n\n\n\ndata: b\n\n", [("message", b"a"), ("message", b"b")]),
    ("a last event without its blank line", b"data: a\n\ndata: [DONE]\n", [("message", b"a"), ("message", b"[DONE]")]),
    ("half a last line is dropped", b"data: a\n\ndata: [DO", [("message", b"a")]),
    ("an event whose next line was cut is dropped", b"data: a\nda", []),
    ("nothing", b"", []),
    ("NUL and bytes that are not UTF-8 pass", b"data: \x00\xff\xc3\n\n", [("message", b"\x00\xff\xc3")]),
    ("characters of several bytes", "data: Zürich 日本 🎉\n\n".encode(), [("message", "Zürich 日本 🎉".encode())]),
]


@pytest.mark.parametrize(("stream", "expected"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_decodes(stream: bytes, expected: list[tuple[str, bytes]]) -> None:
    assert decode(stream) == expected


@pytest.mark.parametrize(("stream", "expected"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_decodes_byte_by_byte(stream: bytes, expected: list[tuple[str, bytes]]) -> None:
    assert decode(*(stream[i : i + 1] for i in range(len(stream)))) == expected


fragments = st.sampled_from(
    "data: |data:|data|event: x|:c|id: 1|\n|\r|\r\n|\n\n|\ufeff|é🎉|{}| |\0".encode().split(b"|")
)


@given(st.lists(fragments, max_size=40).map(b"".join), st.lists(st.integers(0, 120), max_size=12))
def test_any_chunking_gives_the_same_events(stream: bytes, cuts: list[int]) -> None:
    bounds = [0, *sorted(min(cut, len(stream)) for cut in cuts), len(stream)]
    pieces = [stream[start:end] for start, end in itertools.pairwise(bounds)]
    assert decode(*pieces) == decode(stream)


@given(
    st.lists(st.tuples(st.sampled_from(["message", "error"]), st.binary(max_size=40)), max_size=8),
    st.sampled_from(["\n", "\r", "\r\n"]),
)
def test_gives_back_what_was_written(events: list[tuple[str, bytes]], end: str) -> None:
    clean = [(name, data.replace(b"\r", b"").replace(b"\n", b"")) for name, data in events]
    line = end.encode()
    stream = b"".join(b"event: %s%sdata: %s%s%s" % (name.encode(), line, data, line, line) for name, data in clean)
    assert decode(stream) == clean


def test_an_event_of_four_mebibytes_passes() -> None:
    data = b"x" * (DEFAULT_EVENT_BYTES - 6)
    stream = b"data: " + data + b"\n\n"
    assert decode(*(stream[i : i + 65536] for i in range(0, len(stream), 65536))) == [("message", data)]


@pytest.mark.parametrize(
    "pieces",
    [[b"data: 0123456789\n\n"], [b"data: 0123", b"456789\n", b"\n"], [b"data: 01\n" * 9], [b":" + b"c" * 30]],
    ids=["at once", "in pieces", "over many lines", "a comment without an end"],
)
def test_an_event_above_the_limit_fails_by_name(pieces: list[bytes]) -> None:
    with pytest.raises(UpstreamBadResponse, match="more than 15 bytes"):
        decode(*pieces, limit=15)


def test_events_compare_as_values() -> None:
    assert SseDecoder().feed(b"data: a\n\n") == [SseEvent(b"a", "message")]

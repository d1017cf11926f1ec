"""The ways to write an event."""

import pytest

from cli.mock.answers import Event
from cli.mock.framing import comment, framed
from cli.mock.scenario import parse_scenario

EVENTS = [Event(b'{"a":1,"b":2}'), Event(b"{}", "ping")]


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("", b'data: {"a":1,"b":2}\n\n'),
        ("crlf", b'data: {"a":1,"b":2}\r\n\r\n'),
        ("cr", b'data: {"a":1,"b":2}\r\r'),
        ("bom", b'\xef\xbb\xbfdata: {"a":1,"b":2}\n\n'),
        ("comments", b': keep-alive\n\ndata: {"a":1,"b":2}\n\n'),
        ("meta-events", b'id: 0\n\nretry: 3000\n\ndata: {"a":1,"b":2}\n\n'),
        ("multi-line", b'data: {"a":1,\ndata: "b":2}\n\n'),
        ("no-space", b'data:{"a":1,"b":2}\n\n'),
    ],
)
def test_an_event_is_written_as_asked(text: str, first: bytes) -> None:
    assert framed(EVENTS, parse_scenario(text))[0] == first


def test_names_and_mixed_line_ends() -> None:
    assert framed(EVENTS, parse_scenario(""))[1] == b"event: ping\ndata: {}\n\n"
    assert framed(EVENTS, parse_scenario("mixed-ends"))[1] == b"event: ping\r\ndata: {}\r\n\r\n"
    assert framed([], parse_scenario("bom")) == []


def test_a_comment_of_its_own() -> None:
    assert comment(parse_scenario("")) == b": keep-alive\n\n"

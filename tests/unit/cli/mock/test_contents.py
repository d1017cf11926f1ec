"""What a scenario has the mock say."""

import msgspec
import pytest

from cli.mock.answers import Asked
from cli.mock.contents import HTML, MALFORMED, body_of, events_of
from cli.mock.scenario import parse_scenario
from cli.mock.wires.openai import OpenAiWire

WIRE = OpenAiWire()


def body(text: str) -> bytes:
    return body_of(Asked(model="m"), parse_scenario(text), WIRE)


def data(text: str) -> list[bytes]:
    return [event.data for event in events_of(Asked(model="m", stream=True), parse_scenario(text), WIRE)]


PLAIN = data("")


def test_bodies() -> None:
    assert body("html") == HTML
    assert body("empty") == b""
    assert body("body?value=hi") == b"hi"
    assert len(body("bomb?mib=1")) == 1 << 20
    assert len(body("big-body?mib=1")) > 1 << 20
    assert len(body("truncated-json?byte=60")) == 60
    assert body("malformed-event") == body("")[:-20]
    assert msgspec.json.decode(body("error-event?code=c"))["error"]["code"] == "c"
    assert msgspec.json.decode(body("error-200?type=t"))["error"]["type"] == "t"
    assert msgspec.json.decode(body("status-404"))["error"]["type"] == "not_found_error"
    assert msgspec.json.decode(body("named?value=other"))["model"] == "other"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("done-only", [b"[DONE]"]),
        ("role-only", PLAIN[:1]),
        ("no-done", PLAIN[:-1]),
        ("no-finish", PLAIN[:-2]),
        ("endless", PLAIN[:-2]),
        ("flood", []),
        ("malformed-event?n=1&count=2", [PLAIN[0], MALFORMED.data, MALFORMED.data, *PLAIN[1:]]),
    ],
)
def test_events_are_left_out_and_put_in(text: str, expected: list[bytes]) -> None:
    assert data(text) == expected


def test_events_without_content() -> None:
    assert len(data("empty-deltas?n=5")) == len(PLAIN) + 5
    assert msgspec.json.decode(data("first-empty")[0])["choices"] == []


def test_an_error_takes_the_place_of_an_event_and_all_after_it() -> None:
    assert data("error-event?n=2")[:2] == PLAIN[:2]
    assert len(data("error-event?n=2")) == 3
    assert len(data("error-200")) == 1
    named = events_of(Asked(model="m", stream=True), parse_scenario("error-event?n=0&name=error"), WIRE)
    assert [event.name for event in named] == ["error"]


def test_texts_that_no_encoder_would_write() -> None:
    assert b"\xff\xfe" in body("bad-utf8")
    assert b'" \\ud83d"' in b"".join(data("lone-surrogate"))
    assert b"\\u0000" in body("nul")


def test_lengths_and_tools() -> None:
    assert len(data("long?n=7")) == 7 + 3
    assert len(max(data("big-line?mib=1"), key=len)) > 1 << 20
    call = msgspec.json.decode(body("tool?name=x&arguments=%7B"))["choices"][0]["message"]["tool_calls"][0]
    assert call["function"] == {"name": "x", "arguments": "{"}
    assert msgspec.json.decode(body("finish?reason=length"))["choices"][0]["finish_reason"] == "length"

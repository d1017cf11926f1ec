"""From a scenario to bytes, delays and an ending."""

import zlib

import pytest

from cli.mock.answers import Asked
from cli.mock.plan import Plan, plan
from cli.mock.scenario import parse_scenario
from cli.mock.steps import Ending, Step
from cli.mock.wires.openai import OpenAiWire


def planned(text: str, stream: bool = True) -> Plan:
    return plan(Asked(model="m", stream=stream), parse_scenario(text), OpenAiWire(), now_s=1_700_000_000.0)


def all_bytes(made: Plan) -> bytes:
    return b"".join(step.data for step in made.steps)


def body(made: Plan) -> bytes:
    """The body without its chunked framing."""
    head, _, rest = all_bytes(made).partition(b"\r\n\r\n")
    if b"chunked" not in head:
        return rest
    joined = b""
    while rest:
        size, _, rest = rest.partition(b"\r\n")
        joined, rest = joined + rest[: int(size, 16)], rest[int(size, 16) + 2 :]
    return joined


def test_the_plain_answer_is_one_write() -> None:
    for stream in (True, False):
        made = planned("", stream)
        assert len(made.steps) == 1
        assert made.ending is Ending.KEEP
    assert body(planned("")).endswith(b"data: [DONE]\n\n")


@pytest.mark.parametrize(
    ("text", "ending"),
    [
        ("reset-headers", Ending.RESET),
        ("close-headers", Ending.CLOSE),
        ("half-head", Ending.CLOSE),
        ("not-http", Ending.CLOSE),
        ("close-after?n=2", Ending.CLOSE),
        ("stall-headers", Ending.STALL),
        ("stall-after?n=2", Ending.STALL),
        ("reset-after?n=2", Ending.RESET),
        ("cut-at?byte=10", Ending.CLOSE),
        ("stall-end", Ending.STALL),
        ("no-done", Ending.KEEP),
    ],
)
def test_faults_that_end_an_answer(text: str, ending: Ending) -> None:
    assert planned(text).ending is ending


def test_a_stream_stops_after_the_number_of_events() -> None:
    assert body(planned("stall-after?n=2")).count(b"data: ") == 2


def test_a_body_is_cut_at_the_byte_but_declares_its_length() -> None:
    made = planned("cut-at?byte=10", stream=False)
    assert len(body(made)) == 10
    assert b"content-length: 10\r\n" not in all_bytes(made)
    assert len(body(planned("cut-at?byte=10"))) == 10


def test_delays_stand_before_headers_first_bytes_and_tokens() -> None:
    assert [step.delay_s for step in planned("delay-headers?ms=30").steps] == [0.03]
    assert [step.delay_s for step in planned("delay-first?ms=30").steps] == [0.0, 0.03]
    assert [step.delay_s for step in planned("slow?ms=20&n=3").steps] == [0.0, 0.02, 0.02, 0.02, 0.02]


@pytest.mark.parametrize(("text", "line"), [("crlf", b"\r\n"), ("cr", b"\r")])
def test_other_line_ends(text: str, line: bytes) -> None:
    data = body(planned(text))
    assert data.endswith(b"data: [DONE]" + line + line)
    assert data.replace(line, b"\n") == body(planned(""))


def test_split_every_byte_writes_each_byte_of_the_body_apart() -> None:
    made = planned("split-every-byte")
    assert len(made.steps) == 1 + len(body(planned(""))) + 1
    assert body(made) == body(planned(""))


def test_events_are_left_out_added_and_replaced() -> None:
    assert b"[DONE]" not in body(planned("no-done"))
    assert b'"stop"' in body(planned("no-done"))
    assert b'"stop"' not in body(planned("no-finish"))
    assert b'"del\n\n' in body(planned("malformed-event"))
    assert body(planned("error-event?n=2&code=boom")).count(b"data: ") == 3
    assert b'"boom"' in body(planned("error-event?n=2&code=boom"))
    assert body(planned("error-200")).startswith(b'data: {"error"')
    assert body(planned("bom")).startswith(b"\xef\xbb\xbfdata: ")
    assert body(planned("comments")).startswith(b": keep-alive\n\ndata: ")


def test_bodies_that_are_no_stream_answer_a_stream_too() -> None:
    assert b"text/html" in all_bytes(planned("html+status-502"))
    assert all_bytes(planned("html+status-502")).startswith(b"HTTP/1.1 502 ")
    assert body(planned("empty")) == b""
    redirect = all_bytes(planned("redirect?location=/x"))
    assert redirect.startswith(b"HTTP/1.1 302 Found")
    assert b"location: /x\r\n" in redirect
    limited = all_bytes(planned("status-429?retry_after=2&retry_after_ms=1500&code=c"))
    assert b"retry-after: 2\r\n" in limited
    assert b"retry-after-ms: 1500\r\n" in limited
    assert b'"code":"c"' in limited


def test_compressed_bodies_inflate_to_the_plain_ones() -> None:
    assert zlib.decompress(body(planned("gzip", stream=False)), 31) == body(planned("", stream=False))
    assert zlib.decompress(body(planned("gzip")), 31) == body(planned(""))
    assert len(zlib.decompress(body(planned("bomb?mib=1")), 31)) == 1 << 20


def test_what_never_ends_is_repeated() -> None:
    assert b"on and on" in planned("endless").forever
    assert b"[DONE]" not in body(planned("endless"))
    assert planned("endless", stream=False).forever.startswith(b"10000\r\n  ")
    assert b"keep-alive" in planned("flood").forever
    assert planned("trickle?n=2&ms=50").every_s == 0.05
    assert body(planned("trickle?n=2&ms=50")).count(b"data: ") == 2
    assert not planned("trickle", stream=False).forever


def test_headers_are_added_and_dates_are_made_of_the_time() -> None:
    assert b"x-a: b\r\n" in all_bytes(planned("header?x-a=b"))
    limited = all_bytes(planned("status-429?retry_date=2"))
    assert b"date: Tue, 14 Nov 2023 22:13:20 GMT\r\n" in limited
    assert b"retry-after: Tue, 14 Nov 2023 22:13:22 GMT\r\n" in limited
    assert len(all_bytes(planned("big-head?kib=70"))) > 70 << 10


def test_a_stream_is_cut_on_the_wire_or_ended_as_if_it_were_whole() -> None:
    cut = all_bytes(planned("cut-wire?byte=100")).partition(b"\r\n\r\n")[2]
    assert len(cut) == 100
    assert planned("cut-wire?byte=100").ending is Ending.CLOSE
    assert len(body(planned("end-at?byte=100"))) == 100
    assert all_bytes(planned("end-at?byte=100")).endswith(b"\r\n0\r\n\r\n")
    assert b"content-length: 50\r\n" in all_bytes(planned("end-at?byte=50", stream=False))


def test_encodings_may_be_told_wrongly() -> None:
    assert b"content-encoding: br\r\n" in all_bytes(planned("encoding?value=br"))
    assert b"content-encoding: gzip, gzip\r\n" in all_bytes(planned("double-gzip"))


def test_steps_are_values() -> None:
    assert planned("reset-headers") == Plan((), Ending.RESET)
    assert Step(0.0, b"a") == Step(0.0, b"a")

"""The OpenAI dialect, where the golden folders do not go."""

import random

import msgspec
import pytest

from server.chat.deployment import Candidate, Deployment
from server.chat.request import parse_chat_request
from server.errors import PerpetuoError, UpstreamBadResponse, UpstreamUnavailable
from server.providers.dialect import Chunk
from server.providers.openai import OpenAiDialect, OpenAiStream
from server.providers.openai.mistral import MistralStream
from server.upstream.sse import SseEvent

DIALECT = OpenAiDialect()
BODY = b'{"messages":[{"role":"user","content":"hi"}],"model":"x","z":1.0,"a":9007199254740993}'


def candidate(api_key: str = "sk-1") -> Candidate:
    return Candidate(Deployment("prov_1", "ws_1", "any", "https://a.example/v1", api_key), "m")


def test_a_request_leaves_as_it_came_but_for_the_model() -> None:
    wire = DIALECT.build(parse_chat_request(BODY), candidate(), is_stream=False)
    assert wire.body == BODY.replace(b'"x"', b'"m"')
    assert wire.url == "https://a.example/v1/chat/completions"
    assert wire.headers["Accept"] == "application/json"
    assert "sk-1" not in repr(wire)


def test_no_key_makes_no_header() -> None:
    assert "Authorization" not in DIALECT.build(parse_chat_request(BODY), candidate(""), is_stream=False).headers


def test_what_goes_upstream_streams_as_it_is_told_not_as_the_caller_asked() -> None:
    request = parse_chat_request(BODY)
    streamed = msgspec.json.decode(DIALECT.build(request, candidate(), is_stream=True).body)
    assert streamed["stream"] is True
    assert streamed["stream_options"] == {"include_usage": True}
    whole = parse_chat_request(BODY[:-1] + b',"stream":true,"stream_options":{"include_usage":true}}')
    sent = msgspec.json.decode(DIALECT.build(whole, candidate(), is_stream=False).body)
    assert "stream" not in sent
    assert "stream_options" not in sent
    assert request.is_stream is False


def test_members_are_renamed_in_their_place_unless_both_are_there() -> None:
    dialect = OpenAiDialect(renamed=(("a", "b"),))
    renamed = dialect.build(parse_chat_request(BODY), candidate(), is_stream=False)
    assert renamed.body.endswith(b'"z":1.0,"b":9007199254740993}')
    both = parse_chat_request(BODY[:-1] + b',"b":2}')
    assert dialect.build(both, candidate(), is_stream=False).body.endswith(b'"a":9007199254740993,"b":2}')


@pytest.mark.parametrize(
    ("status", "content_type", "expected"),
    [
        (200, "text/event-stream", True),
        (200, "text/event-stream; charset=utf-8", True),
        (200, "Text/Event-Stream", True),
        (200, "application/octet-stream", True),
        (200, "", True),
        (200, "application/json", False),
        (200, "text/html; charset=utf-8", False),
        (500, "text/event-stream", False),
    ],
)
def test_tells_a_stream_by_its_headers(status: int, content_type: str, expected: bool) -> None:
    headers = {"content-type": content_type} if content_type else {}
    assert DIALECT.is_stream(status, headers) is expected


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "UPSTREAM_BAD_RESPONSE"),
        (b"<html></html>", "UPSTREAM_BAD_RESPONSE"),
        (b"[]", "UPSTREAM_BAD_RESPONSE"),
        (b"{}", "UPSTREAM_BAD_RESPONSE"),
        (b'{"choices":[]}', "UPSTREAM_BAD_RESPONSE"),
        (b'{"choices":[{}]}', "UPSTREAM_BAD_RESPONSE"),
        (b'{"choices":[{"message":{"content":"a"}}', "UPSTREAM_BAD_RESPONSE"),
        (b"[" * 100_000, "UPSTREAM_BAD_RESPONSE"),
        (b'{"choices":[{"message":{"content":"a"},"finish_reason":"error"}]}', "UPSTREAM_UNAVAILABLE"),
        (b'{"error":{"message":"x","type":"rate_limit_error"},"choices":[]}', "UPSTREAM_RATE_LIMITED"),
    ],
)
def test_what_is_no_answer(body: bytes, reason: str) -> None:
    with pytest.raises(PerpetuoError) as caught:
        DIALECT.answer(200, {}, body)
    assert caught.value.reason == reason


def test_bytes_that_are_not_utf8_are_replaced() -> None:
    answer = DIALECT.answer(200, {}, b'{"choices":[{"message":{"content":"a\xffb"},"finish_reason":"stop"}]}')
    assert msgspec.json.decode(answer.body)["choices"][0]["message"]["content"] == "a\ufffdb"


def fed(*data: bytes) -> tuple[OpenAiStream, list[bytes]]:
    stream = DIALECT.stream()
    return stream, [chunk.data for each in data for chunk in stream.feed(SseEvent(each))]


CHUNK = b'{"choices":[{"delta":{"content":"a"}}]}'


def test_a_stream_ends_with_done_and_nothing_counts_after_it() -> None:
    stream, chunks = fed(CHUNK, b"[DONE]", CHUNK, b"nonsense")
    assert stream.is_done
    assert chunks == [CHUNK]


def test_empty_events_and_events_without_choices_do_no_harm() -> None:
    assert fed(b"", b'{"choices":[]}')[1] == [b'{"choices":[]}']


def test_an_event_of_several_lines_becomes_one_line() -> None:
    assert fed(CHUNK.replace(b",", b",\n").replace(b":[", b":\n["))[1] == [CHUNK.replace(b":[", b": [")]


def test_one_malformed_event_is_skipped_and_noted_a_second_is_not() -> None:
    stream, chunks = fed(CHUNK, b'{"choices":[{"del', CHUNK)
    assert chunks == [CHUNK, CHUNK]
    assert stream.notes == ["upstream_malformed_events"]
    with pytest.raises(UpstreamBadResponse):
        stream.feed(SseEvent(b"{"))


def test_bytes_of_an_event_that_are_not_utf8_are_replaced_and_noted() -> None:
    stream, chunks = fed(CHUNK.replace(b'"a"', b'"\xff"'), CHUNK.replace(b'"a"', '"é"'.encode()))
    assert [msgspec.json.decode(chunk)["choices"][0]["delta"]["content"] for chunk in chunks] == ["\ufffd", "é"]
    assert len(stream.notes) == 1


@pytest.mark.parametrize(
    ("event", "reason"),
    [
        (SseEvent(b'{"error":{"message":"x","code":429}}'), "UPSTREAM_RATE_LIMITED"),
        (SseEvent(b'{"error":{"message":"x","type":"overloaded_error"}}'), "UPSTREAM_UNAVAILABLE"),
        (SseEvent(b'{"message":"x","type":"server_error"}', "error"), "UPSTREAM_UNAVAILABLE"),
        (SseEvent(b'{"error":"x"}'), "UPSTREAM_BAD_RESPONSE"),
    ],
)
def test_an_error_event_is_its_reason(event: SseEvent, reason: str) -> None:
    with pytest.raises(PerpetuoError) as caught:
        DIALECT.stream().feed(event)
    assert caught.value.reason == reason


def test_a_finish_reason_that_is_a_failure() -> None:
    with pytest.raises(UpstreamUnavailable):
        fed(b'{"choices":[{"delta":{},"finish_reason":"error"}]}')


PLAIN = b'{"id":"chatcmpl-1","model":"m","choices":[{"index":0,"delta":{"content":"%b"},"finish_reason":null}]}'
KINDS = (
    *[PLAIN % text for text in (b"a", b" the", "é".encode(), b"", b"\\n", b'\\"', b"\xc3", b"\xa9", "\u2028".encode())],
    b'{"id":"","choices":[],"filters":[]}',
    b'{"id":"chatcmpl-1","model":"m","choices":[{"index":0,"delta":{"role":"assistant"}}]}',
    b'{"id":"chatcmpl-1","model":"m","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}',
    b"",
    b"no JSON",
)
LAST = (b"[DONE]", b'{"error":{"message":"it broke"}}', b"")


def read_by(kind: type[OpenAiStream], events: list[SseEvent], *, at_once: bool) -> object:
    """What a stream makes of events, and how it ends."""
    stream, chunks, failure = kind(OpenAiDialect()), list[Chunk](), ""
    try:
        if at_once:
            stream.feed_all(events, chunks)
        else:
            for event in events:
                chunks += stream.feed(event)
    except PerpetuoError as error:
        failure = repr(error)
    return [(chunk.data, chunk.facts) for chunk in chunks], failure, stream.is_done, stream.notes


@pytest.mark.parametrize("kind", [OpenAiStream, MistralStream])
@pytest.mark.parametrize("seed", range(40))
def test_events_that_come_together_say_what_they_say_one_by_one(seed: int, kind: type[OpenAiStream]) -> None:
    rng = random.Random(seed)
    weights = [20, 20, 5, *[1] * (len(KINDS) - 3)]
    datas = [*rng.choices(KINDS, weights, k=rng.randrange(40)), rng.choice(LAST), KINDS[0]]
    events = [SseEvent(data, rng.choice(["message"] * 60 + ["error"])) for data in datas]
    assert read_by(kind, events, at_once=True) == read_by(kind, events, at_once=False)

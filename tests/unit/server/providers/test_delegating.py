"""A dialect that is another one in every verb."""

import json
from dataclasses import dataclass
from typing import Any

import pytest

from server.chat.deployment import Candidate, Deployment
from server.chat.request import parse_chat_request
from server.providers.delegating import DelegatingDialect, PassingStream
from server.providers.dialect import Dialect, StreamDecoder
from server.providers.openai import OpenAiDialect

PLAIN = OpenAiDialect()
SAME: Dialect = DelegatingDialect(PLAIN)
DEPLOYMENT = Deployment("prov_1", "ws_1", "openai", "https://api.openai.com/v1", "sk-1")
ANSWER = json.dumps({"choices": [{"message": {"role": "assistant", "content": "Hi"}, "finish_reason": "stop"}]})
VERBS: list[tuple[str, Any]] = [
    ("name", lambda dialect: dialect.name),
    ("framing", lambda dialect: dialect.framing),
    ("check", lambda dialect: dialect.check(DEPLOYMENT)),
    ("answer", lambda dialect: dialect.answer(200, {}, ANSWER.encode())),
    ("is_stream", lambda dialect: dialect.is_stream(200, {"content-type": "text/event-stream"})),
    ("stream", lambda dialect: type(dialect.stream())),
    ("error", lambda dialect: dialect.error(500, {}, b"").reason),
]


@pytest.mark.parametrize("verb", [case[1] for case in VERBS], ids=[case[0] for case in VERBS])
def test_a_verb_is_that_of_the_plain_one(verb: Any) -> None:
    assert verb(SAME) == verb(PLAIN)


def test_a_request_is_built_as_the_plain_one_does() -> None:
    request = parse_chat_request(b'{"messages":[{"role":"user","content":"Hi"}]}')
    candidate = Candidate(DEPLOYMENT, "gpt-4o")
    assert SAME.build(request, candidate, is_stream=False) == PLAIN.build(request, candidate, is_stream=False)


@dataclass(frozen=True)
class Sent:
    data: bytes
    event: str = "message"


def passing() -> StreamDecoder:
    return PassingStream(PLAIN.stream(), frozenset({"piece"}))


def test_every_event_of_a_passing_stream_goes_on_with_a_chunk() -> None:
    stream = passing()
    sent = b'{"id":"c","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":%s}]}'
    [chunk] = stream.feed(Sent(sent % b'{"content":"Hi"}'))
    assert json.loads(chunk.data)["native"] == json.loads(sent % b'{"content":"Hi"}')
    assert chunk.facts.has_content
    assert stream.notes == []


@pytest.mark.parametrize(("kind", "is_content"), [("piece", True), ("mark", False)], ids=["a piece", "a mark"])
def test_an_event_that_says_nothing_here_passes_in_a_bare_chunk(kind: str, is_content: bool) -> None:
    class Silent:
        is_done = False
        notes: tuple[str, ...] = ()

        def feed(self, event: object) -> list[Any]:
            return []

    event = json.dumps({"type": kind, "new": 1.0}).encode()
    [chunk] = PassingStream(Silent(), frozenset({"piece"})).feed(Sent(event))
    assert json.loads(chunk.data)["native"] == json.loads(event)
    assert json.loads(chunk.data)["choices"] == []
    assert chunk.facts.has_content is is_content


def test_what_is_no_json_and_what_follows_the_end_does_not_pass() -> None:
    stream = passing()
    assert stream.feed(Sent(b"[DONE]")) == []
    assert stream.is_done
    assert stream.feed(Sent(b'{"type":"piece"}')) == []

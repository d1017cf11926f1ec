"""Requests of nothing but texts are translated in one step, and to the very same as in many."""

import json
from typing import Any

import msgspec
import pytest

from server.chat.request import ChatRequest, parse_chat_request
from server.chat.scan import check_shape
from server.ingress.losses import Losses
from server.ingress.messages import request as general
from server.ingress.messages.plain import FACE, VIEW, plain_request, sent_headers
from server.ingress.reading import read_body

ASKED: dict[str, Any] = {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}]}
BETA = {"anthropic-beta": "a-1", "anthropic-version": "2023-06-01"}


def _body(**members: Any) -> bytes:
    return json.dumps(ASKED | members).encode()


def _general(body: bytes, *, stream: bool) -> ChatRequest:
    """What the general translation makes of it."""
    view, members = read_body(VIEW, body)
    chat = general._chat(view, members, Losses(""))
    if stream:
        chat |= {"stream": True, "stream_options": {"include_usage": True}}
    return parse_chat_request(msgspec.json.encode(chat), stream=stream)


TURNS = [
    {"role": "user", "content": "a: b"},
    {"role": "assistant", "content": 'c "d" \u00e9\u4e2d'},
    {"role": "system", "content": ""},
]
PLAIN = {
    "one turn": _body(),
    "turns with colons": _body(messages=TURNS),
    "a system prompt": _body(system="be: brief"),
    "all that samples": _body(temperature=1, top_p=0.5, top_k=3, stop_sequences=["a:", "b"]),
    "nothing that samples": _body(top_k=0, stop_sequences=[]),
    "a stream that is asked for in the body": _body(stream=True),
    "a model with a colon": _body(model="auto:best"),
    "written without spaces": json.dumps(ASKED, separators=(",", ":")).encode(),
    "a long text": _body(system="x" * 20_000),
}


@pytest.mark.parametrize("stream", [False, True], ids=["in one piece", "streamed"])
@pytest.mark.parametrize("body", PLAIN.values(), ids=PLAIN)
def test_it_is_what_the_general_translation_makes_of_it(body: bytes, stream: bool) -> None:
    made, expected = plain_request(body, stream=stream, headers={}), _general(body, stream=stream)
    assert made is not None
    assert (made.body, made.view) == (expected.body, expected.view)
    assert (made.is_stream, made.is_plain, made.notes) == (stream, True, [])
    assert made.native is not None
    assert (made.native.face, made.native.is_same, made.native.losses, made.native.needs) == (FACE, True, (), "")
    assert {name: json.loads(bytes(value)) for name, value in made.native.members.items()} == json.loads(body)


ODD = {
    "blocks": _body(messages=[{"role": "user", "content": [{"type": "text", "text": "hi"}]}]),
    "a system prompt of blocks": _body(system=[{"type": "text", "text": "hi"}]),
    "tools": _body(tools=[{"name": "f", "input_schema": {}}]),
    "thinking": _body(thinking={"type": "disabled"}),
    "metadata": _body(metadata={"user_id": "u"}),
    "a class of service": _body(service_tier="auto"),
    "a member of the gateway's": _body(gateway={}),
    "a member that nobody knows": _body(x=1),
    "a member that nobody knows in a turn": _body(messages=[{"role": "user", "content": "hi", "x": 1}]),
    "a null": _body(temperature=None),
    "a system prompt of null": _body(system=None),
    "stops of null": _body(stop_sequences=None),
    "tools of null": _body(tools=None),
    "no tools": _body(tools=[]),
    "a bound twice beside one that samples": _body(top_p=1)[:-1] + b',"max_tokens":5}',
    "no model": json.dumps({name: value for name, value in ASKED.items() if name != "model"}).encode(),
    "no bound": json.dumps({name: value for name, value in ASKED.items() if name != "max_tokens"}).encode(),
    "a bound of nothing": _body(max_tokens=0),
    "a role that is none": _body(messages=[{"role": "tool", "content": "hi"}]),
    "a member twice": _body()[:-1] + b',"model":"n"}',
    "a member twice in a turn": _body().replace(b'"role"', b'"role":"user","role"'),
    "a colon that hides a member": _body(messages=[{"role": "user", "content": "?x"}], x=1).replace(b"?", b"\\u003a"),
    "a colon as an escape": _body(messages=[{"role": "user", "content": "?x"}]).replace(b"?", b"\\u003a"),
    "no JSON": b"{",
    "no UTF-8": _body().replace(b"hi", b"\xff"),
    "a number that is out of bounds": _body(temperature=1.5),
}


@pytest.mark.parametrize("body", ODD.values(), ids=ODD)
def test_all_else_is_left_to_the_general_translation(body: bytes) -> None:
    assert plain_request(body, stream=False, headers={}) is None


def test_what_is_taken_has_no_odd_shape() -> None:
    for body in PLAIN.values():
        check_shape(body)


def test_headers_go_along_where_they_are_words() -> None:
    assert sent_headers({}) == {}
    assert sent_headers({**BETA, "x": "y"}) == BETA
    assert sent_headers({"anthropic-beta": "a\n"}) == {}
    made = plain_request(_body(), stream=False, headers=BETA)
    assert made is not None
    assert made.native is not None
    assert (made.native.headers, made.native.is_same) == (BETA, False)

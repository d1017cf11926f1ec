"""A request in the form of its face, and answers that hold the provider's own JSON."""

import json

import pytest
from msgspec import Raw

from server.chat.native import LaterMembers, NativeRequest, with_native

MEMBERS = {"b": Raw(b"1.0"), "model": Raw(b'"auto"'), "stream": Raw(b"true"), "a": Raw(b"9007199254740993")}


@pytest.mark.parametrize(
    ("is_stream", "body"),
    [
        (True, b'{"b":1.0,"model":"x","stream":true,"a":9007199254740993}'),
        (False, b'{"b":1.0,"model":"x","a":9007199254740993}'),
    ],
    ids=["a stream", "in one piece"],
)
def test_only_the_model_and_the_stream_change(is_stream: bool, body: bytes) -> None:
    assert NativeRequest("messages", MEMBERS).body(model="x", is_stream=is_stream) == body


def test_a_stream_that_was_not_asked_for_is_asked_for_last() -> None:
    assert NativeRequest("messages", {}).body(model="x", is_stream=True) == b'{"model":"x","stream":true}'


def test_an_answer_holds_the_providers_own_as_it_came() -> None:
    found = with_native(b'{"id":"1"}', b'{"a": 1.0}')
    assert found == b'{"id":"1","native":{"a": 1.0}}'
    assert json.loads(found)["native"] == {"a": 1.0}


def test_members_are_looked_for_when_they_are_asked_for() -> None:
    later = LaterMembers(b'{"b":1.0,"a":[ ]}')
    assert later._members is None
    assert dict(later) == {"b": Raw(b"1.0"), "a": Raw(b"[ ]")}
    assert (len(later), "b" in later, later.get("x")) == (2, True, None)


def test_what_is_printed_of_a_request_holds_nothing_of_what_it_says() -> None:
    assert "secret" not in repr(NativeRequest("messages", {"a": Raw(b'"secret"')}, {"anthropic-beta": "secret"}))

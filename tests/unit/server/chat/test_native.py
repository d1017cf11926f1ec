"""A request in the form of its face, and answers that hold the provider's own JSON."""

import json

import pytest
from msgspec import Raw

from server.chat.native import NativeRequest, with_native

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

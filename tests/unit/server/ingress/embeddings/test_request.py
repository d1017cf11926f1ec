"""Embeddings requests: what routing sees of them, and what is refused."""

import json
from typing import Any

import pytest

from server.chat.estimate import estimate_tokens
from server.chat.request import ChatRequest
from server.errors import RequestInvalid
from server.ingress.embeddings.request import MAX_INPUTS, read_embedding


def read(**members: Any) -> ChatRequest:
    body = {"model": "text-embedding-3-small", "input": "Hello", **members}
    return read_embedding(json.dumps({name: value for name, value in body.items() if value is not ...}).encode())


def test_a_request_goes_along_without_what_is_the_gateways() -> None:
    request = read(gateway={"strategy": "cheapest"}, user="u", dimensions=None, unknown=1.0)
    assert request.native is not None
    assert request.native.needs == "embeddings"
    kept = {name: bytes(raw) for name, raw in request.native.members.items()}
    assert kept == {"model": b'"text-embedding-3-small"', "input": b'"Hello"', "user": b'"u"', "unknown": b"1.0"}
    assert request.view.gateway is not None
    assert request.model == "text-embedding-3-small"


@pytest.mark.parametrize("input_", ["Hello there", ["Hello", "there"], [1] * 50, [[1] * 25, [2] * 25]])
def test_its_tokens_can_be_estimated(input_: Any) -> None:
    tokens = estimate_tokens(read(input=input_))
    assert (tokens >= 50) is (not isinstance(input_, str) and "Hello" not in input_)


WRONG = [
    ("no model", {"model": ...}, "model"),
    ("an empty model", {"model": ""}, "model"),
    ("a model that is null", {"model": None}, "model"),
    ("a model of the gateway's choice", {"model": "auto"}, "model"),
    ("the cheapest model", {"model": "auto:cheap"}, "model"),
    ("no input", {"input": ...}, "input"),
    ("an input that is null", {"input": None}, "input"),
    ("an empty text", {"input": ""}, "input"),
    ("no texts", {"input": []}, "input"),
    ("an empty text among others", {"input": ["a", ""]}, "input"),
    ("no tokens among others", {"input": [[1], []]}, "input"),
    ("texts and tokens", {"input": ["a", [1]]}, "input[1]"),
    ("a token below zero", {"input": [-1]}, "input[0]"),
    ("too many inputs", {"input": ["a"] * (MAX_INPUTS + 1)}, "input"),
    ("an unknown encoding", {"encoding_format": "hex"}, "encoding_format"),
    ("no dimensions", {"dimensions": 0}, "dimensions"),
    ("an unknown knob", {"gateway": {"speed": 1}}, "gateway.speed"),
]


@pytest.mark.parametrize(("members", "param"), [case[1:] for case in WRONG], ids=[case[0] for case in WRONG])
def test_what_is_wrong_is_named(members: dict[str, Any], param: str) -> None:
    with pytest.raises(RequestInvalid) as caught:
        read(**members)
    assert caught.value.param == param

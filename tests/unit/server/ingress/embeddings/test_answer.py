"""Vectors in the encoding that was asked for, equal in both."""

import base64
import json
import struct
from typing import Any, Literal

import pytest

from server.errors import UpstreamBadResponse
from server.ingress.embeddings.answer import embedding_from

NUMBERS = [0.5, -1.25, 0.1]
PACKED = base64.b64encode(struct.pack("<3f", *NUMBERS)).decode()


def answered(vector: Any, encoding: Literal["float", "base64"]) -> dict[str, Any]:
    data = [{"index": 0, "embedding": vector}, {"index": 1, "embedding": vector}]
    body = {"id": "chatcmpl-1", "data": data, "model": "m", "usage": {"prompt_tokens": 3}, "gateway_metadata": {"a": 1}}
    found: dict[str, Any] = json.loads(embedding_from(json.dumps(body).encode(), encoding))
    return found


def test_the_answer_has_openais_members_and_ours() -> None:
    assert answered(NUMBERS, "float") == {
        "object": "list",
        "data": [{"index": index, "embedding": NUMBERS, "object": "embedding"} for index in (0, 1)],
        "model": "m",
        "usage": {"prompt_tokens": 3},
        "gateway_metadata": {"a": 1},
    }


@pytest.mark.parametrize("vector", [NUMBERS, PACKED], ids=["numbers come", "base64 comes"])
def test_both_encodings_say_the_same(vector: Any) -> None:
    numbers = answered(vector, "float")["data"][0]["embedding"]
    packed = answered(vector, "base64")["data"][1]["embedding"]
    assert struct.pack("<3f", *numbers) == base64.b64decode(packed) == base64.b64decode(PACKED)


def test_what_comes_as_asked_stays_as_it_came() -> None:
    body = b'{"data":[{"index":0,"embedding":[1.0,2e-3]}],"model":"m","usage":{},"gateway_metadata":{}}'
    assert b"[1.0,2e-3]" in embedding_from(body, "float")


@pytest.mark.parametrize(
    ("vector", "encoding"),
    [("!", "float"), ("AAA=", "float"), ("", "float"), (["a"], "base64"), ({}, "base64")],
)
def test_a_vector_that_is_none_is_the_providers_fault(vector: Any, encoding: Literal["float", "base64"]) -> None:
    with pytest.raises(UpstreamBadResponse):
        answered(vector, encoding)

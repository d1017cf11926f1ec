"""Embeddings in OpenAI's form: requests spliced and cut, answers put together and checked."""

import base64
import json
import struct
from typing import Any

import pytest
from openai.types import CreateEmbeddingResponse

from server.chat.deployment import Candidate, Deployment
from server.chat.request import ChatRequest
from server.chat.wire import WireRequest
from server.errors import ParamUnsupported, PerpetuoError, UpstreamBadResponse, UpstreamRateLimited
from server.ingress.embeddings.request import read_embedding
from server.providers.dialect import Answer
from server.providers.openai.embeddings import EmbeddingForm, OpenAiEmbeddings

DEPLOYMENT = Deployment("prov_1", "ws_1", "openai", "https://api.openai.com/v1", "sk-1")
TWO = EmbeddingForm(most_inputs=2)


def asked(**members: Any) -> ChatRequest:
    return read_embedding(json.dumps({"model": "auto-x", "input": "Hello", **members}).encode())


def dialect(form: EmbeddingForm = EmbeddingForm(), **members: Any) -> OpenAiEmbeddings:  # noqa: B008
    native = asked(**members).native
    assert native is not None
    return OpenAiEmbeddings(form, native)


def built(form: EmbeddingForm = EmbeddingForm(), **members: Any) -> WireRequest:  # noqa: B008
    return dialect(form, **members).build(asked(**members), Candidate(DEPLOYMENT, "emb-1"), is_stream=False)


def part(*vectors: tuple[int, list[float]], **members: Any) -> dict[str, Any]:
    data = [{"object": "embedding", "index": index, "embedding": vector} for index, vector in vectors]
    return {"object": "list", "data": data, "model": "emb-1-real", "usage": {"prompt_tokens": 5}} | members


def answered(parts: Any, form: EmbeddingForm = EmbeddingForm(), **members: Any) -> Answer:  # noqa: B008
    return dialect(form, **members).answer(200, {}, json.dumps(parts).encode())


def test_a_request_leaves_as_it_came_but_for_the_model() -> None:
    wire = built(user="u", unknown={"b": 1.0})
    assert json.loads(wire.body) == {"model": "emb-1", "input": "Hello", "user": "u", "unknown": {"b": 1.0}}
    assert (wire.method, wire.url, wire.others) == ("POST", "https://api.openai.com/v1/embeddings", ())
    assert wire.headers["Authorization"] == "Bearer sk-1"


FORMS: list[tuple[str, EmbeddingForm, dict[str, Any], dict[str, Any]]] = [
    ("base64 that is known", EmbeddingForm(takes_base64=True), {"encoding_format": "base64"},
     {"encoding_format": "base64"}),
    ("base64 that is not", EmbeddingForm(), {"encoding_format": "base64"}, {}),
    ("numbers", EmbeddingForm(), {"encoding_format": "float"}, {"encoding_format": "float"}),
    ("a length", EmbeddingForm(), {"dimensions": 8}, {"dimensions": 8}),
    ("a length by another name", EmbeddingForm(dimensions="output_dimension"), {"dimensions": 8},
     {"output_dimension": 8}),
]  # fmt: skip


@pytest.mark.parametrize(("form", "members", "sent"), [case[1:] for case in FORMS], ids=[case[0] for case in FORMS])
def test_the_form_is_in_the_vendors_words(form: EmbeddingForm, members: dict[str, Any], sent: dict[str, Any]) -> None:
    found = json.loads(built(form, **members).body)
    assert found == {"model": "emb-1", "input": "Hello", **sent}


@pytest.mark.parametrize(
    ("form", "members", "param"),
    [
        (EmbeddingForm(takes_tokens=False), {"input": [1, 2]}, "input"),
        (EmbeddingForm(dimensions=""), {"dimensions": 8}, "dimensions"),
    ],
    ids=["tokens", "a length"],
)
def test_what_a_vendor_cannot_do_is_refused(form: EmbeddingForm, members: dict[str, Any], param: str) -> None:
    with pytest.raises(ParamUnsupported) as caught:
        built(form, **members)
    assert caught.value.param == param


def test_too_many_inputs_go_out_in_parts() -> None:
    wire = built(TWO, input=["a", "b", "c"], user="u")
    assert [json.loads(body)["input"] for body in (wire.body, *wire.others)] == [["a", "b"], ["c"]]
    assert all(json.loads(body)["user"] == "u" for body in (wire.body, *wire.others))


def test_vectors_come_back_in_the_order_of_the_inputs() -> None:
    answer = answered([part((1, [2.0]), (0, [1.0])), part((0, [3.0]))], TWO, input=["a", "b", "c"])
    body = json.loads(answer.body)
    assert [vector["embedding"] for vector in body["data"]] == [[1.0], [2.0], [3.0]]
    assert [vector["index"] for vector in body["data"]] == [0, 1, 2]
    assert body["usage"] == {"prompt_tokens": 10, "total_tokens": 10}
    assert answer.facts.usage is not None
    assert (answer.facts.usage.input_tokens, answer.facts.usage.is_estimated) == (10, False)
    CreateEmbeddingResponse.model_validate({**body, "data": [{**each, "object": "embedding"} for each in body["data"]]})


@pytest.mark.parametrize("usage", [None, {}], ids=["absent", "empty"])
def test_usage_that_is_missing_is_estimated(usage: Any) -> None:
    usage_of = answered(part((0, [1.0]), usage=usage)).facts.usage
    assert usage_of is not None
    assert usage_of.is_estimated
    assert usage_of.input_tokens > 0


@pytest.mark.parametrize(
    "vector", [[1.0, 2.0], base64.b64encode(struct.pack("<2f", 1, 2)).decode()], ids=["numbers", "base64"]
)
def test_another_length_than_was_asked_for_is_refused(vector: Any) -> None:
    assert answered(part((0, vector)), dimensions=2).facts.has_content
    with pytest.raises(ParamUnsupported) as caught:
        answered(part((0, vector)), dimensions=3)
    assert caught.value.param == "dimensions"
    assert "2 numbers" in caught.value.message


BAD: list[tuple[str, bytes]] = [
    ("not JSON", b"<html>"),
    ("a list", b"[]"),
    ("no data", b'{"object":"list"}'),
    ("too few vectors", json.dumps(part()).encode()),
    ("too many vectors", json.dumps(part((0, [1.0]), (1, [1.0]))).encode()),
    ("an index that is none", json.dumps(part((3, [1.0]))).encode()),
]


@pytest.mark.parametrize("body", [case[1] for case in BAD], ids=[case[0] for case in BAD])
def test_what_are_no_vectors_is_the_providers_fault(body: bytes) -> None:
    with pytest.raises(UpstreamBadResponse):
        dialect().answer(200, {}, body)


@pytest.mark.parametrize(
    ("status", "body", "reason"),
    [
        (429, b'{"error":{"message":"Slow","type":"rate_limit_error"}}', UpstreamRateLimited.reason),
        (200, b'{"error":{"message":"Slow","type":"rate_limit_error"}}', UpstreamRateLimited.reason),
        (404, b'{"error":{"message":"No such model"}}', "MODEL_UNKNOWN"),
    ],
    ids=["a status", "an error with a good status", "no such model"],
)
def test_a_refusal_has_its_reason(status: int, body: bytes, reason: str) -> None:
    with pytest.raises(PerpetuoError) as caught:
        dialect().answer(status, {}, body)
    assert caught.value.reason == reason

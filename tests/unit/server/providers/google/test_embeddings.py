"""Gemini's embeddings: texts in batches, vectors back in order."""

import json
from typing import Any

import pytest

from server.chat.deployment import Candidate, Deployment
from server.chat.request import ChatRequest
from server.chat.wire import WireRequest
from server.errors import ParamUnsupported, PerpetuoError, UpstreamBadResponse
from server.ingress.embeddings.request import read_embedding
from server.providers.google.embeddings import MOST_INPUTS, GoogleEmbeddings

DEPLOYMENT = Deployment("prov_1", "ws_1", "google", "https://generativelanguage.googleapis.com/v1beta", "AIza")


def asked(**members: Any) -> ChatRequest:
    return read_embedding(json.dumps({"model": "gemini-embedding-001", "input": "Hello", **members}).encode())


def dialect(**members: Any) -> GoogleEmbeddings:
    native = asked(**members).native
    assert native is not None
    return GoogleEmbeddings(native)


def built(**members: Any) -> tuple[WireRequest, list[str]]:
    request = asked(**members)
    wire = dialect(**members).build(request, Candidate(DEPLOYMENT, "gemini-embedding-001"), is_stream=False)
    return wire, request.notes


def vectors(*values: list[float]) -> dict[str, Any]:
    return {"embeddings": [{"values": each} for each in values]}


def test_texts_are_asked_for_one_by_one() -> None:
    wire, notes = built(input=["a", "b"], dimensions=8, task_type="RETRIEVAL_QUERY", user="u", encoding_format="base64")
    model = "models/gemini-embedding-001"
    assert wire.url.endswith(f"/v1beta/{model}:batchEmbedContents")
    assert wire.headers["x-goog-api-key"] == "AIza"
    assert json.loads(wire.body) == {
        "requests": [
            {
                "model": model,
                "content": {"parts": [{"text": text}]},
                "taskType": "RETRIEVAL_QUERY",
                "outputDimensionality": 8,
            }
            for text in ("a", "b")
        ]
    }
    assert notes == []


def test_what_it_does_not_know_is_told() -> None:
    assert built(truncate="END")[1] == ["truncate is not sent: the provider has no such parameter."]


def test_tokens_are_refused() -> None:
    with pytest.raises(ParamUnsupported) as caught:
        built(input=[[1, 2]])
    assert caught.value.param == "input"


def test_more_than_it_takes_goes_out_in_parts_and_comes_back_in_order() -> None:
    texts = [str(number) for number in range(MOST_INPUTS + 1)]
    wire, _ = built(input=texts)
    assert [len(json.loads(body)["requests"]) for body in (wire.body, *wire.others)] == [MOST_INPUTS, 1]
    parts = [vectors(*([float(number)] for number in range(MOST_INPUTS))), vectors([float(MOST_INPUTS)])]
    answer = dialect(input=texts).answer(200, {}, json.dumps(parts).encode())
    data = json.loads(answer.body)["data"]
    assert [each["embedding"] for each in data] == [[float(number)] for number in range(MOST_INPUTS + 1)]
    assert answer.facts.usage is not None
    assert answer.facts.usage.is_estimated


def test_another_length_than_was_asked_for_is_refused() -> None:
    with pytest.raises(ParamUnsupported):
        dialect(dimensions=3).answer(200, {}, json.dumps(vectors([1.0, 2.0])).encode())


@pytest.mark.parametrize("body", [b"{", b"{}", b'{"embeddings":[]}', b'{"embeddings":[{"values":["a"]}]}'])
def test_what_are_no_vectors_is_the_providers_fault(body: bytes) -> None:
    with pytest.raises(UpstreamBadResponse):
        dialect().answer(200, {}, body)


def test_a_refusal_has_its_reason() -> None:
    body = b'{"error":{"code":429,"message":"Slow down","status":"RESOURCE_EXHAUSTED"}}'
    with pytest.raises(PerpetuoError) as caught:
        dialect().answer(429, {}, body)
    assert caught.value.reason in {"UPSTREAM_RATE_LIMITED", "UPSTREAM_QUOTA"}

"""Cohere's embeddings: texts in batches, vectors back in order."""

import json
from typing import Any

import pytest
from cohere.types.embed_by_type_response import EmbedByTypeResponse

from server.chat.deployment import Candidate
from server.chat.request import ChatRequest
from server.chat.wire import WireRequest
from server.errors import ParamUnsupported, PerpetuoError
from server.ingress.embeddings.request import read_embedding
from server.providers.cohere.embeddings import MOST_INPUTS, PURPOSE, CohereEmbeddings
from tests.unit.server.providers.cohere.asked import DEPLOYMENT

MODEL = "embed-v4.0"


def asked(**members: Any) -> ChatRequest:
    return read_embedding(json.dumps({"model": MODEL, "input": "Hello", **members}).encode())


def dialect(**members: Any) -> CohereEmbeddings:
    native = asked(**members).native
    assert native is not None
    return CohereEmbeddings(native)


def built(**members: Any) -> tuple[WireRequest, list[str]]:
    request = asked(**members)
    return dialect(**members).build(request, Candidate(DEPLOYMENT, MODEL), is_stream=False), request.notes


def part(*vectors: list[float], billed: float | None = 3.0) -> dict[str, Any]:
    made: dict[str, Any] = {"id": "e", "embeddings": {"float": list(vectors)}, "response_type": "embeddings_by_type"}
    if billed is not None:
        made["meta"] = {"billed_units": {"input_tokens": billed}}
    EmbedByTypeResponse.model_validate(made)
    return made


def test_texts_are_asked_for_with_what_they_are_for() -> None:
    wire, notes = built(input=["a", "b"], dimensions=8, input_type="search_query", truncate="END", user="u")
    assert wire.url == "https://api.cohere.com/v2/embed"
    assert wire.headers["Authorization"] == "Bearer co-1"
    assert json.loads(wire.body) == {
        "model": MODEL,
        "embedding_types": ["float"],
        "input_type": "search_query",
        "truncate": "END",
        "output_dimension": 8,
        "texts": ["a", "b"],
    }
    assert notes == []


def test_what_they_are_for_is_told_where_nobody_said_it() -> None:
    wire, notes = built()
    assert json.loads(wire.body)["input_type"] == PURPOSE
    assert notes[0].startswith("input_type")


def test_what_it_does_not_know_is_told() -> None:
    assert "x_new is not sent: the provider has no such parameter." in built(x_new=1)[1]


def test_tokens_are_refused() -> None:
    with pytest.raises(ParamUnsupported, match="texts only"):
        built(input=[1, 2])


def test_many_texts_are_asked_for_in_parts_and_come_back_in_order() -> None:
    texts = [str(number) for number in range(MOST_INPUTS + 1)]
    wire, _ = built(input=texts)
    assert [len(json.loads(body)["texts"]) for body in (wire.body, *wire.others)] == [MOST_INPUTS, 1]
    parts = [part(*([float(number)] for number in range(MOST_INPUTS))), part([float(MOST_INPUTS)])]
    answer = dialect(input=texts).answer(200, {}, json.dumps(parts).encode())
    found = json.loads(answer.body)
    assert [vector["embedding"] for vector in found["data"]] == [[float(number)] for number in range(MOST_INPUTS + 1)]
    assert found["usage"] == {"prompt_tokens": 6, "total_tokens": 6}


def test_usage_that_is_missing_is_estimated() -> None:
    answer = dialect().answer(200, {}, json.dumps(part([0.5], billed=None)).encode())
    assert answer.facts.usage is not None
    assert answer.facts.usage.is_estimated
    told = dialect().answer(200, {}, json.dumps(part([0.5])).encode()).facts.usage
    assert told is not None
    assert (told.input_tokens, told.is_estimated) == (3, False)


@pytest.mark.parametrize(
    ("members", "status", "body", "reason"),
    [
        ({}, 429, {"message": "slow down"}, "UPSTREAM_RATE_LIMITED"),
        ({}, 200, {"embeddings": {"float": []}}, "UPSTREAM_BAD_RESPONSE"),
        ({}, 200, {"embeddings": {"float": 7}}, "UPSTREAM_BAD_RESPONSE"),
        ({}, 200, {}, "UPSTREAM_BAD_RESPONSE"),
        ({"dimensions": 2}, 200, {"embeddings": {"float": [[1.0]]}}, "PARAM_UNSUPPORTED"),
    ],
)
def test_what_is_no_answer(members: dict[str, Any], status: int, body: object, reason: str) -> None:
    with pytest.raises(PerpetuoError) as caught:
        dialect(**members).answer(status, {}, json.dumps(body).encode())
    assert caught.value.reason == reason

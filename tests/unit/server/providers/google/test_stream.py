"""Streams as chunks."""

import json
from dataclasses import dataclass
from typing import Any

import pytest
from google.genai import types
from openai.types.chat import ChatCompletionChunk

from server.errors import ContentBlocked, PerpetuoError, UpstreamBadResponse, UpstreamUnavailable
from server.providers.google.stream import GoogleStream

USAGE = {"promptTokenCount": 10, "candidatesTokenCount": 5, "thoughtsTokenCount": 2}


@dataclass(frozen=True, slots=True)
class Sent:
    data: bytes
    event: str = "message"


def piece(*parts: dict[str, Any], reason: str | None = None, index: int = 0, **more: object) -> Sent:
    candidate: dict[str, Any] = {"content": {"parts": list(parts), "role": "model"}, "index": index}
    if reason:
        candidate["finishReason"] = reason
    body = {"candidates": [candidate], "modelVersion": "gemini-x", "responseId": "r1", **more}
    types.GenerateContentResponse.model_validate(body)
    return Sent(json.dumps(body).encode())


def read(*events: Sent) -> tuple[GoogleStream, list[dict[str, Any]]]:
    stream = GoogleStream()
    chunks = [chunk for sent in events for chunk in stream.feed(sent)]
    made = [json.loads(chunk.data) for chunk in chunks]
    for data, chunk in zip(made, chunks, strict=True):
        ChatCompletionChunk.model_validate({**data, "service_tier": None})
        delta = data["choices"][0]["delta"] if data["choices"] else {}
        said = {name for name, value in delta.items() if value} - {"role", "extra_content"}
        assert chunk.facts.has_content is bool(said)
        assert chunk.facts.is_usage_only is not bool(data["choices"])
    return stream, made


def test_a_stream_from_its_beginning_to_its_end() -> None:
    stream, chunks = read(
        piece({"text": "hm", "thought": True}),
        piece({"text": "Hi"}),
        piece({"text": " there"}, reason="STOP", usageMetadata=USAGE),
    )
    assert {(chunk["id"], chunk["model"]) for chunk in chunks} == {("r1", "gemini-x")}
    assert [chunk["choices"][0]["delta"] for chunk in chunks[:-1]] == [
        {"role": "assistant", "content": ""},
        {"reasoning_content": "hm"},
        {"content": "Hi"},
        {"content": " there"},
        {},
    ]
    assert [chunk["choices"][0]["finish_reason"] for chunk in chunks[:-1]] == [None] * 4 + ["stop"]
    assert chunks[-1]["usage"]["completion_tokens"] == 7
    assert not stream.is_done


def test_calls_are_numbered_over_all_pieces_and_come_whole() -> None:
    def call(name: str) -> dict[str, Any]:
        return {"functionCall": {"name": name, "args": {"a": 1}}}

    _, chunks = read(piece(call("f"), call("g")), piece(call("h")), piece(reason="STOP"))
    calls = [made for chunk in chunks for made in chunk["choices"][0]["delta"].get("tool_calls", [])]
    assert [(made["index"], made["id"], made["function"]["name"]) for made in calls] == [
        (0, "call_r1_0", "f"),
        (1, "call_r1_1", "g"),
        (2, "call_r1_2", "h"),
    ]
    assert {made["function"]["arguments"] for made in calls} == {'{"a": 1}'}
    assert chunks[-1]["choices"][0]["finish_reason"] == "tool_calls"


def test_usage_that_comes_with_every_piece_is_told_at_the_end_and_never_added() -> None:
    early = {"promptTokenCount": 10, "candidatesTokenCount": 1}
    _, chunks = read(piece({"text": "a"}, usageMetadata=early), piece(reason="STOP", usageMetadata=USAGE))
    assert [chunk["usage"]["completion_tokens"] for chunk in chunks if "usage" in chunk] == [7]


def test_usage_that_comes_last_replaces_what_came_before() -> None:
    late = Sent(json.dumps({"usageMetadata": {**USAGE, "candidatesTokenCount": 9}, "responseId": "r1"}).encode())
    _, chunks = read(piece({"text": "a"}), piece(reason="STOP", usageMetadata=USAGE), late)
    assert [chunk["usage"]["completion_tokens"] for chunk in chunks if "usage" in chunk] == [7, 11]


def test_several_answers_each_have_a_role_and_an_end() -> None:
    _, chunks = read(
        piece({"text": "a"}), piece({"text": "b"}, index=1), piece(reason="STOP", index=1), piece(reason="MAX_TOKENS")
    )
    ends = {chunk["choices"][0]["index"]: chunk["choices"][0]["finish_reason"] for chunk in chunks}
    assert ends == {0: "length", 1: "stop"}
    roles = [chunk["choices"][0]["index"] for chunk in chunks if "role" in chunk["choices"][0]["delta"]]
    assert roles == [0, 1]


def test_a_signature_without_words_is_told_and_is_no_content() -> None:
    _, chunks = read(piece({"text": "Hi"}), piece({"text": "", "thoughtSignature": "Eg=="}), piece(reason="STOP"))
    assert chunks[2]["choices"][0]["delta"] == {"extra_content": {"google": {"thought_signature": "Eg=="}}}


FAILURES: dict[str, tuple[list[Sent], type[PerpetuoError]]] = {
    "an error": (
        [Sent(b'{"error":{"code":503,"message":"The model is overloaded.","status":"UNAVAILABLE"}}')],
        UpstreamUnavailable,
    ),
    "a prompt that is refused": ([Sent(b'{"promptFeedback":{"blockReason":"SAFETY"}}')], ContentBlocked),
    "a generation that failed": ([piece({"text": "a"}), piece(reason="MALFORMED_FUNCTION_CALL")], UpstreamBadResponse),
    "an end that says nothing after nothing": ([piece(reason="OTHER")], UpstreamBadResponse),
    "two pieces that are none": ([Sent(b"{"), Sent(b"[]")], UpstreamBadResponse),
}


@pytest.mark.parametrize(("events", "reason"), FAILURES.values(), ids=FAILURES.keys())
def test_a_failure_is_raised(events: list[Sent], reason: type[PerpetuoError]) -> None:
    with pytest.raises(reason):
        read(*events)


def test_one_piece_may_be_unreadable() -> None:
    stream, chunks = read(Sent(b"{"), Sent(b""), piece({"text": "a"}), piece(reason="ESCALATION"))
    assert stream.notes == [
        "upstream_malformed_events",
        "The provider ended with 'ESCALATION', which is taken for a stop.",
    ]
    assert chunks[-1]["choices"][0]["native_finish_reason"] == "ESCALATION"


def test_log_probabilities_come_with_their_piece() -> None:
    sent = piece({"text": "Hi"})
    body = json.loads(sent.data)
    body["candidates"][0]["logprobsResult"] = {"chosenCandidates": [{"token": "Hi", "logProbability": -0.5}]}
    _, chunks = read(Sent(json.dumps(body).encode()))
    assert chunks[1]["choices"][0]["logprobs"]["content"][0]["token"] == "Hi"

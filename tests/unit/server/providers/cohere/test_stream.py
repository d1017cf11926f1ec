"""Cohere's streams, where the golden folders do not go."""

import json
from typing import Any

import pytest

from server.errors import PerpetuoError, UpstreamBadResponse
from server.providers.cohere.stream import CohereStream
from server.upstream.sse import SseEvent

START = {"type": "message-start", "id": "m1", "delta": {"message": {"role": "assistant"}}}
END = {"type": "message-end", "delta": {"finish_reason": "COMPLETE", "usage": {"tokens": {"input_tokens": 1}}}}


def text(piece: str, index: int = 0) -> dict[str, Any]:
    return {"type": "content-delta", "index": index, "delta": {"message": {"content": {"text": piece}}}}


def thought(piece: str) -> dict[str, Any]:
    return {"type": "content-delta", "index": 0, "delta": {"message": {"content": {"thinking": piece}}}}


def plan(piece: str) -> dict[str, Any]:
    return {"type": "tool-plan-delta", "delta": {"message": {"tool_plan": piece}}}


def called(kind: str, index: int, **call: Any) -> dict[str, Any]:
    event: dict[str, Any] = {"type": f"tool-call-{kind}", "index": index}
    return {**event, "delta": {"message": {"tool_calls": call}}} if call else event


def fed(*events: Any) -> tuple[CohereStream, list[dict[str, Any]]]:
    stream = CohereStream()
    data = [event if isinstance(event, bytes) else json.dumps(event).encode() for event in events]
    return stream, [json.loads(chunk.data) for each in data for chunk in stream.feed(SseEvent(each))]


def deltas(*events: Any) -> list[dict[str, Any]]:
    return [choice["delta"] for chunk in fed(*events)[1] for choice in chunk["choices"]]


def test_the_end_is_told_once_and_last() -> None:
    stream, chunks = fed(START, text("a"), END, text("b"), b"[DONE]")
    assert stream.is_done
    assert [choice["finish_reason"] for chunk in chunks for choice in chunk["choices"]] == [None, None, "stop"]
    assert chunks[-1]["choices"] == []
    assert {chunk["id"] for chunk in chunks} == {"m1"}


def test_a_break_before_the_last_event_is_no_end() -> None:
    assert not fed(START, text("a"), {"type": "content-end", "index": 0})[0].is_done


def test_calls_are_numbered_from_zero_and_those_that_alternate_stay_apart() -> None:
    begun = {"id": "a", "type": "function", "function": {"name": "f", "arguments": ""}}
    calls = [
        delta["tool_calls"][0]
        for delta in deltas(
            called("start", 3, **begun),
            called("start", 4, **{**begun, "id": "b"}),
            called("delta", 4, function={"arguments": '{"x":'}),
            called("delta", 3, function={"arguments": "{}"}),
            called("delta", 4, function={"arguments": "1}"}),
            called("end", 3),
            called("end", 4),
        )
    ]
    assert [call["index"] for call in calls] == [0, 1, 1, 0, 1]
    assert [call["id"] for call in calls if "id" in call] == ["a", "b"]


@pytest.mark.parametrize(("arguments", "pieces"), [("", ["", "{}"]), ('{"a":1}', ['{"a":1}'])], ids=["none", "at once"])
def test_arguments_that_came_at_the_start_are_not_doubled_and_none_are_an_object(
    arguments: str, pieces: list[str]
) -> None:
    begun = {"id": "a", "type": "function", "function": {"name": "f", "arguments": arguments}}
    found = deltas(called("start", 0, **begun), called("end", 0), called("end", 7))
    assert [delta["tool_calls"][0]["function"]["arguments"] for delta in found] == pieces


def test_a_plan_begins_apart_from_what_was_thought() -> None:
    assert deltas(thought("a"), plan("b"), plan(""), plan("c")) == [
        {"reasoning_content": "a"},
        {"reasoning_content": "\n\nb"},
        {"reasoning_content": "c"},
    ]
    assert deltas(plan("b"), plan("c")) == [{"reasoning_content": "b"}, {"reasoning_content": "c"}]


def test_a_content_that_begins_with_words_is_not_cut() -> None:
    begun = {"type": "content-start", "index": 0, "delta": {"message": {"content": {"type": "text", "text": "a"}}}}
    assert deltas(begun, text("b")) == [{"content": "a"}, {"content": "b"}]


def test_places_of_citations_count_from_the_beginning_of_the_answer() -> None:
    page = {"type": "document", "document": {"url": "https://a.example/", "title": "A"}}
    citation = {"start": 0, "end": 1, "content_index": 1, "sources": [page]}
    event = {"type": "citation-start", "index": 0, "delta": {"message": {"citations": citation}}}
    delta = deltas(text("abc"), text("d", 1), event)[-1]
    assert delta["annotations"][0]["url_citation"]["start_index"] == 3
    assert delta["extra_content"]["cohere"]["citations"] == [citation]


@pytest.mark.parametrize(
    ("event", "reason"),
    [
        ({"type": "message-end", "delta": {"finish_reason": "ERROR", "error": "x"}}, "UPSTREAM_UNAVAILABLE"),
        ({"type": "message-end", "delta": {"finish_reason": "TIMEOUT"}}, "UPSTREAM_TIMEOUT"),
        ({"type": "message-end"}, "UPSTREAM_UNAVAILABLE"),
        ({"message": "invalid request"}, "UPSTREAM_BAD_RESPONSE"),
        (called("delta", 0, function={"arguments": "{"}), "UPSTREAM_BAD_RESPONSE"),
    ],
)
def test_a_failure_is_its_reason(event: dict[str, Any], reason: str) -> None:
    with pytest.raises(PerpetuoError) as caught:
        fed(START, event)
    assert caught.value.reason == reason


def test_events_that_nobody_knows_do_no_harm() -> None:
    assert deltas({"type": "debug", "prompt": "x"}, {"type": "new", "delta": {}}, b"", text("a")) == [{"content": "a"}]


def test_one_malformed_event_is_skipped_and_noted_a_second_is_not() -> None:
    stream, chunks = fed(b"{", text("a"))
    assert len(chunks) == 1
    assert stream.notes == ["upstream_malformed_events"]
    with pytest.raises(UpstreamBadResponse):
        stream.feed(SseEvent(b'{"type":7}'))

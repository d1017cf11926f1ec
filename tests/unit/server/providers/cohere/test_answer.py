"""Cohere's answers as chat completions."""

import json
import typing
from typing import Any, Literal

import pytest
from cohere.types.chat_finish_reason import ChatFinishReason

from server.errors import PerpetuoError
from server.providers.cohere.answer import FAILURES, FINISH_REASONS
from server.providers.cohere.dialect import CohereDialect

DIALECT = CohereDialect()
CALL = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": '{"a": 1.0}'}}


def read(message: dict[str, Any], finish: str = "COMPLETE", **members: Any) -> dict[str, Any]:
    body = {"id": "a1", "finish_reason": finish, "message": {"role": "assistant", **message}, **members}
    answer = DIALECT.answer(200, {}, json.dumps(body).encode())
    made: dict[str, Any] = json.loads(answer.body)
    made["notes"] = list(answer.notes)
    return made


def said(text: str) -> dict[str, Any]:
    return {"content": [{"type": "text", "text": text}]}


CASES: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("a text", said("hi"), {"content": "hi"}),
    ("texts are joined", {"content": [*said("a")["content"], *said("b")["content"]]}, {"content": "ab"}),
    (
        "thoughts are reasoning",
        {"content": [{"type": "thinking", "thinking": "t"}, {"type": "text", "text": "a"}]},
        {"content": "a", "reasoning_content": "t"},
    ),
    (
        "a plan is reasoning too",
        {"tool_plan": "p", "tool_calls": [CALL]},
        {"content": None, "reasoning_content": "p", "tool_calls": [CALL]},
    ),
    (
        "a plan stands after thoughts",
        {"tool_plan": "p", "content": [{"type": "thinking", "thinking": "t"}], "tool_calls": [CALL]},
        {"content": None, "reasoning_content": "t\n\np", "tool_calls": [CALL]},
    ),
    (
        "no arguments are the empty object",
        {"tool_calls": [{"id": "c", "type": "function", "function": {"name": "f"}}]},
        {
            "content": None,
            "tool_calls": [{"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}],
        },
    ),
    ("nothing is an empty text", {}, {"content": ""}),
]


@pytest.mark.parametrize(("message", "expected"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_a_message(message: dict[str, Any], expected: dict[str, Any]) -> None:
    made = read(message, "TOOL_CALL" if "tool_calls" in message else "COMPLETE")["choices"][0]["message"]
    assert made == {"role": "assistant", **expected}


@pytest.mark.parametrize(
    ("finish", "has_calls", "expected"),
    [
        ("COMPLETE", False, "stop"),
        ("COMPLETE", True, "tool_calls"),
        ("STOP_SEQUENCE", False, "stop"),
        ("MAX_TOKENS", False, "length"),
        ("MAX_TOKENS", True, "length"),
        ("TOOL_CALL", True, "tool_calls"),
        ("TOOL_CALL", False, "stop"),
        ("ERROR_TOXIC", False, "content_filter"),
    ],
)
def test_a_finish_reason(finish: str, has_calls: bool, expected: str) -> None:
    assert read({"tool_calls": [CALL]} if has_calls else said("a"), finish)["choices"][0]["finish_reason"] == expected


def test_the_table_of_reasons_is_total() -> None:
    words = next(set(typing.get_args(kind)) for kind in typing.get_args(ChatFinishReason) if _is_literal(kind))
    assert words <= set(FINISH_REASONS) | FAILURES


def _is_literal(kind: object) -> bool:
    return typing.get_origin(kind) is Literal


@pytest.mark.parametrize(
    ("finish", "reason"), [("ERROR", "UPSTREAM_UNAVAILABLE"), ("TIMEOUT", "UPSTREAM_TIMEOUT"),
                           ("ERROR_LIMIT", "UPSTREAM_UNAVAILABLE")],
)  # fmt: skip
def test_a_failed_generation_is_never_a_finished_one(finish: str, reason: str) -> None:
    with pytest.raises(PerpetuoError) as caught:
        read(said("half an answ"), finish)
    assert caught.value.reason == reason


def test_a_reason_that_nobody_knows_is_noted() -> None:
    made = read(said("a"), "BORED")
    assert made["choices"][0]["finish_reason"] == "stop"
    assert made["choices"][0]["native_finish_reason"] == "BORED"
    assert "BORED" in made["notes"][0]


USAGES: list[tuple[str, object, object]] = [
    (
        "what is billed counts",
        {"billed_units": {"input_tokens": 5.0, "output_tokens": 2.0}, "tokens": {"input_tokens": 70.0}},
        (5, 2, None),
    ),
    ("what was used, where nothing else is told", {"tokens": {"input_tokens": 70, "output_tokens": 2}}, (70, 2, None)),
    ("the cache is a part", {"billed_units": {"input_tokens": 9, "output_tokens": 1}, "cached_tokens": 4.0}, (9, 1, 4)),
    (
        "no more than the whole",
        {"billed_units": {"input_tokens": 9, "output_tokens": 1}, "cached_tokens": 64},
        (9, 1, 9),
    ),
    ("nothing was used", {"billed_units": {"input_tokens": 0, "output_tokens": 0}}, (0, 0, None)),
    ("nothing is told", {"billed_units": {"search_units": 1}}, None),
    ("nothing at all", None, None),
]


@pytest.mark.parametrize(("told", "expected"), [case[1:] for case in USAGES], ids=[case[0] for case in USAGES])
def test_usage(told: object, expected: tuple[int, int, int | None] | None) -> None:
    usage: Any = read(said("a"), usage=told).get("usage")
    if expected is None:
        assert usage is None
        return
    cached = usage.get("prompt_tokens_details", {}).get("cached_tokens")
    assert (usage["prompt_tokens"], usage["completion_tokens"], cached) == expected
    assert usage["total_tokens"] == expected[0] + expected[1]


def test_both_counts_stay_beside_the_usage() -> None:
    told = {"billed_units": {"input_tokens": 5.0, "search_units": 1.0}, "tokens": {"input_tokens": 70.0}}
    usage = read(said("a"), usage=told)["usage"]
    assert (usage["billed_units"], usage["tokens"]) == (told["billed_units"], told["tokens"])


def test_citations_stay_as_they_came_and_addresses_are_told_in_openais_form() -> None:
    page = {"type": "document", "id": "d", "document": {"url": "https://a.example/", "title": "A", "text": "long"}}
    cited = [
        {"start": 1, "end": 3, "content_index": 2, "sources": [page, {"type": "tool", "id": "t"}]},
        {"start": 0, "end": 1, "sources": [{"type": "tool", "id": "t", "tool_output": {"n": 1.0}}]},
    ]
    content = [{"type": "text", "text": "ab"}, {"type": "thinking", "thinking": "x"}, {"type": "text", "text": "cdef"}]
    message = read({"content": content, "citations": cited})["choices"][0]["message"]
    assert message["extra_content"] == {"cohere": {"citations": cited}}
    [annotation] = message["annotations"]
    place = annotation["url_citation"]
    assert (place["url"], place["start_index"], place["end_index"]) == ("https://a.example/", 3, 5)


def test_log_probabilities() -> None:
    told = [{"text": "ä", "token_ids": [1, 2], "logprobs": [-0.5, -0.25]}, {"token_ids": [3]}]
    content = read(said("ä"), logprobs=told)["choices"][0]["logprobs"]["content"]
    assert content == [
        {"token": "ä", "logprob": -0.75, "bytes": [195, 164], "top_logprobs": []},
        {"token": "", "logprob": 0, "bytes": [], "top_logprobs": []},
    ]


def test_members_that_nobody_knows_survive() -> None:
    assert read(said("a"), x_new={"b": 1.0})["x_new"] == {"b": 1.0}

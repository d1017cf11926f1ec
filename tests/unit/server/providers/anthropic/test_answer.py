"""Whole answers as chat completions."""

import json
from typing import Any, get_args

import pytest
from anthropic.types.stop_reason import StopReason
from openai.types.chat import ChatCompletion

from server.chat.answer import peek_answer
from server.chat.usage import Usage
from server.providers.anthropic.answer import FINISH_REASONS
from server.providers.anthropic.dialect import AnthropicDialect
from tests.unit.server.providers.anthropic.said import message

TOOL = {"type": "tool_use", "id": "toolu_1", "name": "f", "input": {"a": 1}}


def completion(said: dict[str, Any]) -> dict[str, Any]:
    made: dict[str, Any] = json.loads(AnthropicDialect().answer(200, {}, json.dumps(said).encode()).body)
    if all(note["type"] == "url_citation" for note in made["choices"][0]["message"].get("annotations", [])):
        ChatCompletion.model_validate({**made, "service_tier": None})
    return made


def text(words: str, **more: object) -> dict[str, Any]:
    return {"type": "text", "text": words, **more}


MESSAGES: dict[str, tuple[list[dict[str, Any]], dict[str, Any]]] = {
    "nothing": ([], {"role": "assistant", "content": ""}),
    "text": ([text("Hi")], {"role": "assistant", "content": "Hi"}),
    "texts are one": ([text("Hi"), text(" there")], {"role": "assistant", "content": "Hi there"}),
    "a call alone": (
        [TOOL],
        {"role": "assistant", "content": None,
         "tool_calls": [{"id": "toolu_1", "type": "function", "function": {"name": "f", "arguments": '{"a": 1}'}}]},
    ),
    "a call without arguments": (
        [text("x"), {**TOOL, "input": {}}],
        {"role": "assistant", "content": "x",
         "tool_calls": [{"id": "toolu_1", "type": "function", "function": {"name": "f", "arguments": "{}"}}]},
    ),
    "reasoning, shown and hidden": (
        [{"type": "thinking", "thinking": "hm", "signature": "s=="}, {"type": "redacted_thinking", "data": "x"},
         text("Hi")],
        {"role": "assistant", "content": "Hi", "reasoning_content": "hm",
         "thinking_blocks": [{"type": "thinking", "thinking": "hm", "signature": "s=="},
                             {"type": "redacted_thinking", "data": "x"}]},
    ),
    "reasoning that is not shown": (
        [{"type": "thinking", "thinking": "", "signature": "s=="}, text("Hi")],
        {"role": "assistant", "content": "Hi",
         "thinking_blocks": [{"type": "thinking", "thinking": "", "signature": "s=="}]},
    ),
    "a citation of an address": (
        [text("As "), text("said", citations=[{"type": "web_search_result_location", "url": "https://e.com",
                                               "title": "E", "cited_text": "x", "encrypted_index": "i"}])],
        {"role": "assistant", "content": "As said",
         "annotations": [{"type": "url_citation",
                          "url_citation": {"url": "https://e.com", "title": "E", "start_index": 3, "end_index": 7}}]},
    ),
    "a citation of a document": (
        [text("said", citations=[{"type": "char_location", "cited_text": "x", "document_index": 0,
                                  "document_title": None, "start_char_index": 0, "end_char_index": 1}])],
        {"role": "assistant", "content": "said",
         "annotations": [{"type": "char_location", "cited_text": "x", "document_index": 0,
                          "document_title": None, "start_char_index": 0, "end_char_index": 1}]},
    ),
}  # fmt: skip


@pytest.mark.parametrize(("content", "said"), MESSAGES.values(), ids=MESSAGES.keys())
def test_a_message(content: list[dict[str, Any]], said: dict[str, Any]) -> None:
    assert completion(message(content))["choices"][0]["message"] == said


def test_blocks_that_only_anthropic_knows_keep_the_whole_content() -> None:
    content = [{"type": "server_tool_use", "id": "s", "name": "web_search", "input": {"query": "x"}}, text("Found.")]
    said = completion(message(content))["choices"][0]["message"]
    assert said == {
        "role": "assistant",
        "content": "Found.",
        "extra_content": {"anthropic": {"content": content}},
    }


def test_the_table_of_reasons_is_total() -> None:
    assert set(FINISH_REASONS) == set(get_args(StopReason))


FINISHES = [
    ("end_turn", [text("x")], "stop"),
    ("stop_sequence", [text("x")], "stop"),
    ("pause_turn", [text("x")], "stop"),
    ("max_tokens", [text("x")], "length"),
    ("max_tokens", [], "length"),
    ("max_tokens", [TOOL], "length"),
    ("model_context_window_exceeded", [text("x")], "length"),
    ("tool_use", [TOOL], "tool_calls"),
    ("end_turn", [TOOL], "tool_calls"),
    ("tool_use", [text("x")], "stop"),
    ("refusal", [text("x")], "content_filter"),
    ("refusal", [], "content_filter"),
    ("something_new", [text("x")], "stop"),
]


@pytest.mark.parametrize(("reason", "content", "finish"), FINISHES, ids=lambda value: str(value)[:30])
def test_a_finish_reason(reason: str, content: list[dict[str, Any]], finish: str) -> None:
    choice = completion(message(content, reason))["choices"][0]
    assert choice["finish_reason"] == finish
    plain = reason in ("end_turn", "max_tokens", "tool_use")
    assert choice.get("native_finish_reason") == (None if plain else reason)


def test_a_reason_that_nobody_knows_is_noted() -> None:
    answer = AnthropicDialect().answer(200, {}, json.dumps(message([text("x")], "something_new")).encode())
    assert answer.notes == ("The provider ended with 'something_new', which is taken for a stop.",)
    assert AnthropicDialect().answer(200, {}, json.dumps(message([text("x")])).encode()).notes == ()


def test_what_stopped_it_is_told() -> None:
    choice = completion(message([text("x")], "stop_sequence", stop_sequence="END"))["choices"][0]
    assert choice["stop_sequence"] == "END"


def test_members_that_nobody_knows_survive() -> None:
    made = completion(message([text("x")], container={"id": "c", "expires_at": "2026-11-22T00:00:00Z"}, new={"a": 1.0}))
    assert (made["container"]["id"], made["new"]) == ("c", {"a": 1.0})
    assert made["usage"]["prompt_tokens"] == 10


USAGES: dict[str, tuple[dict[str, Any], Usage]] = {
    "plain": ({"input_tokens": 10, "output_tokens": 5}, Usage(10, 0, 0, 5)),
    "the cache is beside the input": (
        {"input_tokens": 3, "cache_read_input_tokens": 100, "cache_creation_input_tokens": 40, "output_tokens": 7},
        Usage(3, 100, 40, 7),
    ),
    "an hour is a part of what is written": (
        {"input_tokens": 3, "cache_creation_input_tokens": 40, "output_tokens": 7,
         "cache_creation": {"ephemeral_5m_input_tokens": 10, "ephemeral_1h_input_tokens": 30}},
        Usage(3, 0, 40, 7, cache_write_1h_tokens=30),
    ),
    "reasoning is a part of the output": (
        {"input_tokens": 3, "output_tokens": 7, "output_tokens_details": {"thinking_tokens": 5}},
        Usage(3, 0, 0, 2, 5),
    ),
    "null counts": (
        {"input_tokens": 3, "cache_read_input_tokens": None, "cache_creation_input_tokens": None, "output_tokens": 0},
        Usage(3),
    ),
    "the usual tier": ({"input_tokens": 3, "output_tokens": 7, "service_tier": "standard"}, Usage(3, 0, 0, 7)),
    "another tier": (
        {"input_tokens": 3, "output_tokens": 7, "service_tier": "priority"}, Usage(3, 0, 0, 7, tier="priority")
    ),
    "the fast mode": (
        {"input_tokens": 3, "output_tokens": 7, "service_tier": "standard", "speed": "fast"},
        Usage(3, 0, 0, 7, tier="fast"),
    ),
}  # fmt: skip


@pytest.mark.parametrize(("counted", "usage"), USAGES.values(), ids=USAGES.keys())
def test_usage_in_disjoint_buckets(counted: dict[str, Any], usage: Usage) -> None:
    made = completion(message([text("x")], usage=counted))
    assert peek_answer(json.dumps(made).encode()).usage == usage
    told = made["usage"]
    assert told["total_tokens"] == told["prompt_tokens"] + told["completion_tokens"] == usage.total_tokens


def test_searches_are_told_with_the_usage() -> None:
    counted = {
        "input_tokens": 1,
        "output_tokens": 1,
        "server_tool_use": {"web_search_requests": 2, "web_fetch_requests": 0},
    }
    assert completion(message([text("x")], usage=counted))["usage"]["server_tool_use"]["web_search_requests"] == 2


@pytest.mark.parametrize("usage", [None, "many", {}, {"input_tokens": "7"}])
def test_usage_that_is_missing_is_not_none_used(usage: object) -> None:
    made = completion({**message([text("x")]), "usage": usage})
    assert "usage" not in made

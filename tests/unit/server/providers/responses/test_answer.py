"""Whole answers."""

from typing import Any

import msgspec
import pytest

from server.errors import PerpetuoError
from tests.unit.server.providers.responses.asked import DIALECT
from tests.unit.server.providers.responses.said import call, custom, message, reasoning, response, spoken

Json = dict[str, Any]
CITED: Json = {"type": "url_citation", "start_index": 1, "end_index": 3, "url": "https://a.example", "title": "A"}
FILE: Json = {"type": "file_citation", "file_id": "f", "filename": "a.txt", "index": 1}


def told(*output: Json, **more: Any) -> Json:
    body = msgspec.json.encode(response(*output, **more))
    found: Json = msgspec.json.decode(DIALECT.answer(200, {}, body).body)
    return found


def said(*output: Json) -> Json:
    found: Json = told(*output)["choices"][0]["message"]
    return found


CASES: list[tuple[str, list[Json], Json]] = [
    ("a text", [message(spoken("a"), spoken("b"))], {"content": "ab"}),
    ("nothing at all", [], {"content": ""}),
    ("a refusal", [message({"type": "refusal", "refusal": "no"})], {"content": None, "refusal": "no"}),
    ("calls", [call(), custom()],
     {"content": None, "tool_calls": [
         {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}},
         {"id": "c2", "type": "custom", "custom": {"name": "g", "input": "x"}}]}),
    ("reasoning with its summary", [reasoning("a", "b"), message(spoken("c"))],
     {"content": "c", "reasoning_content": "a\n\nb", "reasoning_items": [reasoning("a", "b")]}),
    ("reasoning that shows nothing", [reasoning(), message(spoken("c"))],
     {"content": "c", "reasoning_items": [reasoning()]}),
    ("reasoning as such", [reasoning(content=[{"type": "reasoning_text", "text": "hm"}]), message(spoken("c"))],
     {"content": "c", "reasoning_content": "hm",
      "reasoning_items": [reasoning(content=[{"type": "reasoning_text", "text": "hm"}])]}),
    ("citations", [message(spoken("ab", FILE), spoken("cd", CITED))],
     {"content": "abcd", "annotations": [FILE, {"type": "url_citation", "url_citation": {
         "url": "https://a.example", "title": "A", "start_index": 3, "end_index": 5}}]}),
]  # fmt: skip


@pytest.mark.parametrize(("output", "expected"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_an_output_as_a_message(output: list[Json], expected: Json) -> None:
    assert said(*output) == {"role": "assistant", **expected}


@pytest.mark.parametrize(
    "output",
    [[call(), reasoning(), message(spoken("a"))], [message(spoken("a")), message(spoken("b"))],
     [{"id": "ws", "type": "web_search_call", "status": "completed", "action": {"type": "search", "query": "q"}}]],
    ids=["reasoning between calls", "two messages", "a tool of the vendor's"],
)  # fmt: skip
def test_an_output_that_a_message_cannot_give_back_is_kept(output: list[Json]) -> None:
    assert said(*output)["extra_content"] == {"openai": {"output": output}}


ENDS: list[tuple[str, Json, str, str | None]] = [
    ("complete", {}, "stop", None),
    ("too long", {"status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}}, "length", None),
    ("filtered", {"status": "incomplete", "incomplete_details": {"reason": "content_filter"}}, "content_filter", None),
    ("too many messages", {"status": "incomplete", "incomplete_details": {"reason": "max_messages"}}, "length",
     "max_messages"),
    ("steered", {"status": "incomplete", "incomplete_details": {"reason": "steered"}}, "stop", "steered"),
    ("incomplete for no reason", {"status": "incomplete"}, "length", "incomplete"),
]  # fmt: skip


@pytest.mark.parametrize(("more", "reason", "native"), [case[1:] for case in ENDS], ids=[case[0] for case in ENDS])
def test_how_an_answer_ended(more: Json, reason: str, native: str | None) -> None:
    choice = told(message(spoken("a")), **more)["choices"][0]
    assert choice["finish_reason"] == reason
    assert choice.get("native_finish_reason") == native


def test_calls_end_with_calls_and_usage_is_counted_as_in_a_chat_completion() -> None:
    made = DIALECT.answer(200, {}, msgspec.json.encode(response(call(), service_tier="flex")))
    assert made.facts.finish_reason == "tool_calls"
    usage = made.facts.usage
    assert usage is not None
    assert (usage.input_tokens, usage.cache_read_tokens, usage.cache_write_tokens) == (4, 4, 2)
    assert (usage.output_tokens, usage.reasoning_tokens, usage.tier) == (1, 5, "flex")


def test_usage_that_is_missing_is_not_zero() -> None:
    assert DIALECT.answer(200, {}, msgspec.json.encode(response(call(), usage=None))).facts.usage is None


def test_log_probabilities() -> None:
    prob = {"token": "a", "logprob": -0.5, "bytes": [97], "top_logprobs": []}
    assert told(message({**spoken("a"), "logprobs": [prob]}))["choices"][0]["logprobs"] == {"content": [prob]}


FAILURES: list[tuple[str, bytes, str]] = [
    ("a failure of the server", b'{"status":"failed","output":[],"error":{"code":"server_error","message":"x"}}',
     "UPSTREAM_UNAVAILABLE"),
    ("a limit", b'{"status":"failed","output":[],"error":{"code":"rate_limit_exceeded","message":"x"}}',
     "UPSTREAM_RATE_LIMITED"),
    ("a prompt", b'{"status":"failed","output":[],"error":{"code":"invalid_prompt","message":"x"}}', "CONTENT_BLOCKED"),
    ("a picture", b'{"status":"failed","output":[],"error":{"code":"image_too_large","message":"x"}}',
     "REQUEST_INVALID"),
    ("a failure without a word", b'{"status":"failed","output":[]}', "UPSTREAM_UNAVAILABLE"),
    ("an error without an answer", b'{"error":{"code":"server_error","message":"x"}}', "UPSTREAM_UNAVAILABLE"),
    ("no answer", b"{}", "UPSTREAM_BAD_RESPONSE"),
    ("a chat completion", b'{"choices":[]}', "UPSTREAM_BAD_RESPONSE"),
    ("an answer that goes on", b'{"status":"in_progress","output":[]}', "UPSTREAM_BAD_RESPONSE"),
    ("no JSON", b"<html>", "UPSTREAM_BAD_RESPONSE"),
    ("deep nonsense", b"[" * 100_000, "UPSTREAM_BAD_RESPONSE"),
]  # fmt: skip


@pytest.mark.parametrize(("body", "reason"), [case[1:] for case in FAILURES], ids=[case[0] for case in FAILURES])
def test_what_is_no_answer(body: bytes, reason: str) -> None:
    with pytest.raises(PerpetuoError) as caught:
        DIALECT.answer(200, {}, body)
    assert caught.value.reason == reason

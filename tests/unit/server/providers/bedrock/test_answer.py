"""Whole answers."""

from typing import Any

import msgspec
import pytest

from server.errors import PerpetuoError
from server.providers.bedrock.answer import FAILURES, FINISH_REASONS
from tests.unit.server.providers.bedrock.asked import DIALECT
from tests.unit.server.providers.bedrock.said import converse
from tests.unit.server.providers.bedrock.schema import shape_of

Json = dict[str, Any]
WEB: Json = {"title": "A", "location": {"web": {"url": "https://a.example"}}}
PAGE: Json = {"title": "A", "location": {"documentPage": {"documentIndex": 0, "start": 1, "end": 2}}}
USE: Json = {"toolUse": {"toolUseId": "t1", "name": "f", "input": {"a": 9007199254740993, "b": 1.0}}}


def told(*content: Json, **more: Any) -> Json:
    made = DIALECT.answer(200, {"x-amzn-requestid": "req-1"}, msgspec.json.encode(converse(*content, **more)))
    found: Json = msgspec.json.decode(made.body)
    return found


CASES: list[tuple[str, list[Json], Json]] = [
    ("texts", [{"text": "a"}, {"text": "b"}], {"content": "ab"}),
    ("nothing", [], {"content": ""}),
    ("a call keeps its numbers", [USE],
     {"content": None, "tool_calls": [{"id": "t1", "type": "function", "function": {
         "name": "f", "arguments": '{"a":9007199254740993,"b":1.0}'}}]}),
    ("signed reasoning", [{"reasoningContent": {"reasoningText": {"text": "hm", "signature": "c2ln/+=="}}},
                          {"reasoningContent": {"redactedContent": "cmVk"}}, {"text": "a"}],
     {"content": "a", "reasoning_content": "hm", "thinking_blocks": [
         {"type": "thinking", "thinking": "hm", "signature": "c2ln/+=="},
         {"type": "redacted_thinking", "data": "cmVk"}]}),
    ("reasoning without a signature", [{"reasoningContent": {"reasoningText": {"text": "hm"}}}, {"text": "a"}],
     {"content": "a", "reasoning_content": "hm"}),
    ("citations", [{"text": "ab"}, {"citationsContent": {"content": [{"text": "cd"}], "citations": [WEB, PAGE]}}],
     {"content": "abcd", "annotations": [{"type": "url_citation", "url_citation": {
         "url": "https://a.example", "title": "A", "start_index": 2, "end_index": 4}}, PAGE]}),
    ("what a message cannot hold is kept",
     [{"image": {"format": "png", "source": {"bytes": "AAAA"}}}],
     {"content": "", "extra_content": {"bedrock": {"content": [
         {"image": {"format": "png", "source": {"bytes": "AAAA"}}}]}}}),
]  # fmt: skip


@pytest.mark.parametrize(("content", "expected"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_a_content_as_a_message(content: list[Json], expected: Json) -> None:
    assert told(*content)["choices"][0]["message"] == {"role": "assistant", **expected}


def test_every_stop_reason_that_the_vendor_knows_is_known() -> None:
    words = set(shape_of("Converse", "stopReason", is_output=True).enum)
    assert words == set(FINISH_REASONS) | FAILURES


ENDS = [(word, reason) for word, reason in FINISH_REASONS.items() if reason != "tool_calls"]


@pytest.mark.parametrize(("word", "reason"), ENDS)
def test_how_an_answer_ended(word: str, reason: str) -> None:
    choice = told({"text": "a"}, stop=word)["choices"][0]
    assert choice["finish_reason"] == reason
    assert choice.get("native_finish_reason", word) == word


@pytest.mark.parametrize("word", sorted(FAILURES))
def test_a_failure_is_never_a_stop(word: str) -> None:
    with pytest.raises(PerpetuoError) as caught:
        told({"text": "a"}, stop=word)
    assert caught.value.reason == "UPSTREAM_UNAVAILABLE"


def test_calls_end_with_calls_and_without_calls_nothing_does() -> None:
    assert told(USE, stop="end_turn")["choices"][0]["finish_reason"] == "tool_calls"
    assert told({"text": "a"}, stop="tool_use")["choices"][0]["finish_reason"] == "stop"


def test_a_stop_reason_that_nobody_knows_is_a_stop_and_told() -> None:
    body = msgspec.json.encode({**converse({"text": "a"}), "stopReason": "tired"})
    made = DIALECT.answer(200, {}, body)
    assert made.facts.finish_reason == "stop"
    assert made.notes == ("The provider ended with 'tired', which is taken for a stop.",)
    assert msgspec.json.decode(made.body)["choices"][0]["native_finish_reason"] == "tired"


def test_the_cache_is_part_of_the_prompt_and_the_tier_is_told() -> None:
    usage = {
        "inputTokens": 10, "outputTokens": 5, "totalTokens": 45, "cacheReadInputTokens": 20,
        "cacheWriteInputTokens": 10, "cacheDetails": [{"ttl": "1h", "inputTokens": 4}, {"ttl": "5m", "inputTokens": 6}],
    }  # fmt: skip
    body = msgspec.json.encode(converse({"text": "a"}, usage=usage, serviceTier={"type": "flex"}))
    read = DIALECT.answer(200, {}, body).facts.usage
    assert read is not None
    assert (read.prompt_tokens, read.input_tokens, read.cache_read_tokens, read.cache_write_tokens) == (40, 10, 20, 10)
    assert (read.cache_write_1h_tokens, read.output_tokens, read.tier) == (4, 5, "flex")


def test_traces_and_the_id_of_the_request_are_kept() -> None:
    made = told({"text": "a"}, trace={"promptRouter": {"invokedModelId": "m"}})
    assert made["id"] == "req-1"
    assert made["trace"] == {"promptRouter": {"invokedModelId": "m"}}


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"{}", b'{"output":{}}', b"[" * 100_000])
def test_what_is_no_answer(body: bytes) -> None:
    with pytest.raises(PerpetuoError) as caught:
        DIALECT.answer(200, {}, body)
    assert caught.value.reason == "UPSTREAM_BAD_RESPONSE"

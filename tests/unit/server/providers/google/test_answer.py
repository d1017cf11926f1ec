"""Answers as chat completions: messages, reasons, usage, log-probabilities."""

import json
from typing import Any

import pytest
from google.genai import types
from openai.types.chat import ChatCompletion

from server.chat.answer import peek_answer
from server.chat.usage import Usage
from server.errors import ContentBlocked, UpstreamBadResponse
from server.providers.dialect import Answer
from server.providers.google.answer import FAILURES, FINISH_REASONS
from server.providers.google.dialect import GoogleDialect


def said(*parts: dict[str, Any], reason: str = "STOP", **more: object) -> dict[str, Any]:
    candidate = {"content": {"parts": list(parts), "role": "model"}, "finishReason": reason, "index": 0}
    made = {"candidates": [candidate], "modelVersion": "gemini-x", "responseId": "r1", **more}
    types.GenerateContentResponse.model_validate(made)
    return made


def read(body: dict[str, Any]) -> Answer:
    return GoogleDialect().answer(200, {}, json.dumps(body).encode())


def completion(body: dict[str, Any]) -> dict[str, Any]:
    made: dict[str, Any] = json.loads(read(body).body)
    ChatCompletion.model_validate(made)
    return made


def text(words: str, **more: object) -> dict[str, Any]:
    return {"text": words, **more}


def called(name: str, args: object = None, call_id: str | None = None, **more: object) -> dict[str, Any]:
    call: dict[str, Any] = {"name": name, "args": args or {}}
    return {"functionCall": call if call_id is None else {**call, "id": call_id}, **more}


def call(call_id: str, name: str, arguments: str = "{}", **more: object) -> dict[str, Any]:
    return {"id": call_id, "type": "function", "function": {"name": name, "arguments": arguments}, **more}


SIGNED = {"thoughtSignature": "CiQB+/8="}
KEPT: dict[str, Any] = {"extra_content": {"google": {"thought_signature": "CiQB+/8="}}}
MESSAGES: dict[str, tuple[list[dict[str, Any]], dict[str, Any]]] = {
    "nothing": ([], {"content": ""}),
    "texts are one": ([text("Hi"), text(" there")], {"content": "Hi there"}),
    "thoughts are reasoning": (
        [text("hm", thought=True), text("Hi")], {"content": "Hi", "reasoning_content": "hm"}
    ),
    "calls without ids get some": (
        [called("f", {"a": 1}), called("g")],
        {"content": None, "tool_calls": [call("call_r1_0", "f", '{"a": 1}'), call("call_r1_1", "g")]},
    ),
    "ids are kept": ([called("f", call_id="x")], {"content": None, "tool_calls": [call("x", "f")]}),
    "a call without arguments": (
        [{"functionCall": {"name": "f"}}], {"content": None, "tool_calls": [call("call_r1_0", "f")]}
    ),
    "signatures stay with what they sign": (
        [text("Hi", **SIGNED), called("f", **SIGNED)],
        {"content": "Hi", "tool_calls": [call("call_r1_0", "f", **KEPT)], **KEPT},
    ),
    "a part that has no place": (
        [text("Hi"), {"executableCode": {"code": "1", "language": "PYTHON"}}],
        {"content": "Hi",
         "extra_content": {"google": {"parts": [{"executableCode": {"code": "1", "language": "PYTHON"}}]}}},
    ),
}  # fmt: skip


@pytest.mark.parametrize(("parts", "message"), MESSAGES.values(), ids=MESSAGES.keys())
def test_a_message(parts: list[dict[str, Any]], message: dict[str, Any]) -> None:
    assert completion(said(*parts))["choices"][0]["message"] == {"role": "assistant", **message}


def test_several_answers_have_ids_of_their_own() -> None:
    body = said(called("f"))
    body["candidates"].append({**body["candidates"][0], "index": 1})
    choices = completion(body)["choices"]
    assert [choice["index"] for choice in choices] == [0, 1]
    assert len({choice["message"]["tool_calls"][0]["id"] for choice in choices}) == 2


UNCLEAR = {"FINISH_REASON_UNSPECIFIED", "OTHER", "ESCALATION", "PUP_LIMITED_DISABLED", "CONTINUATION"}


def test_the_table_of_reasons_is_total() -> None:
    assert {*FINISH_REASONS, *FAILURES, *UNCLEAR} == {reason.value for reason in types.FinishReason}
    assert not FAILURES & set(FINISH_REASONS)


@pytest.mark.parametrize(("reason", "finish"), FINISH_REASONS.items())
def test_a_reason_with_a_word_of_openais(reason: str, finish: str) -> None:
    choice = completion(said(text("x"), reason=reason))["choices"][0]
    assert choice["finish_reason"] == finish
    assert choice.get("native_finish_reason") == (None if reason in ("STOP", "MAX_TOKENS") else reason)


@pytest.mark.parametrize("reason", sorted(FAILURES))
def test_a_failed_generation_is_never_a_finished_one(reason: str) -> None:
    with pytest.raises(UpstreamBadResponse, match=reason):
        read(said(text("x"), called("f"), reason=reason))


@pytest.mark.parametrize("reason", sorted(UNCLEAR))
def test_a_reason_that_says_nothing_is_a_stop_with_a_note(reason: str) -> None:
    answer = read(said(text("x"), reason=reason))
    assert answer.facts.finish_reason == "stop"
    assert reason in answer.notes[0]


@pytest.mark.parametrize("reason", ["OTHER", "FINISH_REASON_UNSPECIFIED"])
def test_a_reason_that_says_nothing_of_an_answer_that_says_nothing_is_a_failure(reason: str) -> None:
    with pytest.raises(UpstreamBadResponse):
        read(said(reason=reason))


def test_a_call_finishes_with_calls_though_it_says_stop() -> None:
    assert completion(said(called("f")))["choices"][0]["finish_reason"] == "tool_calls"
    assert completion(said(called("f"), reason="MAX_TOKENS"))["choices"][0]["finish_reason"] == "length"


@pytest.mark.parametrize("reason", [reason.value for reason in types.BlockedReason])
def test_a_prompt_that_was_refused_is_blocked_content(reason: str) -> None:
    with pytest.raises(ContentBlocked, match=reason):
        read({"promptFeedback": {"blockReason": reason}})


USAGES: dict[str, tuple[dict[str, Any], Usage]] = {
    "plain": ({"promptTokenCount": 10, "candidatesTokenCount": 5}, Usage(10, 0, 0, 5)),
    "the prompt includes what was cached": (
        {"promptTokenCount": 100, "cachedContentTokenCount": 64, "candidatesTokenCount": 5}, Usage(36, 64, 0, 5)
    ),
    "thoughts are beside the candidates": (
        {"promptTokenCount": 10, "candidatesTokenCount": 5, "thoughtsTokenCount": 30}, Usage(10, 0, 0, 5, 30)
    ),
    "what tools put into the prompt": (
        {"promptTokenCount": 10, "toolUsePromptTokenCount": 7, "candidatesTokenCount": 5}, Usage(17, 0, 0, 5)
    ),
    "sound": (
        {"promptTokenCount": 100, "cachedContentTokenCount": 40, "candidatesTokenCount": 5,
         "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 30}, {"modality": "AUDIO", "tokenCount": 70}],
         "cacheTokensDetails": [{"modality": "AUDIO", "tokenCount": 40}]},
        Usage(60, 40, 0, 5, audio_input_tokens=30, audio_cache_read_tokens=40),
    ),
    "a tier": (
        {"promptTokenCount": 10, "candidatesTokenCount": 5, "trafficType": "ON_DEMAND_FLEX"},
        Usage(10, 0, 0, 5, tier="flex"),
    ),
    "nothing written": ({"promptTokenCount": 10}, Usage(10)),
}  # fmt: skip


@pytest.mark.parametrize(("counted", "usage"), USAGES.values(), ids=USAGES.keys())
def test_usage_in_disjoint_buckets(counted: dict[str, Any], usage: Usage) -> None:
    made = completion(said(text("x"), usageMetadata=counted))
    assert peek_answer(json.dumps(made).encode()).usage == usage
    assert made["usage"]["total_tokens"] == usage.total_tokens


@pytest.mark.parametrize("more", [{}, {"usageMetadata": None}, {"usageMetadata": "many"}])
def test_usage_that_is_missing_is_not_none_used(more: dict[str, Any]) -> None:
    assert read({**said(text("x")), **more}).facts.usage is None


def test_log_probabilities_in_openais_form() -> None:
    body = said(text("Hi"))
    likely = {"token": "Hi", "logProbability": -0.5}
    other = {"token": "ü", "logProbability": -2.0}
    body["candidates"][0]["logprobsResult"] = {
        "chosenCandidates": [likely],
        "topCandidates": [{"candidates": [likely, other]}],
    }
    chosen = {"token": "Hi", "logprob": -0.5, "bytes": [72, 105]}
    others = [chosen, {"token": "ü", "logprob": -2.0, "bytes": [195, 188]}]
    assert completion(body)["choices"][0]["logprobs"]["content"] == [{**chosen, "top_logprobs": others}]


def test_members_that_nobody_knows_survive() -> None:
    body = {**said(text("Hi")), "modelStatus": {"x": 1.0}}
    body["candidates"][0]["groundingMetadata"] = {"webSearchQueries": ["x"]}
    made = completion(body)
    assert made["modelStatus"] == {"x": 1.0}
    assert made["choices"][0]["groundingMetadata"] == {"webSearchQueries": ["x"]}

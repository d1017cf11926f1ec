"""Mistral's dialect, where the golden folders do not go: held against the vendor's own SDK."""

import json
from typing import Any

import pytest
from mistralai.client.models import ChatCompletionRequest

from server.errors import UpstreamBadResponse
from server.providers.openai.mistral import MistralDialect, MistralStream
from server.providers.registry import PROVIDERS
from server.upstream.sse import SseEvent
from tests.providers.judge import faults
from tests.unit.server.providers.openai.asking import asked, sent

DIALECT = PROVIDERS["mistral"].dialect
SCHEMA = {"type": "object", "properties": {}}
TOOL = {"type": "function", "function": {"name": "f", "parameters": SCHEMA}}
CHUNK = b'{"id":"a","choices":[{"index":0,"delta":{"content":"a"},"finish_reason":null}]}'

CASES: list[tuple[str, dict[str, Any], dict[str, Any], list[str]]] = [
    ("a seed has another name", {"seed": 7}, {"random_seed": 7}, []),
    ("the stricter of two bounds", {"max_tokens": 9, "max_completion_tokens": 7}, {"max_tokens": 7}, []),
    ("its own members pass", {"safe_prompt": True, "min_tokens": 3}, {"safe_prompt": True, "min_tokens": 3}, []),
    ("a higher temperature", {"temperature": 2}, {"temperature": 1.5}, ["temperature"]),
    ("a temperature that it takes", {"temperature": 1.5}, {"temperature": 1.5}, []),
    ("its own word", {"tools": [TOOL], "tool_choice": "any"}, {"tools": [TOOL], "tool_choice": "any"}, []),
    ("openai's word", {"tools": [TOOL], "tool_choice": "required"}, {"tools": [TOOL], "tool_choice": "required"}, []),
    ("parameters must be there", {"tools": [{"type": "function", "function": {"name": "f"}}]}, {"tools": [TOOL]}, []),
    ("a tool that it does not have", {"tools": [{"type": "custom", "custom": {"name": "x"}}]}, {}, ["The"]),
    ("the usual tier", {"service_tier": "default"}, {"service_tier": "standard_only"}, []),
    ("any tier", {"service_tier": "auto"}, {"service_tier": "auto"}, []),
    ("a tier that it does not have", {"service_tier": "flex"}, {}, ["service_tier"]),
    ("no reasoning", {"thinking": {"type": "disabled"}}, {"reasoning_effort": "none"}, []),
    (
        "a budget is an effort",
        {"thinking": {"type": "enabled", "budget_tokens": 30_000}},
        {"reasoning_effort": "high"},
        ["thinking.budget_tokens"],
    ),
    ("members that it refuses", {"user": "u", "store": True, "verbosity": "low"}, {}, ["store", "user", "verbosity"]),
    ("members that say nothing", {"store": False, "user": None}, {}, []),
    (
        "log-probabilities, answers, labels",
        {"logprobs": True, "n": 2, "metadata": {"a": "b"}},
        {"logprobs": True, "n": 2, "metadata": {"a": "b"}},
        [],
    ),
]


@pytest.mark.parametrize(("given", "expected", "told"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_a_member(given: dict[str, Any], expected: dict[str, Any], told: list[str]) -> None:
    request = asked(**given)
    body = sent(DIALECT, request)
    assert faults({"model": "m", **body}, ChatCompletionRequest) == []
    body.pop("messages")
    assert body == expected
    assert [note.split()[0] for note in request.notes] == told


def test_a_stream_does_not_ask_for_its_usage() -> None:
    assert "stream_options" not in sent(DIALECT, asked(stream=True, stream_options={"include_usage": True}))


def test_the_dialect_has_a_name_of_its_own() -> None:
    assert isinstance(DIALECT, MistralDialect)
    assert DIALECT.name == "mistral"


@pytest.mark.parametrize(
    "body", [b'{"choices":7}', b'{"choices":[{"message":{"content":[7]}}]}', b'{"choices"', b'{"choices":[7]}']
)
def test_what_is_no_answer(body: bytes) -> None:
    with pytest.raises(UpstreamBadResponse):
        DIALECT.answer(200, {}, body)


def fed(*data: bytes) -> tuple[MistralStream, list[Any]]:
    stream = DIALECT.stream()
    assert isinstance(stream, MistralStream)
    return stream, [json.loads(chunk.data) for each in data for chunk in stream.feed(SseEvent(each))]


def test_one_malformed_event_is_skipped_and_noted_a_second_is_not() -> None:
    stream, chunks = fed(CHUNK, b'{"choices":[{"del', CHUNK, b"[DONE]", CHUNK)
    assert len(chunks) == 2
    assert stream.is_done
    assert stream.notes == ["upstream_malformed_events"]
    stream, _ = fed(b'{"choices":[{"del')
    with pytest.raises(UpstreamBadResponse):
        stream.feed(SseEvent(b'{"choices":[{"del'))


def test_thoughts_are_content_and_the_end_tells_them_whole() -> None:
    chunk = b'{"type":"thinking","thinking":[{"type":"text","text":"t"}]}'
    thought = b'{"id":"a","choices":[{"index":0,"delta":{"content":[' + chunk + b"]}}]}"
    end = b'{"id":"a","choices":[{"index":0,"delta":{"content":""},"finish_reason":"stop"}]}'
    stream = DIALECT.stream()
    [first] = stream.feed(SseEvent(thought))
    assert first.facts.has_content
    assert json.loads(first.data)["choices"][0]["delta"] == {"content": "", "reasoning_content": "t"}
    [last] = stream.feed(SseEvent(end))
    assert not last.facts.has_content
    kept = json.loads(last.data)["choices"][0]["delta"]["extra_content"]["mistral"]["content"]
    assert kept == [{"type": "thinking", "thinking": [{"type": "text", "text": "t"}]}]

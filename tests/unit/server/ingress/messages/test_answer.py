"""A chat completion as a message, judged by the SDK's own types."""

import json
from typing import Any

import pytest
from anthropic.types import Message

from server.errors import UpstreamBadResponse
from server.ingress.carried import unpack
from server.ingress.messages.answer import message_from
from tests.unit.server.ingress.messages.bodies import completion, read

THOUGHT = {"type": "thinking", "thinking": "Hm.", "signature": "c2ln"}
HIDDEN = {"type": "redacted_thinking", "data": "ZGF0YQ=="}
TEXT = {"type": "text", "text": "Hello"}
CALL = {"id": "call_1", "type": "function", "function": {"name": "now", "arguments": '{"zone":"UTC"}'}}
USE = {"type": "tool_use", "id": "call_1", "name": "now", "input": {"zone": "UTC"}}


def answered(message: dict[str, Any], finish_reason: str = "stop", **members: Any) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(message_from(completion(message, finish_reason, **members), read()))
    Message.model_validate(found, strict=False)
    return found


def test_a_message_has_every_member() -> None:
    metadata = {"routed_to": "gpt-4o", "cost_usd": 0.5}
    assert answered({"content": "Hello"}, gateway_metadata=metadata) == {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "gpt-4o",
        "content": [TEXT],
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "usage": {
            "input_tokens": 7,
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": 0,
            "output_tokens": 3,
        },
        "gateway_metadata": metadata,
    }


CONTENTS: list[tuple[str, dict[str, Any], list[dict[str, Any]]]] = [
    ("a text", {"content": "Hello"}, [TEXT]),
    ("parts of a text", {"content": [{"type": "text", "text": "Hel"}, {"type": "text", "text": "lo"}]}, [TEXT]),
    ("nothing", {"content": None}, []),
    ("an empty text", {"content": ""}, []),
    ("a refusal", {"content": None, "refusal": "Hello"}, [TEXT]),
    ("signed thinking", {"content": "Hello", "reasoning_content": "Hm.", "thinking_blocks": [THOUGHT, HIDDEN]},
     [THOUGHT, HIDDEN, TEXT]),
    ("thinking without a signature", {"content": "Hello", "reasoning_content": "Hm."},
     [{"type": "thinking", "thinking": "Hm.", "signature": ""}, TEXT]),
    ("thinking by another name", {"content": "Hello", "reasoning": "Hm."},
     [{"type": "thinking", "thinking": "Hm.", "signature": ""}, TEXT]),
    ("a call", {"content": None, "tool_calls": [CALL]}, [USE]),
    ("a call of a custom tool",
     {"tool_calls": [{"id": "c", "type": "custom", "custom": {"name": "sql", "input": "SELECT 1"}}]},
     [{"type": "tool_use", "id": "c", "name": "sql", "input": {"input": "SELECT 1"}}]),
    ("a call without an id", {"tool_calls": [{"function": {"name": "now"}}]},
     [{"type": "tool_use", "id": "toolu_0", "name": "now", "input": {}}]),
    ("a vendor's extra of a call", {"tool_calls": [{**CALL, "extra_content": {"a": 1}}]},
     [{**USE, "extra_content": {"a": 1}}]),
    ("citations", {"content": "Hello", "annotations": [{"type": "url_citation"}]},
     [{**TEXT, "annotations": [{"type": "url_citation"}]}]),
]  # fmt: skip


@pytest.mark.parametrize(("message", "blocks"), [case[1:] for case in CONTENTS], ids=[case[0] for case in CONTENTS])
def test_what_is_said_stands_in_blocks(message: dict[str, Any], blocks: list[dict[str, Any]]) -> None:
    assert answered(message)["content"] == blocks


def test_another_vendors_reasoning_is_carried_in_a_redacted_block() -> None:
    items = [{"type": "reasoning", "id": "rs_1", "encrypted_content": "x"}]
    found = answered({"content": "Hello", "reasoning_content": "Hm.", "reasoning_items": items})["content"]
    assert [block["type"] for block in found] == ["thinking", "redacted_thinking", "text"]
    carried = unpack(found[1]["data"])
    assert carried is not None
    assert [json.loads(bytes(item)) for item in carried.reasoning_items] == items


def test_the_end_is_told_with_its_sequence() -> None:
    choice = {"message": {"content": "Hello"}, "finish_reason": "stop", "stop_sequence": "END"}
    found = answered({}, choices=[choice])
    assert (found["stop_reason"], found["stop_sequence"]) == ("stop_sequence", "END")


def test_a_call_ends_the_turn_for_its_tool() -> None:
    assert answered({"tool_calls": [CALL]}, "stop")["stop_reason"] == "tool_use"


def test_tokens_that_nobody_counted_are_estimated() -> None:
    usage = answered({"content": "Hello"}, usage=None)["usage"]
    assert usage["input_tokens"] > 0
    assert usage["output_tokens"] > 0


def test_an_answer_without_choices_is_an_empty_message() -> None:
    assert answered({}, choices=[])["content"] == []


@pytest.mark.parametrize("answer", [b"{", b"[]", b'{"choices":[{"message":{"content":5}}]}'])
def test_what_is_no_chat_completion_is_the_providers_fault(answer: bytes) -> None:
    with pytest.raises(UpstreamBadResponse):
        message_from(answer, read())


def test_what_the_provider_said_in_anthropics_form_is_the_message() -> None:
    said = {"id": "msg_9", "type": "message", "content": [{"type": "x"}], "stop_reason": "pause_turn", "new": 1.0}
    body = json.loads(completion({"content": "Hello"})) | {"native": said, "gateway_metadata": {"attempts": 1}}
    found = message_from(json.dumps(body).encode(), read())
    assert json.loads(found) == {**said, "gateway_metadata": {"attempts": 1}}

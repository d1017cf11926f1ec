"""Conversations as turns of Converse."""

from typing import Any

import pytest

from server.errors import RequestInvalid
from server.providers.bedrock.messages import tool_use_id
from tests.unit.server.providers.bedrock.asked import CLAUDE, HI, LLAMA, SAID, built

Json = dict[str, Any]
CALL: Json = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": '{"a":1.0}'}}
USE: Json = {"toolUse": {"toolUseId": "c1", "name": "f", "input": {"a": 1.0}}}
RESULT: Json = {"role": "tool", "tool_call_id": "c1", "content": "1"}
GAVE: Json = {"toolResult": {"toolUseId": "c1", "content": [{"text": "1"}]}}
TOOLS = [{"type": "function", "function": {"name": "f"}}]
BLOCK: Json = {"type": "thinking", "thinking": "hm", "signature": "c2ln/+=="}
SIGNED: Json = {"reasoningContent": {"reasoningText": {"text": "hm", "signature": "c2ln/+=="}}}


def said(**more: Any) -> Json:
    return {"role": "assistant", "content": None, **more}


def assistant(*blocks: Json) -> Json:
    return {"role": "assistant", "content": list(blocks)}


def user(*blocks: Json) -> Json:
    return {"role": "user", "content": list(blocks)}


CASES: list[tuple[str, str, list[Json], list[Json], list[str]]] = [
    ("turns alternate", CLAUDE, [HI, HI, said(content="a"), said(content="b"), HI],
     [user({"text": "hi"}, {"text": "hi"}), assistant({"text": "a"}, {"text": "b"}), SAID], []),
    ("results are one turn and come first", CLAUDE,
     [HI, said(tool_calls=[CALL, {**CALL, "id": "c2"}]), {**RESULT, "tool_call_id": "c2"}, RESULT, HI],
     [SAID, assistant(USE, {"toolUse": {**USE["toolUse"], "toolUseId": "c2"}}),
      user({"toolResult": {**GAVE["toolResult"], "toolUseId": "c2"}}, GAVE, {"text": "hi"})], []),
    ("a failed tool", CLAUDE, [HI, said(tool_calls=[CALL]), {**RESULT, "is_error": True}],
     [SAID, assistant(USE), user({"toolResult": {**GAVE["toolResult"], "status": "error"}})], []),
    ("a result that says nothing", CLAUDE, [HI, said(tool_calls=[CALL]), {**RESULT, "content": ""}],
     [SAID, assistant(USE), user({"toolResult": {"toolUseId": "c1", "content": [{"json": {}}]}})], []),
    ("signed reasoning goes first, byte for byte", CLAUDE,
     [HI, said(thinking_blocks=[BLOCK, {"type": "redacted_thinking", "data": "cmVk"}], tool_calls=[CALL]), RESULT],
     [SAID, assistant(SIGNED, {"reasoningContent": {"redactedContent": "cmVk"}}, USE), user(GAVE)], []),
    ("another family does not get it", LLAMA, [HI, said(content="a", thinking_blocks=[BLOCK]), HI],
     [SAID, assistant({"text": "a"}), SAID], ["messages[1].thinking_blocks"]),
    ("reasoning without a signature stays behind", CLAUDE,
     [HI, said(content="a", reasoning_content="hm", thinking_blocks=[{"type": "thinking", "thinking": "hm"}],
               reasoning_items=[{"type": "reasoning"}]), HI],
     [SAID, assistant({"text": "a"}), SAID], ["messages[1].reasoning_content", "messages[1].reasoning_items"]),
    ("empty arguments are an object", CLAUDE,
     [HI, said(tool_calls=[{**CALL, "function": {"name": "f", "arguments": " "}}]), RESULT],
     [SAID, assistant({"toolUse": {**USE["toolUse"], "input": {}}}), user(GAVE)], []),
    ("arguments that are none become one", CLAUDE,
     [HI, said(tool_calls=[{**CALL, "function": {"name": "f", "arguments": "[1"}}]), RESULT],
     [SAID, assistant({"toolUse": {**USE["toolUse"], "input": {"arguments": "[1"}}}), user(GAVE)],
     ["messages[1].tool_calls[0]"]),
    ("a custom tool's text", CLAUDE,
     [HI, said(tool_calls=[{"id": "c1", "type": "custom", "custom": {"name": "f", "input": "x"}}]), RESULT],
     [SAID, assistant({"toolUse": {**USE["toolUse"], "input": {"input": "x"}}}), user(GAVE)], []),
    ("a refusal", CLAUDE, [HI, said(refusal="no"), HI], [SAID, assistant({"text": "no"}), SAID], []),
    ("a turn of blanks is no turn", CLAUDE, [HI, said(content=" "), HI], [user({"text": "hi"}, {"text": "hi"})], []),
    ("a first answer gets a first question", CLAUDE, [said(content="a"), HI],
     [user({"text": "Begin."}), assistant({"text": "a"}), SAID], ["The"]),
    ("nobody has spoken", CLAUDE, [{"role": "system", "content": "s"}], [user({"text": "Begin."})], ["The"]),
    ("a prefill loses its trailing blanks", CLAUDE, [HI, said(content="a ")], [SAID, assistant({"text": "a"})], []),
    ("a model that takes none goes on", "anthropic.claude-opus-5-5", [HI, said(content="a")],
     [SAID, assistant({"text": "a"}), user({"text": "Continue."})], ["messages"]),
    ("a name is lost", CLAUDE, [{**HI, "name": "ann"}], [SAID], ["messages[0].name"]),
    ("a mark of a message stands at its end", CLAUDE, [{**HI, "cache_control": {"type": "ephemeral"}}],
     [user({"text": "hi"}, {"cachePoint": {"type": "default"}})], []),
]  # fmt: skip


@pytest.mark.parametrize(
    ("model", "messages", "expected", "notes"), [case[1:] for case in CASES], ids=[case[0] for case in CASES]
)
def test_turns(model: str, messages: list[Json], expected: list[Json], notes: list[str]) -> None:
    body, noted = built(model, messages=messages, tools=TOOLS)
    assert body["messages"] == expected
    assert [note.split(" ")[0] for note in noted] == notes


def test_the_system_prompt_is_all_system_messages_in_their_order() -> None:
    body, notes = built(messages=[
        {"role": "system", "content": "a", "cache_control": {"type": "ephemeral"}}, HI,
        {"role": "developer", "content": [{"type": "text", "text": "b"}]},
    ])  # fmt: skip
    assert body["system"] == [{"text": "a"}, {"cachePoint": {"type": "default"}}, {"text": "b"}]
    assert [note.split(" ")[0] for note in notes] == ["messages[2]"]


@pytest.mark.parametrize("call_id", ["c1", "a-b_C", "x" * 64])
def test_ids_that_fit_stay(call_id: str) -> None:
    assert tool_use_id(call_id) == call_id


@pytest.mark.parametrize("call_id", ["a|b", "", "x" * 65, "functions.f:0", "ü"])
def test_ids_that_do_not_fit_are_mapped_each_to_its_own(call_id: str) -> None:
    assert tool_use_id(call_id) == tool_use_id(call_id) != tool_use_id(call_id + "2")
    assert len(tool_use_id(call_id)) <= 64


def test_a_call_without_its_result_is_refused_here() -> None:
    with pytest.raises(RequestInvalid, match="c1"):
        built(messages=[HI, said(tool_calls=[CALL]), HI])

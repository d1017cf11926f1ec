"""Tools, the choice of one, and the schema of an answer."""

from typing import Any

import pytest

from server.errors import ParamUnsupported
from tests.unit.server.providers.bedrock.asked import CLAUDE, HI, LLAMA, NOVA, built

Json = dict[str, Any]
SCHEMA: Json = {"type": "object", "properties": {"a": {"type": "integer"}}}
TOOL: Json = {"type": "function", "function": {"name": "f", "description": "d", "parameters": SCHEMA}}
SPEC: Json = {"toolSpec": {"name": "f", "description": "d", "inputSchema": {"json": SCHEMA}}}
CALLED = [HI, {"role": "assistant", "content": None, "tool_calls": [
    {"id": "c1", "type": "function", "function": {"name": "g", "arguments": "{}"}}]},
    {"role": "tool", "tool_call_id": "c1", "content": "1"}]  # fmt: skip


def schema_of(parameters: object) -> object:
    body, _ = built(tools=[{"type": "function", "function": {"name": "f", "parameters": parameters}}])
    return body["toolConfig"]["tools"][0]["toolSpec"]["inputSchema"]["json"]


def test_a_tool_with_a_mark_of_the_cache_and_strictness() -> None:
    strict = {**TOOL, "function": {**TOOL["function"], "strict": True}, "cache_control": {"type": "ephemeral"}}
    body, _ = built(tools=[strict])
    assert body["toolConfig"] == {
        "tools": [{"toolSpec": {**SPEC["toolSpec"], "strict": True}}, {"cachePoint": {"type": "default"}}]
    }


@pytest.mark.parametrize(
    ("given", "sent"),
    [(SCHEMA, SCHEMA), (None, {"type": "object", "properties": {}}), ({}, {"type": "object"}),
     ({"properties": {}}, {"type": "object", "properties": {}})],
    ids=["an object", "nothing", "an empty schema", "properties alone"],
)  # fmt: skip
def test_a_schema_has_an_object_at_its_root(given: object, sent: object) -> None:
    assert schema_of(given) == sent


CHOICES: list[tuple[str, str, Json, Json, list[str]]] = [
    ("the usual", CLAUDE, {"tool_choice": "auto"}, {"tools": [SPEC]}, []),
    ("any", CLAUDE, {"tool_choice": "required"}, {"tools": [SPEC], "toolChoice": {"any": {}}}, []),
    ("one of them", CLAUDE, {"tool_choice": {"type": "function", "function": {"name": "f"}}},
     {"tools": [SPEC], "toolChoice": {"tool": {"name": "f"}}}, []),
    ("a model that cannot be made to", "anthropic.claude-opus-5-5", {"tool_choice": "required"}, {"tools": [SPEC]},
     ["tool_choice"]),
    ("some of them", CLAUDE, {"tool_choice": {"type": "allowed_tools", "allowed_tools": {}}}, {"tools": [SPEC]},
     ["tool_choice"]),
    ("one call at a time, where no word is known", NOVA, {"parallel_tool_calls": False}, {"tools": [SPEC]},
     ["parallel_tool_calls"]),
]  # fmt: skip


@pytest.mark.parametrize(
    ("model", "given", "expected", "notes"), [case[1:] for case in CHOICES], ids=[case[0] for case in CHOICES]
)
def test_the_choice(model: str, given: Json, expected: Json, notes: list[str]) -> None:
    body, noted = built(model, tools=[TOOL], **given)
    assert body["toolConfig"] == expected
    assert [note.split(" ")[0] for note in noted] == notes


@pytest.mark.parametrize(
    ("choice", "sent"),
    [("auto", {"type": "auto"}), ("required", {"type": "any"}),
     ({"type": "function", "function": {"name": "f"}}, {"type": "tool", "name": "f"})],
    ids=["the usual", "any", "one of them"],
)  # fmt: skip
def test_one_call_at_a_time_of_claude(choice: object, sent: Json) -> None:
    body, notes = built(tools=[TOOL], tool_choice=choice, parallel_tool_calls=False)
    assert body["additionalModelRequestFields"] == {"tool_choice": {**sent, "disable_parallel_tool_use": True}}
    assert notes == []


def test_none_is_no_tools_as_long_as_none_was_called() -> None:
    assert "toolConfig" not in built(tools=[TOOL], tool_choice="none", parallel_tool_calls=False)[0]
    body, notes = built(tools=[TOOL], tool_choice="none", messages=CALLED)
    assert body["toolConfig"] == {"tools": [SPEC]}
    assert [note.split(" ")[0] for note in notes] == ["tool_choice"]


def test_tools_of_the_history_are_made_known() -> None:
    body, notes = built(LLAMA, messages=CALLED)
    assert [tool["toolSpec"]["name"] for tool in body["toolConfig"]["tools"]] == ["g"]
    assert len(notes) == 1


def test_tools_of_others_are_lost_and_older_functions_are_tools() -> None:
    body, notes = built(tools=[{"type": "web_search"}], functions=[{"name": "f"}], function_call={"name": "f"})
    assert [tool["toolSpec"]["name"] for tool in body["toolConfig"]["tools"]] == ["f"]
    assert body["toolConfig"]["toolChoice"] == {"tool": {"name": "f"}}
    assert [note.split(" ")[0] for note in notes] == ["tools[0]"]


def test_a_schema_for_the_answer_keeps_its_spelling() -> None:
    wanted = {"type": "json_schema", "json_schema": {"name": "s", "description": "d", "schema": SCHEMA}}
    body, _ = built(response_format=wanted)
    made = {"name": "s", "description": "d", "schema": '{"type":"object","properties":{"a":{"type":"integer"}}}'}
    assert body["outputConfig"]["textFormat"] == {"type": "json_schema", "structure": {"jsonSchema": made}}


def test_a_strict_request_is_refused_for_a_tool_that_would_be_lost() -> None:
    with pytest.raises(ParamUnsupported) as caught:
        built(strict=True, tools=[{"type": "web_search"}])
    assert caught.value.param == "tools[0]"

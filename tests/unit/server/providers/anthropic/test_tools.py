"""Tools, which of them must be called, and schemas of answers."""

import json
from typing import Any

import pytest

from server.errors import ParamUnsupported
from tests.unit.server.providers.anthropic.asked import ALWAYS, BUDGETS, build

EMPTY = {"type": "object", "properties": {}}


def tool(name: str = "f", **members: object) -> dict[str, Any]:
    return {"type": "function", "function": {"name": name, **members}}


NAMED = {"type": "function", "function": {"name": "f"}}
CHOICES: dict[str, tuple[dict[str, Any], object]] = {
    "nothing said": ({}, None),
    "auto": ({"tool_choice": "auto"}, {"type": "auto"}),
    "required": ({"tool_choice": "required"}, {"type": "any"}),
    "one by its name": ({"tool_choice": NAMED}, {"type": "tool", "name": "f"}),
    "none": ({"tool_choice": "none"}, {"type": "none"}),
    "parallel calls are the rule": ({"parallel_tool_calls": True}, None),
    "one call at a time does not force a call": (
        {"parallel_tool_calls": False},
        {"type": "auto", "disable_parallel_tool_use": True},
    ),
    "auto, one at a time": (
        {"tool_choice": "auto", "parallel_tool_calls": False},
        {"type": "auto", "disable_parallel_tool_use": True},
    ),
    "required, one at a time": (
        {"tool_choice": "required", "parallel_tool_calls": False},
        {"type": "any", "disable_parallel_tool_use": True},
    ),
    "one by its name, at a time": (
        {"tool_choice": NAMED, "parallel_tool_calls": False},
        {"type": "tool", "name": "f", "disable_parallel_tool_use": True},
    ),
    "none takes no such member": ({"tool_choice": "none", "parallel_tool_calls": False}, {"type": "none"}),
    "an older word": ({"function_call": "none"}, {"type": "none"}),
    "an older name": ({"function_call": {"name": "f"}}, {"type": "tool", "name": "f"}),
}


@pytest.mark.parametrize(("members", "choice"), CHOICES.values(), ids=CHOICES.keys())
def test_the_choice(members: dict[str, Any], choice: object) -> None:
    built = build({"tools": [tool()], "max_tokens": 9, **members})
    assert built.body.get("tool_choice") == choice
    assert built.notes == []


def test_a_choice_without_tools_is_not_sent() -> None:
    built = build({"tool_choice": "required", "parallel_tool_calls": False})
    assert not {"tools", "tool_choice"} & set(built.body)
    assert built.said("tool_choice is not sent: there are no tools")


def test_a_choice_among_some_tools_leaves_the_others_out() -> None:
    allowed = {"mode": "required", "tools": [{"type": "function", "name": "b"}]}
    choice = {"type": "allowed_tools", "allowed_tools": allowed}
    body = build({"tools": [tool("a"), tool("b")], "tool_choice": choice}).body
    assert [made["name"] for made in body["tools"]] == ["b"]
    assert body["tool_choice"] == {"type": "any"}


@pytest.mark.parametrize("choice", ["maybe", {"type": "custom", "custom": {"name": "x"}}], ids=["a word", "a kind"])
def test_a_choice_that_it_does_not_know_is_reported(choice: object) -> None:
    built = build({"tools": [tool()], "tool_choice": choice})
    assert "tool_choice" not in built.body
    assert built.said("tool_choice is not sent")


@pytest.mark.parametrize("choice", ["required", NAMED], ids=["any", "one"])
def test_a_model_that_cannot_be_forced_is_asked(choice: object) -> None:
    built = build({"tools": [tool()], "tool_choice": choice}, model=ALWAYS)
    assert built.body["tool_choice"] == {"type": "auto"}
    assert built.said("tool_choice is auto")


TOOLS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "without parameters": (tool(), {"name": "f", "input_schema": EMPTY}),
    "with empty parameters": (tool(parameters={}), {"name": "f", "input_schema": EMPTY}),
    "with null parameters": (tool(parameters=None, description=None), {"name": "f", "input_schema": EMPTY}),
    "a schema as it came": (
        tool(description="d", parameters={"type": "object", "properties": {"a": {"type": "integer", "minimum": 1}}}),
        {"name": "f", "description": "d",
         "input_schema": {"type": "object", "properties": {"a": {"type": "integer", "minimum": 1}}}},
    ),
    "a schema without a type": (
        tool(parameters={"properties": {"a": {}}}),
        {"name": "f", "input_schema": {"properties": {"a": {}}, "type": "object"}},
    ),
    "held to its schema": (
        tool(strict=True, parameters={"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"],
                                      "additionalProperties": False}),
        {"name": "f", "strict": True,
         "input_schema": {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"],
                          "additionalProperties": False}},
    ),
    "not held to it": (tool(strict=False), {"name": "f", "input_schema": EMPTY}),
    "a mark of the cache": (
        {**tool(), "cache_control": {"type": "ephemeral"}},
        {"name": "f", "input_schema": EMPTY, "cache_control": {"type": "ephemeral"}},
    ),
    "a tool of the provider's own": (
        {"type": "web_search_20250305", "name": "web_search", "max_uses": 3},
        {"type": "web_search_20250305", "name": "web_search", "max_uses": 3},
    ),
}  # fmt: skip


@pytest.mark.parametrize(("given", "made"), TOOLS.values(), ids=TOOLS.keys())
def test_a_tool(given: dict[str, Any], made: dict[str, Any]) -> None:
    built = build({"tools": [given], "max_tokens": 9})
    assert built.body["tools"] == [made]
    assert built.notes == []


def test_older_functions_are_tools() -> None:
    assert build({"functions": [{"name": "f"}]}).body["tools"] == [{"name": "f", "input_schema": EMPTY}]


@pytest.mark.parametrize("given", [{"type": "custom", "custom": {"name": "x"}}, {"type": "web_search"}])
def test_a_tool_that_it_does_not_know_is_reported(given: dict[str, Any]) -> None:
    built = build({"tools": [tool(), given]})
    assert len(built.body["tools"]) == 1
    assert built.said("tools[1] is not sent")


def test_a_choice_of_schemas_at_the_root_goes_into_the_description() -> None:
    schema = {"type": "object", "anyOf": [{"required": ["a"]}, {"required": ["b"]}], "description": "Either."}
    built = build({"tools": [tool(parameters=schema)]})
    made = built.body["tools"][0]["input_schema"]
    assert set(made) == {"type", "description"}
    assert made["description"].startswith("Either.\n\n{anyOf: ")
    assert built.said("tools[0].function.parameters.anyOf is sent in the description")


def test_what_a_strict_schema_cannot_say_goes_into_the_description() -> None:
    schema = {"type": "object", "properties": {"a": {"type": "integer", "minimum": 1}}, "required": ["a"]}
    built = build({"tools": [tool(strict=True, parameters=schema)]})
    assert built.body["tools"][0]["input_schema"] == {
        "type": "object",
        "properties": {"a": {"type": "integer", "description": "{minimum: 1}"}},
        "required": ["a"],
        "additionalProperties": False,
    }
    assert built.said("tools[0].function.parameters.properties.a.minimum is sent in the description")


def test_calls_of_a_history_without_tools_are_made_known_and_cannot_be_called() -> None:
    calls = [{"id": "1", "type": "function", "function": {"name": "f", "arguments": "{}"}}]
    messages = [
        {"role": "user", "content": "a"},
        {"role": "assistant", "content": None, "tool_calls": calls},
        {"role": "tool", "tool_call_id": "1", "content": "r"},
    ]
    built = build({"messages": messages})
    assert built.body["tools"] == [{"name": "f", "input_schema": EMPTY}]
    assert built.body["tool_choice"] == {"type": "none"}
    assert built.said("tools are those that the history calls")


SCHEMA = {"type": "object", "properties": {"a": {"type": "string", "format": "date"}}, "required": ["a"]}


def formatted(schema: object, **more: object) -> dict[str, Any]:
    return {"response_format": {"type": "json_schema", "json_schema": {"name": "s", "schema": schema, **more}}}


def test_a_schema_of_the_answer_is_one_of_anthropics_own() -> None:
    built = build({**formatted(SCHEMA, strict=True), "max_tokens": 9})
    assert built.body["output_config"] == {
        "format": {"type": "json_schema", "schema": {**SCHEMA, "additionalProperties": False}}
    }
    assert built.notes == []


def test_what_the_schema_of_the_answer_cannot_say_is_reported() -> None:
    built = build(formatted({"oneOf": [{"type": "string", "maxLength": 3}, {"type": "null"}]}, description="d"))
    made = built.body["output_config"]["format"]["schema"]
    assert made == {"anyOf": [{"type": "string", "description": "{maxLength: 3}"}, {"type": "null"}]}
    assert built.said("response_format.json_schema.schema.oneOf[0].maxLength")
    assert built.said("response_format.json_schema.description is not sent")


def test_any_json_is_asked_for_in_words_with_a_note() -> None:
    built = build({"response_format": {"type": "json_object"}})
    assert "JSON object" in built.body["system"]
    assert built.said("response_format is asked for in words")
    with pytest.raises(ParamUnsupported):
        build({"response_format": {"type": "json_object"}}, strict=True)


def test_the_form_of_a_text_needs_nothing() -> None:
    assert "output_config" not in build({"response_format": {"type": "text"}}, model=BUDGETS).body


def test_numbers_in_schemas_keep_their_spelling() -> None:
    schema = {"type": "object", "properties": {"a": {"const": 9007199254740993}, "b": {"default": 1.0}}}
    assert json.dumps(schema).encode() in build({"tools": [tool(parameters=schema)]}).text

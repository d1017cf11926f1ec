"""Functions, the provider's own tools, choices and schemas."""

from typing import Any

import pytest

from tests.unit.server.providers.google.asked import build


def tool(name: str = "f", **members: object) -> dict[str, Any]:
    return {"type": "function", "function": {"name": name, **members}}


NAMED = {"type": "function", "function": {"name": "f"}}
AMONG = {"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": [{"type": "function", "name": "f"}]}}
FORCED = {"type": "allowed_tools", "allowed_tools": {"mode": "required", "tools": [{"type": "function", "name": "f"}]}}
CHOICES: dict[str, tuple[dict[str, Any], object]] = {
    "nothing said": ({}, None),
    "auto": ({"tool_choice": "auto"}, {"mode": "AUTO"}),
    "required": ({"tool_choice": "required"}, {"mode": "ANY"}),
    "none": ({"tool_choice": "none"}, {"mode": "NONE"}),
    "one by its name": ({"tool_choice": NAMED}, {"mode": "ANY", "allowedFunctionNames": ["f"]}),
    "among some": ({"tool_choice": AMONG}, {"mode": "VALIDATED", "allowedFunctionNames": ["f"]}),
    "among some, and one for certain": ({"tool_choice": FORCED}, {"mode": "ANY", "allowedFunctionNames": ["f"]}),
    "an older word": ({"function_call": "none"}, {"mode": "NONE"}),
    "an older name": ({"function_call": {"name": "f"}}, {"mode": "ANY", "allowedFunctionNames": ["f"]}),
}


@pytest.mark.parametrize(("members", "choice"), CHOICES.values(), ids=CHOICES.keys())
def test_the_choice(members: dict[str, Any], choice: object) -> None:
    built = build({"tools": [tool()], **members})
    assert built.body.get("toolConfig", {}).get("functionCallingConfig") == choice
    assert built.notes == []


@pytest.mark.parametrize("choice", [None, "auto"], ids=["nothing said", "auto"])
def test_a_function_that_is_held_to_its_schema(choice: object) -> None:
    built = build({"tools": [tool(strict=True)], "tool_choice": choice})
    assert built.body["toolConfig"] == {"functionCallingConfig": {"mode": "VALIDATED"}}


LOST: dict[str, tuple[dict[str, Any], str]] = {
    "one call at a time": ({"parallel_tool_calls": False}, "parallel_tool_calls is not sent"),
    "a word that nobody knows": ({"tool_choice": "maybe"}, "tool_choice is not sent"),
    "a choice that nobody knows": ({"tool_choice": {"type": "custom", "custom": {"name": "f"}}}, "tool_choice is not"),
    "a tool that nobody knows": ({"tools": [tool(), {"type": "web_search"}]}, "tools[1] is not sent"),
    "a mark of the cache": ({"tools": [tool() | {"cache_control": {"type": "ephemeral"}}]}, "cache_control is not"),
}


@pytest.mark.parametrize(("members", "note"), LOST.values(), ids=LOST.keys())
def test_what_is_lost_is_noted(members: dict[str, Any], note: str) -> None:
    assert build({"tools": [tool()], **members}).said(note)


def test_a_choice_without_functions_is_not_sent() -> None:
    built = build({"tool_choice": "required"})
    assert "toolConfig" not in built.body
    assert built.said("tool_choice is not sent: there are no functions")


def test_functions_stand_together_and_the_providers_own_tools_apart() -> None:
    schema = {"type": "object", "properties": {"a": {"type": ["string", "null"]}}}
    own = {"type": "google_search", "google_search": {"excludeDomains": ["e.com"]}}
    made = build({"tools": [tool("a", description="d", parameters=schema), own, tool("b")]}).body["tools"]
    assert made == [
        {"functionDeclarations": [{"name": "a", "description": "d", "parametersJsonSchema": schema}, {"name": "b"}]},
        {"googleSearch": {"excludeDomains": ["e.com"]}},
    ]


def test_keywords_that_it_does_not_know_go_into_the_description() -> None:
    schema = {"type": "object", "properties": {"a": {"type": "string", "pattern": "x"}}, "$schema": "s"}
    built = build({"tools": [tool(parameters=schema)]})
    made = built.body["tools"][0]["functionDeclarations"][0]["parametersJsonSchema"]
    assert made["properties"]["a"] == {"type": "string", "description": '{pattern: "x"}'}
    assert built.said("tools[0].function.parameters.properties.a.pattern is sent in the description")


def test_older_functions_are_functions() -> None:
    assert build({"functions": [{"name": "f"}]}).body["tools"] == [{"functionDeclarations": [{"name": "f"}]}]

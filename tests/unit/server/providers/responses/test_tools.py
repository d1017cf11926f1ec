"""Tools, the choice of one, and the form of the answer."""

import inspect
from typing import Any

import pytest
from openai.types.responses import tool_param

from server.providers.responses.tools import OWN_TOOLS
from tests.unit.server.providers.responses.asked import built

Json = dict[str, Any]
SCHEMA: Json = {"type": "object", "properties": {"a": {"type": "integer", "minimum": 1}}}
FUNCTION: Json = {"type": "function", "function": {"name": "f", "parameters": SCHEMA}}

TOOLS: list[tuple[str, Json, Json]] = [
    ("a function is strict only where it says so", FUNCTION,
     {"type": "function", "name": "f", "strict": False, "parameters": SCHEMA}),
    ("a strict one", {"type": "function", "function": {"name": "f", "description": "d", "strict": True}},
     {"type": "function", "name": "f", "description": "d", "strict": True, "parameters": None}),
    ("a custom tool", {"type": "custom", "custom": {"name": "g", "description": "d"}},
     {"type": "custom", "name": "g", "description": "d"}),
    ("a grammar", {"type": "custom", "custom": {"name": "g", "format": {
        "type": "grammar", "grammar": {"syntax": "lark", "definition": "start: A"}}}},
     {"type": "custom", "name": "g", "format": {"type": "grammar", "syntax": "lark", "definition": "start: A"}}),
    ("the vendor's own", {"type": "file_search", "vector_store_ids": ["vs_1"]},
     {"type": "file_search", "vector_store_ids": ["vs_1"]}),
]  # fmt: skip


@pytest.mark.parametrize(("tool", "expected"), [case[1:] for case in TOOLS], ids=[case[0] for case in TOOLS])
def test_tools(tool: Json, expected: Json) -> None:
    assert built(tools=[tool])[0]["tools"] == [expected]


def test_another_vendors_tool_is_lost_and_older_functions_are_tools() -> None:
    body, notes = built(tools=[{"type": "computer_20250124"}], functions=[FUNCTION["function"]], function_call="auto")
    assert [tool["name"] for tool in body["tools"]] == ["f"]
    assert body["tool_choice"] == "auto"
    assert notes == ["tools[0] is not sent: the provider knows no such tool."]


CHOICES: list[tuple[str, object, object]] = [
    ("a word", "required", "required"),
    ("a function", {"type": "function", "function": {"name": "f"}}, {"type": "function", "name": "f"}),
    ("a custom tool", {"type": "custom", "custom": {"name": "g"}}, {"type": "custom", "name": "g"}),
    ("some of them",
     {"type": "allowed_tools", "allowed_tools": {"mode": "required", "tools": [
         {"type": "function", "function": {"name": "f"}}]}},
     {"type": "allowed_tools", "mode": "required", "tools": [{"type": "function", "name": "f"}]}),
    ("the vendor's own", {"type": "file_search"}, {"type": "file_search"}),
]  # fmt: skip


@pytest.mark.parametrize(("choice", "expected"), [case[1:] for case in CHOICES], ids=[case[0] for case in CHOICES])
def test_the_choice(choice: object, expected: object) -> None:
    assert built(tools=[FUNCTION], tool_choice=choice)[0]["tool_choice"] == expected


def test_a_function_of_the_older_form_by_its_name() -> None:
    body, _ = built(functions=[FUNCTION["function"]], function_call={"name": "f"})
    assert body["tool_choice"] == {"type": "function", "name": "f"}


def test_without_tools_there_is_no_choice() -> None:
    body, _ = built(tool_choice="none", parallel_tool_calls=False)
    assert not {"tools", "tool_choice", "parallel_tool_calls"} & body.keys()


FORMS: list[tuple[str, Json, Json]] = [
    ("a schema", {"type": "json_schema", "json_schema": {"name": "s", "schema": SCHEMA, "strict": True}},
     {"type": "json_schema", "name": "s", "schema": SCHEMA, "strict": True}),
    ("a schema with a description", {"type": "json_schema", "json_schema": {"name": "s", "description": "d"}},
     {"type": "json_schema", "name": "s", "description": "d", "schema": {}}),
    ("any JSON", {"type": "json_object"}, {"type": "json_object"}),
    ("text", {"type": "text"}, {"type": "text"}),
]  # fmt: skip


@pytest.mark.parametrize(("wanted", "expected"), [case[1:] for case in FORMS], ids=[case[0] for case in FORMS])
def test_the_form_of_the_answer(wanted: Json, expected: Json) -> None:
    assert built(response_format=wanted)[0]["text"] == {"format": expected}


def test_the_vendors_own_tools_are_those_of_its_client() -> None:

    source = inspect.getsource(tool_param) + "".join(
        inspect.getsource(inspect.getmodule(kind) or tool_param)
        for kind in tool_param.ToolParam.__args__  # type: ignore[attr-defined]
    )
    assert all(f'"{kind}"' in source for kind in OWN_TOOLS)

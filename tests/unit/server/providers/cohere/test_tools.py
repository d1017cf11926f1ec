"""Tools, their choice, and the form of the answer."""

from typing import Any

import pytest

from server.errors import ParamUnsupported
from tests.unit.server.providers.cohere.asked import build

SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]}


def tool(name: str = "f", **members: Any) -> dict[str, Any]:
    return {"type": "function", "function": {"name": name, "parameters": SCHEMA, **members}}


TWO = [tool("f"), tool("g")]
CHOICES: list[tuple[str, object, list[str], object]] = [
    ("as it likes", "auto", ["f", "g"], None),
    ("one of them", "required", ["f", "g"], "REQUIRED"),
    ("none", "none", ["f", "g"], "NONE"),
    ("a certain one", {"type": "function", "function": {"name": "g"}}, ["g"], "REQUIRED"),
    (
        "some of them",
        {"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": [{"type": "function", "name": "f"}]}},
        ["f"],
        None,
    ),
    (
        "one of some",
        {
            "type": "allowed_tools",
            "allowed_tools": {"mode": "required", "tools": [{"type": "function", "function": {"name": "g"}}]},
        },
        ["g"],
        "REQUIRED",
    ),
]


@pytest.mark.parametrize(("asked", "names", "word"), [case[1:] for case in CHOICES], ids=[case[0] for case in CHOICES])
def test_the_choice(asked: object, names: list[str], word: object) -> None:
    body = build({"tools": TWO, "tool_choice": asked}).body
    assert [each["function"]["name"] for each in body["tools"]] == names
    assert body.get("tool_choice") == word


@pytest.mark.parametrize("asked", ["sometimes", {"type": "custom", "custom": {"name": "x"}}])
def test_a_choice_that_it_does_not_know_is_told(asked: object) -> None:
    built = build({"tools": TWO, "tool_choice": asked})
    assert "tool_choice" not in built.body
    assert built.said("tool_choice is not sent")


def test_a_choice_without_tools_is_not_sent() -> None:
    assert "tool_choice" not in build({"tool_choice": "required"}).body


def test_a_function_without_parameters_has_an_empty_schema() -> None:
    body = build({"tools": [{"type": "function", "function": {"name": "f", "description": "d"}}]}).body
    assert body["tools"][0]["function"] == {
        "name": "f",
        "description": "d",
        "parameters": {"type": "object", "properties": {}},
    }


def test_functions_of_old_are_tools() -> None:
    assert build({"functions": [{"name": "f", "parameters": SCHEMA}]}).body["tools"] == [tool()]


@pytest.mark.parametrize(
    ("tools", "is_strict", "is_told"),
    [
        ([tool(strict=True), tool("g", strict=True)], True, False),
        ([tool(strict=True), tool("g")], False, True),
        ([tool(strict=True, parameters={"type": "object", "properties": {}})], False, True),
        ([tool()], False, False),
    ],
    ids=["all of them", "some of them", "one that demands nothing", "none of them"],
)
def test_it_is_strict_with_all_tools_or_none(tools: list[Any], is_strict: bool, is_told: bool) -> None:
    built = build({"tools": tools})
    assert built.body.get("strict_tools", False) is is_strict
    assert built.said("tools.strict") is is_told


@pytest.mark.parametrize(
    ("members", "says"),
    [
        ({"tools": [{"type": "web_search"}]}, "tools[0]"),
        ({"tools": [{"type": "custom", "custom": {"name": "x"}}]}, "tools[0]"),
        ({"tools": TWO, "parallel_tool_calls": False}, "parallel_tool_calls"),
        ({"response_format": {"type": "grammar"}}, "response_format"),
    ],
)
def test_what_it_has_no_place_for_is_told(members: dict[str, Any], says: str) -> None:
    assert build(members).said(says)


def test_a_schema_of_the_answer_keeps_what_it_knows_and_tells_the_rest() -> None:
    schema = {**SCHEMA, "properties": {"a": {"type": "integer", "minimum": 3, "description": "A."}}}
    asked = {"name": "n", "strict": True, "description": "d", "schema": schema}
    built = build({"response_format": {"type": "json_schema", "json_schema": asked}})
    sent = built.body["response_format"]
    assert sent["type"] == "json_object"
    assert sent["json_schema"]["required"] == ["a"]
    assert sent["json_schema"]["properties"]["a"] == {"type": "integer", "description": "A.\n\n{minimum: 3}"}
    assert built.said("response_format.json_schema.schema.properties.a.minimum")


def test_any_json_is_a_form_of_its_own() -> None:
    assert build({"response_format": {"type": "json_object"}}).body["response_format"] == {"type": "json_object"}
    assert "response_format" not in build({"response_format": {"type": "text"}}).body


def test_a_form_beside_tools_is_refused_unless_none_may_be_called() -> None:
    form = {"response_format": {"type": "json_object"}, "tools": TWO}
    with pytest.raises(ParamUnsupported) as caught:
        build(form)
    assert caught.value.param == "response_format"
    assert build({**form, "tool_choice": "none"}).body["response_format"] == {"type": "json_object"}

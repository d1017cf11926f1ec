"""Conversations as Cohere takes them."""

from typing import Any

import pytest

from server.errors import RequestInvalid
from server.providers.cohere.messages import CONTINUING
from tests.unit.server.providers.cohere.asked import PLAIN, REASONS, build

ARGUMENTS = '{"n": 9007199254740993, "b": 1.0}'
HI: dict[str, Any] = {"role": "user", "content": "hi"}
PICTURE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}


def call(call_id: str = "c1", arguments: str = ARGUMENTS) -> dict[str, Any]:
    return {"id": call_id, "type": "function", "function": {"name": "f", "arguments": arguments}}


def calling(*calls: dict[str, Any], **members: Any) -> dict[str, Any]:
    return {"role": "assistant", "content": None, "tool_calls": list(calls) or [call()], **members}


def result(call_id: str = "c1", content: Any = "r", **members: Any) -> dict[str, Any]:
    return {"role": "tool", "tool_call_id": call_id, "content": content, **members}


def sent(*messages: dict[str, Any], model: str = PLAIN) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = build({"messages": list(messages)}, model=model).body["messages"]
    return found


CASES: list[tuple[str, list[dict[str, Any]], list[dict[str, Any]]]] = [
    (
        "the system's words are first and all are kept",
        [{"role": "system", "content": "a"}, HI, {"role": "developer", "content": "b"}, HI],
        [{"role": "system", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]}, HI, HI],
    ),
    (
        "arguments go out as the model wrote them, and results follow",
        [HI, calling(), result(), HI],
        [HI, {"role": "assistant", "tool_calls": [call()]}, result(), HI],
    ),
    (
        "no arguments are the empty object",
        [HI, calling(call(arguments="")), result()],
        [HI, {"role": "assistant", "tool_calls": [call(arguments="{}")]}, result()],
    ),
    (
        "results come before what the user says",
        [HI, calling(call("a"), call("b")), result("a"), HI, result("b")],
        [HI, {"role": "assistant", "tool_calls": [call("a"), call("b")]}, result("a"), result("b"), HI],
    ),
    (
        "a refusal is a text",
        [HI, {"role": "assistant", "content": None, "refusal": "no"}, HI],
        [HI, {"role": "assistant", "content": "no"}, HI],
    ),
    ("a message that says nothing is left out", [HI, {"role": "assistant", "content": ""}, HI], [HI, HI]),
    (
        "the assistant does not have the last word",
        [HI, {"role": "assistant", "content": "I"}],
        [HI, {"role": "assistant", "content": "I"}, {"role": "user", "content": CONTINUING}],
    ),
    (
        "pictures of a result follow in a message of the user's",
        [HI, calling(), result(content=[PICTURE])],
        [
            HI,
            {"role": "assistant", "tool_calls": [call()]},
            result(content="The result follows in the next message."),
            {
                "role": "user",
                "content": [{"type": "text", "text": "From the result of the tool call c1:"}, PICTURE],
            },
        ],
    ),
    (
        "a function of old is a call",
        [
            HI,
            {"role": "assistant", "content": None, "function_call": {"name": "f", "arguments": "{}"}},
            {"role": "function", "name": "f", "content": "r"},
        ],
        [
            HI,
            {"role": "assistant", "tool_calls": [call("function_1", "{}")]},
            {"role": "tool", "tool_call_id": "function_1", "content": "r"},
        ],
    ),
    (
        "free text for a tool is the one member of an object",
        [HI, calling({"id": "c1", "type": "custom", "custom": {"name": "f", "input": 'a"b'}}), result()],
        [HI, {"role": "assistant", "tool_calls": [call(arguments='{"input":"a\\"b"}')]}, result()],
    ),
]


@pytest.mark.parametrize(("messages", "expected"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_a_conversation(messages: list[dict[str, Any]], expected: list[dict[str, Any]]) -> None:
    assert sent(*messages) == expected


def test_what_was_thought_goes_back_where_tools_were_called() -> None:
    thought = calling(reasoning_content="Let me see.")
    assert sent(HI, thought, result(), model=REASONS)[1] == {
        "role": "assistant",
        "content": [{"type": "thinking", "thinking": "Let me see."}],
        "tool_calls": [call()],
    }
    assert sent(HI, thought, result(), model=PLAIN)[1]["tool_plan"] == "Let me see."
    told = build({"messages": [HI, {"role": "assistant", "content": "a", "reasoning_content": "x"}, HI]})
    assert told.body["messages"][1] == {"role": "assistant", "content": "a"}
    assert told.said("messages[1].reasoning_content is not sent")


CITATION = {"start": 0, "end": 1, "text": "a", "sources": [{"type": "tool", "id": "t"}]}


def test_its_own_citations_go_back_as_they_came() -> None:
    own = {"role": "assistant", "content": "a", "extra_content": {"cohere": {"citations": [CITATION]}}}
    built = build({"messages": [HI, own, HI]})
    assert built.body["messages"][1]["citations"] == [CITATION]
    assert built.notes == []


@pytest.mark.parametrize(
    ("message", "says"),
    [
        ({"role": "assistant", "content": "a", "extra_content": {"google": {"parts": []}}}, "extra_content"),
        ({"role": "assistant", "content": "a", "extra_content": []}, "extra_content"),
        ({"role": "assistant", "content": "a", "thinking_blocks": [{"type": "thinking"}]}, "thinking_blocks"),
        ({"role": "assistant", "content": "a", "reasoning_items": [{"type": "reasoning"}]}, "reasoning_items"),
        ({"role": "assistant", "content": "a", "audio": {"id": "x"}}, "audio"),
        ({"role": "user", "content": "a", "name": "Ada"}, "name"),
    ],
)
def test_what_does_not_go_along_is_told(message: dict[str, Any], says: str) -> None:
    assert build({"messages": [HI, message, HI]}).said(says)


def test_a_failure_of_a_tool_is_told() -> None:
    assert build({"messages": [HI, calling(), result(is_error=True)]}).said("is_error")


def test_calls_and_results_must_meet() -> None:
    with pytest.raises(RequestInvalid, match="c1"):
        sent(HI, calling())

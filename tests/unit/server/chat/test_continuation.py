"""Which answers can be gone on with, and what is asked then."""

import json
from typing import Any

import pytest

from server.chat.continuation import can_be_continued, continuation_of, in_chat_form
from server.chat.native import NativeRequest
from server.chat.request import ChatRequest, parse_chat_request

HI = [{"role": "user", "content": "hi"}]
TOOL = {"type": "function", "function": {"name": "look"}}


def asked(**members: Any) -> ChatRequest:
    return parse_chat_request(json.dumps({"messages": HI, **members}).encode(), stream=True)


CASES: list[tuple[str, dict[str, Any], bool]] = [
    ("a plain question", {}, True),
    ("tools that may be called", {"tools": [TOOL], "tool_choice": "auto"}, True),
    ("an answer as text by name", {"response_format": {"type": "text"}, "modalities": ["text"]}, True),
    ("reasoning that is turned off", {"reasoning_effort": "none", "thinking": {"type": "disabled"}}, True),
    ("one answer by number", {"n": 1}, True),
    ("several answers", {"n": 2}, False),
    ("log-probabilities", {"logprobs": True}, False),
    ("a schema", {"response_format": {"type": "json_schema", "json_schema": {"name": "x"}}}, False),
    ("any JSON", {"response_format": {"type": "json_object"}}, False),
    ("a tool that must be called", {"tools": [TOOL], "tool_choice": "required"}, False),
    ("a tool by its name", {"tools": [TOOL], "tool_choice": {"type": "function", "function": {"name": "look"}}}, False),
    ("a function by its name", {"functions": [{"name": "look"}], "function_call": {"name": "look"}}, False),
    ("reasoning by effort", {"reasoning_effort": "low"}, False),
    ("reasoning by budget", {"thinking": {"type": "enabled", "budget_tokens": 2000}}, False),
    ("sound", {"modalities": ["text", "audio"]}, False),
    ("the assistant's own last word", {"messages": [*HI, {"role": "assistant", "content": "So"}]}, False),
]


@pytest.mark.parametrize(("members", "can"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_what_can_be_gone_on_with(members: dict[str, Any], can: bool) -> None:
    assert can_be_continued(asked(**members)) is can


def test_a_request_that_needs_what_only_its_own_form_can_ask_for_cannot() -> None:
    request = asked()
    request.native = NativeRequest("messages", {})
    assert can_be_continued(request)
    request.native = NativeRequest("responses", {}, needs="a prompt that is kept elsewhere")
    assert not can_be_continued(request)


@pytest.mark.parametrize("is_same", [True, False], ids=["says all of it", "does not"])
def test_a_request_is_asked_as_a_chat_message_where_that(is_same: bool) -> None:
    request = asked()
    request.native = NativeRequest("messages", {}, is_same=is_same)
    request.tell("a note")
    made = in_chat_form(request)
    assert (made.native is None) is is_same
    assert made.notes is request.notes
    assert in_chat_form(asked()).native is None


def test_what_was_said_stands_last_and_counts_against_the_bounds() -> None:
    request = asked(model="m", max_tokens=50, max_completion_tokens=10, temperature=0.5)
    request.is_strict = True
    made = continuation_of(request, "Once upon", 12)
    members = json.loads(made.body)
    assert members == {
        "messages": [*HI, {"role": "assistant", "content": "Once upon"}],
        "model": "m",
        "max_tokens": 38,
        "max_completion_tokens": 1,
        "temperature": 0.5,
    }
    assert (made.is_stream, made.is_strict, made.view.messages[-1].content) == (True, True, "Once upon")
    made.tell("said for the continuation")
    assert request.notes == ["said for the continuation"]
    made.forget()
    assert request.notes == []


def test_nothing_that_was_said_is_no_message() -> None:
    assert json.loads(continuation_of(asked(), "", 0).body)["messages"] == HI

"""A Responses request as a chat request: every member of it, and what goes on as it came."""

import json
from typing import Any

import pytest

from server.errors import ParamUnsupported, PerpetuoError, RequestInvalid
from server.ingress.responses.request import read_response
from tests.unit.server.ingress.responses.bodies import HELLO, SCHEMA, WEATHER, body, chat, read

FUNCTION = {"name": "get_weather", "description": "Tells.", "parameters": SCHEMA}
TOOLS = {"tools": [WEATHER]}
GRAMMAR = {"type": "grammar", "syntax": "lark", "definition": "start: X"}

MEMBERS: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("instructions", {"instructions": "Be brief."},
     {"messages": [{"role": "system", "content": "Be brief."}, *HELLO]}),
    ("a bound", {"max_output_tokens": 7}, {"max_completion_tokens": 7}),
    ("sampling", {"temperature": 0.5, "top_p": 0.9}, {"temperature": 0.5, "top_p": 0.9}),
    ("labels and users", {"metadata": {"a": "b"}, "user": "u", "safety_identifier": "s"},
     {"metadata": {"a": "b"}, "user": "u", "safety_identifier": "s"}),
    ("hints for the prompt cache", {"prompt_cache_key": "k", "prompt_cache_retention": "24h"},
     {"prompt_cache_key": "k", "prompt_cache_retention": "24h"}),
    ("a class of service", {"service_tier": "flex"}, {"service_tier": "flex"}),
    ("knobs", {"gateway": {"strategy": "cheapest"}}, {"gateway": {"strategy": "cheapest"}}),
    ("likely tokens", {"top_logprobs": 3}, {"logprobs": True, "top_logprobs": 3}),
    ("log-probabilities", {"include": ["message.output_text.logprobs"]}, {"logprobs": True}),
    ("an effort", {"reasoning": {"effort": "high", "summary": "auto"}}, {"reasoning_effort": "high"}),
    ("a plain text", {"text": {"format": {"type": "text"}, "verbosity": "low"}}, {"verbosity": "low"}),
    ("any object", {"text": {"format": {"type": "json_object"}}}, {"response_format": {"type": "json_object"}}),
    ("a schema", {"text": {"format": {"type": "json_schema", "name": "a", "schema": SCHEMA, "strict": True}}},
     {"response_format": {"type": "json_schema", "json_schema": {"name": "a", "schema": SCHEMA, "strict": True}}}),
    ("a tool", TOOLS, {"tools": [{"type": "function", "function": FUNCTION}]}),
    ("a strict tool", {"tools": [{**WEATHER, "strict": True}]},
     {"tools": [{"type": "function", "function": {**FUNCTION, "strict": True}}]}),
    ("a custom tool", {"tools": [{"type": "custom", "name": "sql", "format": GRAMMAR}]},
     {"tools": [{"type": "custom", "custom": {"name": "sql", "format": {
         "type": "grammar", "grammar": {"syntax": "lark", "definition": "start: X"}}}}]}),
    ("a custom tool of free text", {"tools": [{"type": "custom", "name": "sql", "format": {"type": "text"}}]},
     {"tools": [{"type": "custom", "custom": {"name": "sql", "format": {"type": "text"}}}]}),
    ("a choice in a word", TOOLS | {"tool_choice": "required"}, {"tool_choice": "required"}),
    ("a certain tool", TOOLS | {"tool_choice": {"type": "function", "name": "get_weather"}},
     {"tool_choice": {"type": "function", "function": {"name": "get_weather"}}}),
    ("some of the tools",
     TOOLS | {"tool_choice": {"type": "allowed_tools", "mode": "auto",
                              "tools": [{"type": "function", "name": "get_weather"}]}},
     {"tool_choice": {"type": "allowed_tools", "allowed_tools": {
         "mode": "auto", "tools": [{"type": "function", "function": {"name": "get_weather"}}]}}}),
    ("one tool at a time", TOOLS | {"parallel_tool_calls": False}, {"parallel_tool_calls": False}),
    ("what only speaks of this face", {"store": False, "background": False, "truncation": "disabled",
                                       "stream_options": {"include_obfuscation": False}}, {}),
]  # fmt: skip


@pytest.mark.parametrize(("members", "expected"), [case[1:] for case in MEMBERS], ids=[case[0] for case in MEMBERS])
def test_a_member_is_translated_and_nothing_is_lost(members: dict[str, Any], expected: dict[str, Any]) -> None:
    request = read(**members)
    found = json.loads(request.body)
    if "tools" in members and "tools" not in expected:
        found.pop("tools")
    assert found == {"model": "m", "messages": HELLO} | expected
    assert request.native is not None
    assert request.native.losses == ()
    assert request.native.needs == ""


def test_a_stream_asks_for_its_usage() -> None:
    assert read(stream=True).wants_usage
    assert not read().is_stream


LOST = [
    ("a bound of calls", {"max_tool_calls": 3}, "max_tool_calls"),
    ("leaving out what does not fit", {"truncation": "auto"}, "truncation"),
    ("a member that nobody knows", {"frobnicate": 1}, "frobnicate"),
    ("a picture's compression", {"image": {"context_compression": "auto"}}, "image"),
]


@pytest.mark.parametrize(("members", "member"), [case[1:] for case in LOST], ids=[case[0] for case in LOST])
def test_what_has_no_place_is_a_loss_for_others(members: dict[str, Any], member: str) -> None:
    native = read(**members).native
    assert native is not None
    assert [lost for lost, _ in native.losses] == [member]


def test_a_tool_that_openai_runs_needs_its_api() -> None:
    request = read(tools=[WEATHER, {"type": "web_search", "filters": {"a": 1}}], tool_choice={"type": "web_search"})
    assert request.native is not None
    assert request.native.needs.startswith("'tools[1]' of the type 'web_search'")
    assert request.native.needs_param == "tools"
    sent = json.loads(request.native.body(model="x", is_stream=False))
    assert sent["tools"] == [WEATHER, {"type": "web_search", "filters": {"a": 1}}]
    assert sent["tool_choice"] == {"type": "web_search"}


def test_a_prompt_that_openai_keeps_needs_its_api() -> None:
    native = read(prompt={"id": "pmpt_1"}).native
    assert native is not None
    assert native.needs_param == "prompt"


def test_the_request_goes_along_as_it_came_but_that_nothing_is_kept() -> None:
    request = read(new=1.0, gateway={"cache": "no-store"}, store=None, include=["a"])
    assert request.native is not None
    assert json.loads(request.native.body(model="x", is_stream=True)) == {
        "model": "x",
        "input": [{"type": "message", "role": "user", "content": "Hi"}],
        "new": 1.0,
        "include": ["a"],
        "store": False,
        "stream": True,
    }


WRONG: list[tuple[str, dict[str, Any], str, type[PerpetuoError]]] = [
    ("no input", {"input": ...}, "input", RequestInvalid),
    ("an input that is null", {"input": None}, "input", RequestInvalid),
    ("no items", {"input": []}, "input", RequestInvalid),
    ("another kind of input", {"input": 5}, "input", RequestInvalid),
    ("a bound of nothing", {"max_output_tokens": 0}, "max_output_tokens", RequestInvalid),
    ("a temperature beyond two", {"temperature": 3}, "temperature", RequestInvalid),
    ("a tool without a name", {"tools": [{"type": "function"}]}, "tools[0].name", RequestInvalid),
    ("a custom tool without a name", {"tools": [{"type": "custom"}]}, "tools[0].name", RequestInvalid),
    ("a choice that is not known", TOOLS | {"tool_choice": "any"}, "tool_choice", RequestInvalid),
    ("a choice of a tool that is not there", TOOLS | {"tool_choice": {"type": "mcp"}}, "tool_choice.type",
     RequestInvalid),
    ("a certain tool without a name", TOOLS | {"tool_choice": {"type": "function"}}, "tool_choice.name",
     RequestInvalid),
    ("a schema without a name", {"text": {"format": {"type": "json_schema", "schema": {}}}}, "text.format.name",
     RequestInvalid),
    ("a form that is not known", {"text": {"format": {"type": "xml"}}}, "text.format.type", RequestInvalid),
    ("another way of leaving out", {"truncation": "some"}, "truncation", RequestInvalid),
    ("work in the background", {"background": True}, "background", ParamUnsupported),
    ("a conversation that is kept", {"conversation": "conv_1"}, "conversation", ParamUnsupported),
    ("an unknown knob", {"gateway": {"speed": 1}}, "gateway.speed", RequestInvalid),
]  # fmt: skip


@pytest.mark.parametrize(("members", "param", "reason"), [case[1:] for case in WRONG], ids=[case[0] for case in WRONG])
def test_what_is_wrong_is_named(members: dict[str, Any], param: str, reason: type[PerpetuoError]) -> None:
    with pytest.raises(reason) as caught:
        read_response(body(**members), stream=False)
    assert caught.value.param == param


def test_instructions_alone_stand_first() -> None:
    assert [message["role"] for message in chat(instructions="x", input=[*HELLO, *HELLO])["messages"]] == [
        "system", "user", "user",
    ]  # fmt: skip

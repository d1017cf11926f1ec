"""A Messages request as a chat request: every member of it, and what is told of those that have no place."""

import json
from typing import Any

import msgspec
import pytest

from server.chat.request import ChatRequest
from server.errors import ParamUnsupported, RequestInvalid
from server.ingress.messages.request import read_count, read_message
from tests.unit.server.ingress.messages.bodies import HELLO, WEATHER, body, chat, read

MARK = {"type": "ephemeral"}
SCHEMA = WEATHER["input_schema"]
CLOSED = {**SCHEMA, "additionalProperties": False}
FUNCTION = {"name": "get_weather", "description": "Tells the weather.", "parameters": SCHEMA}
TOOLS = {"tools": [WEATHER]}

MEMBERS: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("a bound of the answer", {"max_tokens": 7}, {"max_completion_tokens": 7}),
    ("a temperature", {"temperature": 0.5}, {"temperature": 0.5}),
    ("a nucleus", {"top_p": 0.9}, {"top_p": 0.9}),
    ("the most likely", {"top_k": 40}, {"top_k": 40}),
    ("stop sequences", {"stop_sequences": ["a", "b"]}, {"stop": ["a", "b"]}),
    ("a user", {"metadata": {"user_id": "u1"}}, {"user": "u1"}),
    ("a class of service", {"service_tier": "standard_only"}, {"service_tier": "default"}),
    ("any class of service", {"service_tier": "auto"}, {"service_tier": "auto"}),
    ("a mark for the whole", {"cache_control": MARK}, {"cache_control": MARK}),
    ("knobs", {"gateway": {"strategy": "cheapest"}}, {"gateway": {"strategy": "cheapest"}}),
    (
        "thinking",
        {"thinking": {"type": "enabled", "budget_tokens": 2048, "display": "omitted"}},
        {"thinking": {"type": "enabled", "budget_tokens": 2048, "display": "omitted"}},
    ),
    ("an effort", {"output_config": {"effort": "high"}}, {"reasoning_effort": "high"}),
    (
        "a form that strict mode takes",
        {"output_config": {"format": {"type": "json_schema", "schema": CLOSED}}},
        {
            "response_format": {
                "type": "json_schema",
                "json_schema": {"name": "answer", "schema": CLOSED, "strict": True},
            }
        },
    ),
    (
        "a form that strict mode refuses",
        {"output_format": {"type": "json_schema", "schema": SCHEMA}},
        {
            "response_format": {
                "type": "json_schema",
                "json_schema": {"name": "answer", "schema": SCHEMA, "strict": False},
            }
        },
    ),
    ("a tool", TOOLS, {"tools": [{"type": "function", "function": FUNCTION}]}),
    (
        "a tool that is strict and has a mark",
        {"tools": [{**WEATHER, "type": "custom", "strict": True, "cache_control": MARK}]},
        {"tools": [{"type": "function", "function": {**FUNCTION, "strict": True}, "cache_control": MARK}]},
    ),
    (
        "the provider's own tool",
        {"tools": [{"type": "web_search_20250305", "name": "web_search", "max_uses": 3}]},
        {"tools": [{"type": "web_search_20250305", "name": "web_search", "max_uses": 3}]},
    ),
    ("a choice left to the model", TOOLS | {"tool_choice": {"type": "auto"}}, {"tool_choice": "auto"}),
    ("some tool", TOOLS | {"tool_choice": {"type": "any"}}, {"tool_choice": "required"}),
    ("no tool", TOOLS | {"tool_choice": {"type": "none"}}, {"tool_choice": "none"}),
    (
        "a certain tool, and one at a time",
        TOOLS | {"tool_choice": {"type": "tool", "name": "get_weather", "disable_parallel_tool_use": True}},
        {
            "tool_choice": {"type": "function", "function": {"name": "get_weather"}},
            "parallel_tool_calls": False,
        },
    ),
]


@pytest.mark.parametrize(("members", "expected"), [case[1:] for case in MEMBERS], ids=[case[0] for case in MEMBERS])
def test_a_member_is_translated_and_nothing_is_told(members: dict[str, Any], expected: dict[str, Any]) -> None:
    request = read(**members)
    found = json.loads(request.body)
    usual = {"model": "m", "messages": HELLO, "max_completion_tokens": 100}
    if "tools" in members and "tools" not in expected:
        found.pop("tools")
    assert found == usual | expected
    assert losses(request) == ()


def test_a_choice_among_no_tools_is_left_out() -> None:
    assert "tool_choice" not in chat(tool_choice={"type": "any"})


def test_a_schema_keeps_its_order_and_its_numbers() -> None:
    schema = b'{"type":"object","properties":{"b":{"type":"number","maximum":9007199254740993},"a":{"minimum":1.0}}}'
    text = b'{"max_tokens":1,"messages":[{"role":"user","content":"Hi"}],"tools":[{"name":"t","input_schema":%b}]}'
    assert schema in read_message(text % schema, stream=False).body


def test_what_claude_code_sends_is_read_without_a_loss() -> None:
    request = read(
        model="claude-sonnet-4-5",
        system=[
            {"type": "text", "text": "You are a coding agent.", "cache_control": MARK},
            {"type": "text", "text": "Environment: Linux.", "cache_control": MARK},
        ],
        messages=[
            {"role": "user", "content": [{"type": "text", "text": "<system-reminder>…</system-reminder>"},
                                         {"type": "text", "text": "Fix the test.", "cache_control": MARK}]},
            {"role": "assistant", "content": [{"type": "thinking", "thinking": "First look.", "signature": "c2ln"},
                                              {"type": "text", "text": "Let me look."},
                                              {"type": "tool_use", "id": "toolu_1", "name": "Bash",
                                               "input": {"command": "ls"}}]},
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "toolu_1", "content": "a.py",
                                          "is_error": False, "cache_control": MARK}]},
        ],
        tools=[{"name": "Bash", "description": "Runs.", "input_schema": SCHEMA, "cache_control": MARK}],
        metadata={"user_id": "user_" + "a" * 64 + "_account__session_" + "b" * 36},
        thinking={"type": "enabled", "budget_tokens": 31999},
        max_tokens=32000,
        stream=True,
    )  # fmt: skip
    assert losses(request) == ()
    found = json.loads(request.body)
    assert [message["role"] for message in found["messages"]] == ["system", "user", "assistant", "tool"]
    assert [part["cache_control"] for part in found["messages"][0]["content"]] == [MARK, MARK]
    assert found["messages"][3]["cache_control"] == MARK
    assert found["tools"][0]["cache_control"] == MARK
    assert len(found["user"]) == 64


def test_a_long_user_is_replaced_by_its_hash_each_time_the_same() -> None:
    one, again, other = (chat(metadata={"user_id": user})["user"] for user in ("x" * 65, "x" * 65, "y" * 65))
    assert one == again != other
    assert chat(metadata={"user_id": "x" * 64})["user"] == "x" * 64


def test_a_stream_asks_for_its_usage() -> None:
    request = read(stream=True)
    assert request.is_stream
    assert request.wants_usage
    assert not read().is_stream


LOST: list[tuple[str, dict[str, Any], str]] = [
    ("a container", {"container": "c_1"}, "container"),
    ("a member that nobody knows", {"frobnicate": 1}, "frobnicate"),
    ("an answer of no tokens", {"max_tokens": 0}, "max_tokens"),
    ("a form that is not known", {"output_format": {"type": "xml"}}, "output_config.format"),
    ("examples of a tool", {"tools": [{**WEATHER, "input_examples": [{}]}]}, "tools[0].input_examples"),
]


@pytest.mark.parametrize(("members", "member"), [case[1:] for case in LOST], ids=[case[0] for case in LOST])
def test_what_has_no_place_is_a_loss_for_others(members: dict[str, Any], member: str) -> None:
    assert [lost for lost, _ in losses(read(**members))] == [member]


def test_what_is_null_is_no_loss() -> None:
    assert losses(read(container=None, thinking=None, tools=None, temperature=None)) == ()


def losses(request: ChatRequest) -> tuple[tuple[str, str], ...]:
    assert request.native is not None
    return request.native.losses


def test_the_request_goes_along_as_it_came() -> None:
    request = read(container="c_1", temperature=1.0, gateway={"strict": True}, betas=["x"])
    assert request.native is not None
    body = json.loads(request.native.body(model="claude-x", is_stream=True))
    assert body == {
        "model": "claude-x",
        "max_tokens": 100,
        "messages": HELLO,
        "container": "c_1",
        "temperature": 1.0,
        "stream": True,
    }


HEADERS: list[tuple[str, dict[str, str], bool]] = [
    ("a version and betas", {"anthropic-version": "2023-06-01", "anthropic-beta": "a-1, b-2"}, True),
    ("a version that is none", {"anthropic-version": "2023\r\nx: y"}, False),
    ("others", {"x-api-key": "pk_1", "cache": "no-store"}, False),
]


@pytest.mark.parametrize(("headers", "passes"), [case[1:] for case in HEADERS], ids=[case[0] for case in HEADERS])
def test_only_headers_of_the_form_go_along(headers: dict[str, str], passes: bool) -> None:
    native = read_message(body(), stream=False, headers=headers).native
    assert native is not None
    assert dict(native.headers) == (headers if passes else {})


def test_betas_are_a_member_where_the_request_must_be_translated() -> None:
    mixed = [{"role": "assistant", "content": [{"type": "thinking", "thinking": "Hm."}]}]
    headers = {"anthropic-beta": "a-1, b-2"}
    request = read_message(body(messages=mixed), stream=False, headers=headers)
    assert request.view.betas == ["a-1", "b-2"]
    assert read_message(body(), stream=False, headers=headers).view.betas is msgspec.UNSET


@pytest.mark.parametrize("thread", [{"type": "create"}, {"type": "continue", "previous_message_id": "msg_1"}])
def test_conversations_that_anthropic_would_hold_are_refused_by_its_own_code(thread: dict[str, Any]) -> None:
    with pytest.raises(ParamUnsupported) as caught:
        read_message(body(thread=thread), stream=False)
    assert (caught.value.param, caught.value.details) == ("thread", {"errorCode": "thread_unsupported_request"})
    assert read_message(body(thread=None), stream=False).view.messages


WRONG = [
    ("no bound of the answer", {"max_tokens": ...}, "max_tokens"),
    ("a bound below none", {"max_tokens": -1}, "max_tokens"),
    ("a bound that is no number", {"max_tokens": "5"}, "max_tokens"),
    ("no messages", {"messages": []}, "messages"),
    ("messages missing", {"messages": ...}, "messages"),
    ("a temperature beyond one", {"temperature": 1.5}, "temperature"),
    ("a class of service that is not known", {"service_tier": "fast"}, "service_tier"),
    ("a tool without a name", {"tools": [{"input_schema": {}}]}, "tools[0].name"),
    ("a tool without a schema", {"tools": [{"name": "t"}]}, "tools[0].input_schema"),
    ("a choice of another kind", TOOLS | {"tool_choice": "auto"}, "tool_choice"),
    ("a choice that is not known", TOOLS | {"tool_choice": {"type": "all"}}, "tool_choice.type"),
    ("a certain tool without a name", TOOLS | {"tool_choice": {"type": "tool"}}, "tool_choice.name"),
    ("a budget of nothing", {"thinking": {"type": "enabled", "budget_tokens": 0}}, "thinking.budget_tokens"),
    ("a system block without text", {"system": [{"type": "text"}]}, "system[0].text"),
    ("a content of another kind", {"messages": [{"role": "user", "content": 5}]}, "messages[0].content"),
    ("a turn without a content", {"messages": [{"role": "user"}]}, "messages[0].content"),
    ("a knob that is not known", {"gateway": {"speed": 1}}, "gateway.speed"),
]


@pytest.mark.parametrize(("members", "param"), [case[1:] for case in WRONG], ids=[case[0] for case in WRONG])
def test_what_is_wrong_is_named(members: dict[str, Any], param: str) -> None:
    sent = json.loads(body(**{name: None if value is ... else value for name, value in members.items()}))
    sent = {name: value for name, value in sent.items() if members.get(name) is not ...}
    with pytest.raises(RequestInvalid) as caught:
        read_message(json.dumps(sent).encode(), stream=False)
    assert caught.value.param == param


@pytest.mark.parametrize(
    "text",
    [b"", b"[]", b"{", b"\xff", b'{"model":"a","model":"b"}', b"[" * 100, b"null"],
    ids=["empty", "an array", "cut", "not UTF-8", "a member twice", "too deep", "null"],
)
def test_what_is_no_request_at_all_is_refused(text: bytes) -> None:
    with pytest.raises(RequestInvalid):
        read_message(text, stream=False)


def test_a_count_needs_no_bound_of_the_answer() -> None:
    request = read_count(json.dumps({"model": "m", "messages": HELLO, **TOOLS}).encode())
    assert request.view.tools is not None


def test_the_shape_of_a_request_is_looked_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = body(tools=[{"name": "f", "input_schema": {"type": "object"}}])
    monkeypatch.setattr("server.chat.request.check_shape", lambda _: pytest.fail("it was looked at before"))
    assert read_message(asked, stream=False).view.tools
    with pytest.raises(RequestInvalid, match="stands twice"):
        read_message(asked[:-1] + b',"model":"n"}', stream=False)

"""Conversations as Anthropic's turns: order, merging, results of tools, beginnings and ends."""

from typing import Any

import pytest

from server.errors import RequestInvalid
from server.providers.anthropic.messages import tool_id
from tests.unit.server.providers.anthropic.asked import ALWAYS, build

Messages = list[dict[str, Any]]


def said(role: str, content: object, **more: object) -> dict[str, Any]:
    return {"role": role, "content": content, **more}


def call(call_id: str, arguments: str = "{}", name: str = "f") -> dict[str, Any]:
    return {"id": call_id, "type": "function", "function": {"name": name, "arguments": arguments}}


def used(call_id: str, given: object = None) -> dict[str, Any]:
    return {"type": "tool_use", "id": call_id, "name": "f", "input": {} if given is None else given}


def text(words: str) -> dict[str, Any]:
    return {"type": "text", "text": words}


def result(call_id: str, content: object) -> dict[str, Any]:
    return {"type": "tool_result", "tool_use_id": call_id, "content": content}


CONVERSATIONS: dict[str, tuple[Messages, object, Messages]] = {
    "one word": ([said("user", "a")], None, [said("user", "a")]),
    "the system prompt goes apart": ([said("system", "s"), said("user", "a")], "s", [said("user", "a")]),
    "all system texts are kept in order, wherever they stood": (
        [said("system", "1"), said("developer", "2"), said("user", "a"), said("assistant", "b"), said("system", "3"),
         said("user", "c")],
        [text("1"), text("2"), text("3")],
        [said("user", "a"), said("assistant", "b"), said("user", "c")],
    ),
    "neighbours of one side become one turn": (
        [said("user", "a"), said("user", "b"), said("assistant", "c"), said("assistant", "d"), said("user", "e")],
        None,
        [said("user", [text("a"), text("b")]), said("assistant", [text("c"), text("d")]), said("user", "e")],
    ),
    "a text and a list of one text are the same": ([said("user", [text("a")])], None, [said("user", "a")]),
    "empty texts are left out, and so are turns of nothing else": (
        [said("user", [text("a"), text(""), text(" \n")]), said("assistant", ""), said("user", "b")],
        None,
        [said("user", [text("a"), text("b")])],
    ),
    "results of tools become one turn, and stand before what the user says": (
        [said("user", "a"), said("assistant", None, tool_calls=[call("1"), call("2")]),
         said("tool", "r1", tool_call_id="1"), said("user", "and?"), said("tool", "r2", tool_call_id="2")],
        None,
        [said("user", "a"), said("assistant", [used("1"), used("2")]),
         said("user", [result("1", "r1"), result("2", "r2"), text("and?")])],
    ),
    "absent content beside calls is legal": (
        [said("user", "a"), {"role": "assistant", "tool_calls": [call("1")]}, said("tool", "r", tool_call_id="1")],
        None,
        [said("user", "a"), said("assistant", [used("1")]), said("user", [result("1", "r")])],
    ),
    "an empty result has no content": (
        [said("user", "a"), said("assistant", "", tool_calls=[call("1")]), said("tool", "", tool_call_id="1")],
        None,
        [said("user", "a"), said("assistant", [used("1")]),
         said("user", [{"type": "tool_result", "tool_use_id": "1"}])],
    ),
    "an older call and its result": (
        [said("user", "a"), said("assistant", None, function_call={"name": "f", "arguments": ""}),
         said("function", "r", name="f")],
        None,
        [said("user", "a"), said("assistant", [used("function_1")]), said("user", [result("function_1", "r")])],
    ),
    "a refusal is what was said": (
        [said("user", "a"), said("assistant", None, refusal="No."), said("user", "b")],
        None,
        [said("user", "a"), said("assistant", "No."), said("user", "b")],
    ),
    "the assistant begins": (
        [said("assistant", "Hi"), said("user", "a")],
        None,
        [said("user", "Begin."), said("assistant", "Hi"), said("user", "a")],
    ),
    "nobody has spoken": ([said("system", "s")], "s", [said("user", "Begin.")]),
    "the end of a prefill has no space": (
        [said("user", "a"), said("assistant", "The answer is ( \n")],
        None,
        [said("user", "a"), said("assistant", "The answer is (")],
    ),
}  # fmt: skip


@pytest.mark.parametrize(("messages", "system", "turns"), CONVERSATIONS.values(), ids=CONVERSATIONS.keys())
def test_a_conversation(messages: Messages, system: object, turns: Messages) -> None:
    built = build({"messages": messages})
    assert built.body.get("system") == system
    assert built.body["messages"] == turns


NOTED: dict[str, tuple[Messages, str]] = {
    "a system message in between": (
        [said("user", "a"), said("assistant", "b"), said("system", "s"), said("user", "c")],
        "messages[2] is sent in the system prompt",
    ),
    "a beginning of ours": ([said("assistant", "Hi"), said("user", "a")], "begins with 'Begin.'"),
    "a name": ([said("user", "a", name="Ann")], "messages[0].name is not sent"),
    "a spoken answer": (
        [said("user", "a"), said("assistant", "b", audio={"id": "x"}), said("user", "c")],
        "messages[1].audio is not sent",
    ),
    "reasoning of another vendor": (
        [said("user", "a"), said("assistant", "b", reasoning_content="hm"), said("user", "c")],
        "messages[1].reasoning_content is not sent",
    ),
    "reasoning without a signature": (
        [said("user", "a"), said("assistant", "b", thinking_blocks=[{"type": "thinking", "thinking": "hm"}]),
         said("user", "c")],
        "messages[1].thinking_blocks[0] is not sent",
    ),
    "reasoning items": (
        [said("user", "a"), said("assistant", "b", reasoning_items=[{"type": "reasoning"}]), said("user", "c")],
        "messages[1].reasoning_items is not sent",
    ),
    "arguments that are no object": (
        [said("user", "a"), said("assistant", None, tool_calls=[call("1", "[1]")]),
         said("tool", "r", tool_call_id="1")],
        "messages[1].tool_calls[0] has arguments that are not a JSON object",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("messages", "note"), NOTED.values(), ids=NOTED.keys())
def test_what_is_changed_is_noted(messages: Messages, note: str) -> None:
    assert build({"messages": messages}).said(note)


def test_a_plain_conversation_is_not_noted() -> None:
    assert build({"messages": [said("system", "s"), said("user", "a")], "max_tokens": 5}).notes == []


def test_signed_reasoning_goes_back_byte_for_byte_and_first() -> None:
    blocks = [
        {"type": "thinking", "thinking": "h\u00e9 <m>", "signature": "EqQB+/=="},
        {"type": "redacted_thinking", "data": "Emw/"},
    ]
    history = [said("user", "a"), said("assistant", "b", thinking_blocks=blocks), said("user", "c")]
    built = build({"messages": history})
    assert built.body["messages"][1]["content"] == [*blocks, text("b")]
    assert b'"signature":"EqQB+/=="' in built.text


def test_arguments_go_out_as_the_model_wrote_them() -> None:
    written = '{"z": 1.0, "a": 9007199254740993, "e": 1E+2, "u": "\\u00e9"}'
    history = [said("user", "a"), said("assistant", None, tool_calls=[call("1", written)])]
    built = build({"messages": [*history, said("tool", "r", tool_call_id="1")]})
    assert f'"input":{written}'.encode() in built.text


def test_a_model_without_prefill_gets_a_word_of_the_users_and_the_caller_a_note() -> None:
    built = build({"messages": [said("user", "a"), said("assistant", "b ")]}, model=ALWAYS)
    assert built.body["messages"][-2:] == [said("assistant", "b "), said("user", "Continue.")]
    assert built.said("messages end with the assistant")


def test_the_whole_content_of_an_answer_of_anthropics_goes_back_as_it_came() -> None:
    content = [{"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {"query": "x"}},
               {"type": "text", "text": "Found."}]  # fmt: skip
    extra = {"anthropic": {"content": content}}
    built = build(
        {"messages": [said("user", "a"), said("assistant", "Found.", extra_content=extra), said("user", "b")]}
    )
    assert built.body["messages"][1]["content"] == content


def test_marks_of_the_cache_stand_where_they_stood() -> None:
    mark = {"type": "ephemeral", "ttl": "1h"}
    messages = [
        said("system", "s", cache_control=mark),
        said("user", [text("a") | {"cache_control": mark}, text("b")]),
        said("assistant", "c", cache_control=mark, tool_calls=[call("1")]),
        said("tool", "r", tool_call_id="1", cache_control=mark),
    ]
    body = build({"messages": messages}).body
    assert body["system"] == [text("s") | {"cache_control": mark}]
    assert body["messages"][0]["content"] == [text("a") | {"cache_control": mark}, text("b")]
    assert body["messages"][1]["content"] == [text("c"), used("1") | {"cache_control": mark}]
    assert body["messages"][2]["content"] == [result("1", "r") | {"cache_control": mark}]


BROKEN: dict[str, tuple[Messages, str]] = {
    "a call without a result": (
        [said("user", "a"), said("assistant", None, tool_calls=[call("1"), call("2")]),
         said("tool", "r", tool_call_id="1")],
        "messages[1].tool_calls[1].id",
    ),
    "a result without a call": ([said("user", "a"), said("tool", "r", tool_call_id="9")], "messages[1].tool_call_id"),
    "a call at the end": (
        [said("user", "a"), said("assistant", None, tool_calls=[call("1")])],
        "messages[1].tool_calls[0].id",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("messages", "param"), BROKEN.values(), ids=BROKEN.keys())
def test_a_broken_history_is_refused_here_and_the_id_is_named(messages: Messages, param: str) -> None:
    with pytest.raises(RequestInvalid) as caught:
        build({"messages": messages})
    assert caught.value.param == param


@pytest.mark.parametrize("given", ["call_1", "toolu_01A", "a-b", "x" * 64])
def test_an_id_that_fits_is_kept(given: str) -> None:
    assert tool_id(given) == given


def test_ids_that_do_not_fit_are_told_apart() -> None:
    given = ["call:1", "call.1", "", "x" * 65, "é", "\ud800"]
    made = [tool_id(call_id) for call_id in given]
    assert len(set(made)) == len(given)
    assert all(tool_id(call_id) == call_id for call_id in made)

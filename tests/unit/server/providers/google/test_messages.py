"""Conversations as Gemini's contents."""

from typing import Any

import pytest

from server.errors import RequestInvalid
from tests.unit.server.providers.google.asked import BUDGETS, LEVELS, build

Messages = list[dict[str, Any]]
PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk"


def said(role: str, content: object, **more: object) -> dict[str, Any]:
    return {"role": role, "content": content, **more}


def call(call_id: str, arguments: str = "{}", **more: object) -> dict[str, Any]:
    return {"id": call_id, "type": "function", "function": {"name": f"f{call_id}", "arguments": arguments}, **more}


def content(role: str, *parts: dict[str, Any]) -> dict[str, Any]:
    return {"role": role, "parts": list(parts)}


def text(words: str, **more: object) -> dict[str, Any]:
    return {"text": words, **more}


def called(call_id: str, **more: object) -> dict[str, Any]:
    return {"functionCall": {"id": call_id, "name": f"f{call_id}", "args": {}}, **more}


def answered(call_id: str, response: dict[str, Any]) -> dict[str, Any]:
    return {"functionResponse": {"id": call_id, "name": f"f{call_id}", "response": response}}


CONVERSATIONS: dict[str, tuple[Messages, object, Messages]] = {
    "the system instruction goes apart, all of it": (
        [said("system", "1"), said("user", "a"), said("assistant", "b"), said("developer", "2"), said("user", "c")],
        {"parts": [text("1"), text("2")]},
        [content("user", text("a")), content("model", text("b")), content("user", text("c"))],
    ),
    "neighbours are one": (
        [said("user", "a"), said("user", "b"), said("assistant", ""), said("user", "c")],
        None,
        [content("user", text("a"), text("b"), text("c"))],
    ),
    "the model begins": (
        [said("assistant", "Hi"), said("user", "a")],
        None,
        [content("user", text("Begin.")), content("model", text("Hi")), content("user", text("a"))],
    ),
    "nobody has spoken": ([said("system", "s")], {"parts": [text("s")]}, [content("user", text("Begin."))]),
    "results stand in the order of their calls, before what the user says": (
        [said("user", "a"), said("assistant", None, tool_calls=[call("1"), call("2")]), said("user", "and?"),
         said("tool", "r2", tool_call_id="2"), said("tool", '{"x": 1}', tool_call_id="1")],
        None,
        [content("user", text("a")), content("model", called("1"), called("2")),
         content("user", answered("1", {"x": 1}), answered("2", {"result": "r2"}), text("and?"))],
    ),
    "a tool that failed": (
        [said("user", "a"), said("assistant", None, tool_calls=[call("1")]),
         said("tool", "broken", tool_call_id="1", is_error=True)],
        None,
        [content("user", text("a")), content("model", called("1")),
         content("user", answered("1", {"error": "broken"}))],
    ),
    "a tool that shows a picture": (
        [said("user", "a"), said("assistant", None, tool_calls=[call("1")]),
         said("tool", [{"type": "text", "text": "see"},
                       {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}}], tool_call_id="1")],
        None,
        [content("user", text("a")), content("model", called("1")),
         content("user", answered("1", {"result": "see"}), {"inlineData": {"mimeType": "image/png", "data": PNG}})],
    ),
    "a refusal is what was said": (
        [said("user", "a"), said("assistant", None, refusal="No."), said("user", "b")],
        None,
        [content("user", text("a")), content("model", text("No.")), content("user", text("b"))],
    ),
}  # fmt: skip


@pytest.mark.parametrize(("messages", "system", "contents"), CONVERSATIONS.values(), ids=CONVERSATIONS.keys())
def test_a_conversation(messages: Messages, system: object, contents: Messages) -> None:
    built = build({"messages": messages}, model=BUDGETS)
    assert built.body.get("systemInstruction") == system
    assert built.body["contents"] == contents


SIGNED: dict[str, Any] = {"extra_content": {"google": {"thought_signature": "CiQB+/8="}}}


def test_signatures_go_back_where_they_stood() -> None:
    messages = [
        said("user", "a"),
        said("assistant", "b", tool_calls=[call("1", **SIGNED), call("2")], **SIGNED),
        said("tool", "r", tool_call_id="1"),
        said("tool", "r", tool_call_id="2"),
    ]
    model = build({"messages": messages}, model=LEVELS).body["contents"][1]
    signature = {"thoughtSignature": "CiQB+/8="}
    assert model["parts"] == [text("b", **signature), called("1", **signature), called("2")]


def test_a_signature_without_words_stands_on_an_empty_text() -> None:
    messages = [said("user", "a"), said("assistant", "", **SIGNED), said("user", "b")]
    assert build({"messages": messages}).body["contents"][1]["parts"] == [text("", thoughtSignature="CiQB+/8=")]


def test_calls_of_another_vendor_are_marked_for_models_that_demand_signatures() -> None:
    messages = [
        said("user", "a"),
        said("assistant", None, tool_calls=[call("1"), call("2")]),
        said("tool", "r", tool_call_id="1"),
        said("tool", "r", tool_call_id="2"),
    ]
    newer, older = build({"messages": messages}, model=LEVELS), build({"messages": messages}, model=BUDGETS)
    signatures = [part.get("thoughtSignature") for part in newer.body["contents"][1]["parts"]]
    assert signatures == ["skip_thought_signature_validator", None]
    assert newer.said("messages[1].tool_calls[0] is marked as made by another model")
    assert "thoughtSignature" not in str(older.body)


def test_arguments_and_results_go_out_as_they_were_written() -> None:
    written = '{"z": 1.0, "a": 9007199254740993}'
    messages = [
        said("user", "a"),
        said("assistant", None, tool_calls=[call("1", written)]),
        said("tool", written, tool_call_id="1"),
    ]
    sent = build({"messages": messages}).text
    assert f'"args":{written}'.encode() in sent
    assert f'"response":{written}'.encode() in sent


NOTED: dict[str, tuple[Messages, str]] = {
    "a system message in between": (
        [said("user", "a"), said("assistant", "b"), said("system", "s"), said("user", "c")],
        "messages[2] is sent in the system instruction",
    ),
    "a name": ([said("user", "a", name="Ann")], "messages[0].name is not sent"),
    "reasoning that another vendor signed": (
        [said("user", "a"), said("assistant", "b", thinking_blocks=[{"type": "thinking"}]), said("user", "c")],
        "messages[1].thinking_blocks is not sent",
    ),
    "reasoning of another vendor": (
        [said("user", "a"), said("assistant", "b", reasoning_content="hm"), said("user", "c")],
        "messages[1].reasoning_content is not sent",
    ),
    "reasoning items": (
        [said("user", "a"), said("assistant", "b", reasoning_items=[{"type": "reasoning"}]), said("user", "c")],
        "messages[1].reasoning_items is not sent",
    ),
    "a spoken answer": (
        [said("user", "a"), said("assistant", "b", audio={"id": "x"}), said("user", "c")],
        "messages[1].audio is not sent",
    ),
    "arguments that are no object": (
        [said("user", "a"), said("assistant", None, tool_calls=[call("1", "x")]), said("tool", "r", tool_call_id="1")],
        "messages[1].tool_calls[0] has arguments that are not a JSON object",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("messages", "note"), NOTED.values(), ids=NOTED.keys())
def test_what_is_changed_is_noted(messages: Messages, note: str) -> None:
    assert build({"messages": messages}).said(note)


def test_a_call_without_its_result_is_refused_here() -> None:
    with pytest.raises(RequestInvalid) as caught:
        build({"messages": [said("user", "a"), said("assistant", None, tool_calls=[call("1")])]})
    assert caught.value.param == "messages[1].tool_calls[0].id"

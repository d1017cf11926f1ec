"""Items as chat messages: every kind, how they gather, and what has no place."""

import json
from typing import Any

import pytest
from msgspec import Raw

from server.errors import RequestInvalid
from server.ingress.carried import Carried, pack
from server.ingress.responses.items import input_items, own_items
from tests.unit.server.ingress.responses.bodies import messages, read

CALL = {"type": "function_call", "call_id": "call_1", "name": "f", "arguments": '{"x":1.0}'}
CALLED = {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": '{"x":1.0}'}}
CUSTOM = {"type": "custom_tool_call", "call_id": "call_2", "name": "sql", "input": "SELECT 1"}
OUTPUT = {"type": "function_call_output", "call_id": "call_1", "output": "12"}
SIGNED = {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "Hm."}],
          "encrypted_content": "gAAAA"}  # fmt: skip
THOUGHT = {"type": "thinking", "thinking": "Hm.", "signature": "c2ln"}
TEXT = {"type": "text", "text": "Hi"}


def user(*parts: dict[str, Any]) -> dict[str, Any]:
    return {"type": "message", "role": "user", "content": list(parts)}


def said(text: str) -> dict[str, Any]:
    content = [{"type": "output_text", "text": text, "annotations": []}]
    return {"type": "message", "id": "msg_1", "status": "completed", "role": "assistant", "content": content}


PARTS: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("a text", {"type": "input_text", "text": "Hi"}, TEXT),
    ("an image by its address", {"type": "input_image", "image_url": "https://a.example/b.png", "detail": "high"},
     {"type": "image_url", "image_url": {"url": "https://a.example/b.png", "detail": "high"}}),
    ("an image as data", {"type": "input_image", "image_url": "data:image/png;base64,aGk=", "detail": "auto"},
     {"type": "image_url", "image_url": {"url": "data:image/png;base64,aGk="}}),
    ("an image by its id", {"type": "input_image", "file_id": "file_1", "detail": "auto"},
     {"type": "file", "file": {"file_id": "file_1"}}),
    ("a file as data", {"type": "input_file", "file_data": "data:application/pdf;base64,aGk=", "filename": "a.pdf"},
     {"type": "file", "file": {"file_data": "data:application/pdf;base64,aGk=", "filename": "a.pdf"}}),
    ("a file by its address", {"type": "input_file", "file_url": "https://a.example/b.pdf"},
     {"type": "file", "file": {"file_data": "https://a.example/b.pdf"}}),
    ("a file by its id", {"type": "input_file", "file_id": "file_1"}, {"type": "file", "file": {"file_id": "file_1"}}),
    ("sound", {"type": "input_audio", "input_audio": {"data": "aGk=", "format": "wav"}},
     {"type": "input_audio", "input_audio": {"data": "aGk=", "format": "wav"}}),
    ("a part that only its vendor knows", {"type": "input_video", "url": "x", "n": 1.0},
     {"type": "input_video", "url": "x", "n": 1.0}),
]  # fmt: skip


@pytest.mark.parametrize(("part", "expected"), [case[1:] for case in PARTS], ids=[case[0] for case in PARTS])
def test_a_part_is_a_part(part: dict[str, Any], expected: dict[str, Any]) -> None:
    assert messages(user({"type": "input_text", "text": "Look"}, part)) == [
        {"role": "user", "content": [{"type": "text", "text": "Look"}, expected]}
    ]


@pytest.mark.parametrize("role", ["user", "system", "developer", "assistant"])
def test_a_message_needs_no_type_and_may_be_a_text(role: str) -> None:
    assert messages({"role": role, "content": "Hi"}) == [{"role": role, "content": "Hi"}]


def test_a_text_is_what_the_user_says() -> None:
    assert [json.loads(bytes(item)) for item in input_items(Raw(b'"Hi"'))] == [
        {"type": "message", "role": "user", "content": "Hi"}
    ]


def test_what_one_answer_was_made_of_is_one_message_again() -> None:
    found = messages(user(), SIGNED, said("Hi"), CALL, CUSTOM, OUTPUT)
    assert found[1:] == [
        {
            "role": "assistant",
            "reasoning_content": "Hm.",
            "reasoning_items": [SIGNED],
            "content": "Hi",
            "tool_calls": [CALLED, {"id": "call_2", "type": "custom", "custom": {"name": "sql", "input": "SELECT 1"}}],
        },
        {"role": "tool", "tool_call_id": "call_1", "content": "12"},
    ]


ANSWERS: list[tuple[str, list[dict[str, Any]], list[set[str]]]] = [
    ("two texts", [said("a"), said("b")], [{"role", "content"}, {"role", "content"}]),
    ("a text after a call", [CALL, said("b")], [{"role", "tool_calls"}, {"role", "content"}]),
    ("reasoning after a text", [said("a"), SIGNED],
     [{"role", "content"}, {"role", "reasoning_content", "reasoning_items"}]),
    ("two reasonings and two calls", [SIGNED, SIGNED, CALL, CALL],
     [{"role", "reasoning_content", "reasoning_items", "tool_calls"}]),
    ("an answer, a question, an answer", [said("a"), user(), said("b")],
     [{"role", "content"}, {"role", "content"}, {"role", "content"}]),
]  # fmt: skip


@pytest.mark.parametrize(("items", "members"), [case[1:] for case in ANSWERS], ids=[case[0] for case in ANSWERS])
def test_answers_begin_where_they_must(items: list[dict[str, Any]], members: list[set[str]]) -> None:
    assert [set(message) for message in messages(*items)] == members


def test_two_reasonings_are_joined() -> None:
    [answer] = messages(SIGNED, SIGNED, CALL)
    assert answer["reasoning_content"] == "Hm.\n\nHm."
    assert len(answer["reasoning_items"]) == 2


def test_what_others_signed_comes_back_from_where_it_was_carried() -> None:
    raw = Raw(json.dumps(THOUGHT).encode())
    carrying = {**SIGNED, "encrypted_content": pack(Carried([raw], [Raw(json.dumps(SIGNED).encode())]))}
    [answer] = messages(carrying, said("Hi"))
    assert answer["thinking_blocks"] == [THOUGHT]
    assert answer["reasoning_items"] == [SIGNED]
    assert answer["reasoning_content"] == "Hm."


def test_reasoning_without_anything_signed_is_only_a_text() -> None:
    [answer] = messages({**SIGNED, "encrypted_content": None}, said("Hi"))
    assert "reasoning_items" not in answer


def test_a_vendors_extra_of_a_call_is_handed_back() -> None:
    [answer] = messages({**CALL, "extra_content": {"google": {"thought_signature": "x"}}})
    assert answer["tool_calls"][0]["extra_content"] == {"google": {"thought_signature": "x"}}


OUTPUTS: list[tuple[str, Any, Any]] = [
    ("a text", "12", "12"),
    ("parts", [{"type": "input_text", "text": "Hi"}], "Hi"),
    ("a text and a picture", [{"type": "input_text", "text": "Hi"}, {"type": "input_image", "image_url": "data:,"}],
     [TEXT, {"type": "image_url", "image_url": {"url": "data:,"}}]),
    ("an object", {"a": 1.0}, '{"a": 1.0}'),
    ("a number", 5, "5"),
]  # fmt: skip


@pytest.mark.parametrize(("output", "content"), [case[1:] for case in OUTPUTS], ids=[case[0] for case in OUTPUTS])
def test_an_output_is_what_the_tool_says(output: Any, content: Any) -> None:
    assert messages({**OUTPUT, "output": output}) == [{"role": "tool", "tool_call_id": "call_1", "content": content}]


def test_an_item_of_openais_own_tools_is_a_loss_for_others() -> None:
    native = read(input=[user({"type": "input_text", "text": "Hi"}), {"type": "web_search_call", "id": "ws_1"}]).native
    assert native is not None
    assert [member for member, _ in native.losses] == ["input[1]"]


MADE = {**SIGNED, "id": f"rs_{'0' * 26}_0", "encrypted_content": None}
OWN: list[tuple[str, dict[str, Any], list[dict[str, Any]]]] = [
    ("an item of openai's", SIGNED, [SIGNED]),
    ("reasoning of another vendor", {**SIGNED, "encrypted_content": pack(Carried([Raw(b"{}")]))}, []),
    ("reasoning that was carried", {**SIGNED, "encrypted_content": pack(Carried([], [Raw(b'{"id":"rs_9"}')]))},
     [{"id": "rs_9"}]),
    ("reasoning that another vendor showed only", MADE, []),
    ("reasoning that this vendor showed only", {**MADE, "id": "rs_0a1b"}, [{**MADE, "id": "rs_0a1b"}]),
    ("a call with another vendor's extra", {**CALL, "extra_content": {}}, [CALL]),
    ("a text that only looks so", said("perpetuo: extra_content"), [said("perpetuo: extra_content")]),
]  # fmt: skip


@pytest.mark.parametrize(("item", "own"), [case[1:] for case in OWN], ids=[case[0] for case in OWN])
def test_openai_gets_back_what_is_its_own(item: dict[str, Any], own: list[dict[str, Any]]) -> None:
    assert [json.loads(bytes(each)) for each in own_items(Raw(json.dumps(item).encode()))] == own


WRONG: list[tuple[str, Any, str]] = [
    ("an unknown role", {"role": "robot", "content": "Hi"}, "input[0].role"),
    ("no role", {"content": "Hi"}, "input[0].role"),
    ("no content", {"role": "user"}, "input[0].content"),
    ("a part without a text", user({"type": "input_text"}), "input[0].content[0].text"),
    ("a picture without an address", user({"type": "input_image"}), "input[0].content[0].image_url"),
    ("a file without anything", user({"type": "input_file", "filename": "a"}), "input[0].content[0]"),
    ("a refusal without a text", user({"type": "refusal"}), "input[0].content[0].refusal"),
    ("a call without an id", {**CALL, "call_id": None}, "input[0].call_id"),
    ("a call without a name", {**CALL, "name": None}, "input[0].name"),
    ("a call without arguments", {**CALL, "arguments": None}, "input[0].arguments"),
    ("an output without its call", {**OUTPUT, "call_id": None}, "input[0].call_id"),
    ("an output of nothing", {**OUTPUT, "output": None}, "input[0].output"),
    ("a part of an output that is not known", {**OUTPUT, "output": [{"type": "x"}]}, "input[0].output[0].type"),
    ("a reference", {"type": "item_reference", "id": "msg_1"}, "input[0]"),
    ("another kind of content", {"role": "user", "content": 5}, "input[0].content"),
    ("an item that is none", 5, "input[0]"),
]


@pytest.mark.parametrize(("item", "param"), [case[1:] for case in WRONG], ids=[case[0] for case in WRONG])
def test_what_is_wrong_is_named(item: Any, param: str) -> None:
    with pytest.raises(RequestInvalid) as caught:
        read(input=[item])
    assert caught.value.param == param

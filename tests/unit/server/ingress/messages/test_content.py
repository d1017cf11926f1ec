"""Blocks as chat messages: every kind, their order, and what is told of those that have no place."""

import json
from typing import Any

import pytest
from msgspec import Raw

from server.errors import RequestInvalid
from server.ingress.carried import Carried, pack
from tests.unit.server.ingress.messages.bodies import messages, read

MARK = {"type": "ephemeral", "ttl": "1h"}
TEXT = {"type": "text", "text": "Look"}
PNG = {"type": "base64", "media_type": "image/png", "data": "aGk="}
PDF = {"type": "base64", "media_type": "application/pdf", "data": "aGk="}
THOUGHT = {"type": "thinking", "thinking": "Hm.", "signature": "c2ln"}
HIDDEN = {"type": "redacted_thinking", "data": "ZGF0YQ=="}
USE = {"type": "tool_use", "id": "toolu_1", "name": "get_weather", "input": {"city": "Bonn", "days": 1.0}}


def user(*blocks: dict[str, Any]) -> dict[str, Any]:
    return {"role": "user", "content": list(blocks)}


def assistant(*blocks: dict[str, Any]) -> dict[str, Any]:
    return {"role": "assistant", "content": list(blocks)}


PARTS = [
    ("a text with a mark", {**TEXT, "cache_control": MARK}, {**TEXT, "cache_control": MARK}),
    (
        "an image as data",
        {"type": "image", "source": PNG},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,aGk="}},
    ),
    (
        "an image by its address",
        {"type": "image", "source": {"type": "url", "url": "https://a.example/b.png"}, "cache_control": MARK},
        {"type": "image_url", "image_url": {"url": "https://a.example/b.png"}, "cache_control": MARK},
    ),
    (
        "an image by its id",
        {"type": "image", "source": {"type": "file", "file_id": "file_1"}},
        {"type": "file", "file": {"file_id": "file_1"}},
    ),
    (
        "a document as data",
        {"type": "document", "source": PDF, "title": "Plan.pdf"},
        {"type": "file", "file": {"file_data": "data:application/pdf;base64,aGk=", "filename": "Plan.pdf"}},
    ),
    (
        "a document of text",
        {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "Body"}, "title": "Plan"},
        {"type": "text", "text": "Plan\n\nBody"},
    ),
    (
        "a document that may be cited stays as it came",
        {"type": "document", "source": PDF, "citations": {"enabled": True}, "title": "Plan"},
        {"type": "document", "source": PDF, "citations": {"enabled": True}, "title": "Plan"},
    ),
    (
        "a search result",
        {"type": "search_result", "title": "T", "source": "https://a.example", "content": [TEXT, TEXT]},
        {"type": "text", "text": "T\nhttps://a.example\n\nLook\n\nLook"},
    ),
]


@pytest.mark.parametrize(("block", "part"), [case[1:] for case in PARTS], ids=[case[0] for case in PARTS])
def test_a_block_is_a_part(block: dict[str, Any], part: dict[str, Any]) -> None:
    assert messages(user(TEXT, block)) == [{"role": "user", "content": [TEXT, part]}]


def test_one_plain_text_is_a_string() -> None:
    assert messages(user(TEXT)) == messages({"role": "user", "content": "Look"})


def test_a_turn_without_blocks_says_nothing() -> None:
    assert messages(user()) == [{"role": "user", "content": ""}]


def test_a_system_turn_keeps_its_place() -> None:
    turns = [user(TEXT), {"role": "system", "content": "Be brief."}, user(TEXT)]
    assert [message["role"] for message in messages(*turns, system="First.")] == ["system", "user", "system", "user"]


def test_results_stand_before_what_else_their_turn_says() -> None:
    one = {"type": "tool_result", "tool_use_id": "a", "content": "12 degrees"}
    two = {
        "type": "tool_result",
        "tool_use_id": "b",
        "is_error": True,
        "content": [TEXT, {"type": "image", "source": PNG}],
    }
    none = {"type": "tool_result", "tool_use_id": "c", "cache_control": MARK}
    assert messages(user(one, TEXT, two, none)) == [
        {"role": "tool", "tool_call_id": "a", "content": "12 degrees"},
        {
            "role": "tool",
            "tool_call_id": "b",
            "content": [TEXT, {"type": "image_url", "image_url": {"url": "data:image/png;base64,aGk="}}],
            "is_error": True,
        },
        {"role": "tool", "tool_call_id": "c", "content": "", "cache_control": MARK},
        {"role": "user", "content": "Look"},
    ]


def test_an_assistant_turn_is_one_message() -> None:
    two = {"type": "thinking", "thinking": "Oh.", "signature": "c2ln"}
    empty = {"type": "tool_use", "id": "toolu_2", "name": "now", "input": {}, "cache_control": MARK}
    assert messages(user(TEXT), assistant(THOUGHT, HIDDEN, two, TEXT, USE, empty))[1] == {
        "role": "assistant",
        "cache_control": MARK,
        "reasoning_content": "Hm.\n\nOh.",
        "content": "Look",
        "thinking_blocks": [THOUGHT, HIDDEN, two],
        "tool_calls": [
            {
                "id": "toolu_1",
                "type": "function",
                "function": {"name": "get_weather", "arguments": '{"city": "Bonn", "days": 1.0}'},
            },
            {"id": "toolu_2", "type": "function", "function": {"name": "now", "arguments": "{}"}},
        ],
    }


def test_thinking_without_a_signature_is_only_a_text() -> None:
    found = messages(user(TEXT), assistant({"type": "thinking", "thinking": "Hm.", "signature": ""}))[1]
    assert found == {"role": "assistant", "reasoning_content": "Hm.", "content": ""}


def test_another_vendors_reasoning_comes_back_from_a_redacted_block() -> None:
    items = [{"type": "reasoning", "id": "rs_1", "encrypted_content": "x"}]
    raw = [Raw(json.dumps(item).encode()) for item in items]
    carried = {"type": "redacted_thinking", "data": pack(Carried([Raw(json.dumps(THOUGHT).encode())], raw))}
    found = messages(user(TEXT), assistant(carried, TEXT))[1]
    assert found == {
        "role": "assistant",
        "reasoning_items": items,
        "content": "Look",
        "thinking_blocks": [THOUGHT],
    }


def test_a_vendors_extra_of_a_call_is_handed_back() -> None:
    extra = {"google": {"thought_signature": "x"}}
    found = messages(user(TEXT), assistant({**USE, "extra_content": extra}))[1]
    assert found["tool_calls"][0]["extra_content"] == extra


OWN: list[tuple[str, dict[str, Any]]] = [
    ("an upload", {"type": "container_upload", "file_id": "f"}),
    ("a call of the provider's own tool", {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {}}),
    ("a kind that nobody knows", {"type": "x", "y": [1, {"z": 1.0}]}),
    ("a document by its address", {"type": "document", "source": {"type": "url", "url": "https://a.example/b.pdf"}}),
]


@pytest.mark.parametrize("block", [case[1] for case in OWN], ids=[case[0] for case in OWN])
def test_a_block_that_only_its_vendor_knows_stays_as_it_came(block: dict[str, Any]) -> None:
    assert messages(user(TEXT, block)) == [{"role": "user", "content": [TEXT, block]}]
    assert messages(assistant(TEXT, block)) == [{"role": "assistant", "content": [TEXT, block]}]
    result = {"type": "tool_result", "tool_use_id": "a", "content": [TEXT, block]}
    assert messages(user(result))[0]["content"] == [TEXT, block]
    assert messages(user(TEXT), system=[TEXT, block])[0]["content"] == [TEXT, block]


def test_what_a_text_cites_is_kept() -> None:
    citing = {**TEXT, "citations": [{"type": "char_location", "cited_text": "x"}]}
    assert messages(assistant(citing)) == [{"role": "assistant", "content": [citing]}]


MIXED = [
    ("reasoning without a signature", assistant({"type": "thinking", "thinking": "Hm.", "signature": ""})),
    ("reasoning that is carried", assistant({"type": "redacted_thinking", "data": pack(Carried())})),
    ("a vendor's extra of a call", assistant({**USE, "extra_content": {}})),
    ("citations in another form", assistant({**TEXT, "annotations": []})),
    ("an id that Anthropic refuses", assistant({**USE, "id": "functions.get:0"})),
    ("an empty id", assistant({**USE, "id": ""})),
    ("an id that is too long", user({"type": "tool_result", "tool_use_id": "x" * 65})),
]


@pytest.mark.parametrize("turn", [case[1] for case in MIXED], ids=[case[0] for case in MIXED])
def test_a_conversation_with_a_part_of_another_vendor_is_not_sent_as_it_came(turn: dict[str, Any]) -> None:
    native = read(messages=[turn]).native
    assert native is not None
    assert native.face == ""


def test_a_conversation_of_anthropics_alone_is_sent_as_it_came() -> None:
    native = read(messages=[user(TEXT), assistant(THOUGHT, HIDDEN, TEXT, USE)]).native
    assert native is not None
    assert native.face == "messages"


WRONG = [
    ("an unknown role", {"role": "robot", "content": "Hi"}, "messages[0].role"),
    ("a text block without text", user({"type": "text"}), "messages[0].content[0].text"),
    ("an image without a source", user({"type": "image"}), "messages[0].content[0].source"),
    ("an image without data", user({"type": "image", "source": {"type": "base64", "media_type": "image/png"}}),
     "messages[0].content[0].source.data"),
    ("an image without a media type", user({"type": "image", "source": {"type": "base64", "data": ""}}),
     "messages[0].content[0].source.media_type"),
    ("an image without an address", user({"type": "image", "source": {"type": "url"}}),
     "messages[0].content[0].source.url"),
    ("an unknown source", user({"type": "image", "source": {"type": "ftp"}}), "messages[0].content[0].source.type"),
    ("a source of another kind", user({"type": "image", "source": "x"}), "messages[0].content[0].source"),
    ("a result without its call", user({"type": "tool_result"}), "messages[0].content[0].tool_use_id"),
    ("a result of another kind", user({"type": "tool_result", "tool_use_id": "a", "content": 1}),
     "messages[0].content[0].content"),
    ("a block of a result without text",
     user({"type": "tool_result", "tool_use_id": "a", "content": [{"type": "text"}]}),
     "messages[0].content[0].content[0].text"),
    ("a call without an id", assistant({"type": "tool_use", "name": "n"}), "messages[0].content[0].id"),
    ("a call without a name", assistant({"type": "tool_use", "id": "a"}), "messages[0].content[0].name"),
    ("thinking without a text", assistant({"type": "thinking"}), "messages[0].content[0].thinking"),
    ("redacted thinking without data", assistant({"type": "redacted_thinking"}), "messages[0].content[0].data"),
]  # fmt: skip


@pytest.mark.parametrize(("turn", "param"), [case[1:] for case in WRONG], ids=[case[0] for case in WRONG])
def test_what_is_wrong_is_named_in_the_callers_own_terms(turn: dict[str, Any], param: str) -> None:
    with pytest.raises(RequestInvalid) as caught:
        read(messages=[turn])
    assert caught.value.param == param
    assert f"'{param}'" in caught.value.message

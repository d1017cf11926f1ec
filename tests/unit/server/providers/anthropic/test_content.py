"""Content parts as Anthropic's blocks."""

import base64
from typing import Any

import pytest

from server.errors import ParamUnsupported
from tests.unit.server.providers.anthropic.asked import build

PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk"
PDF = base64.b64encode(b"%PDF-1.7 x").decode()
TEXT = base64.b64encode("Grüezi".encode()).decode()


def image(url: str, **more: object) -> dict[str, Any]:
    return {"type": "image_url", "image_url": {"url": url, **more}}


def file(**members: object) -> dict[str, Any]:
    return {"type": "file", "file": members}


def source(media_type: str, data: str, kind: str = "base64") -> dict[str, Any]:
    return {"type": kind, "media_type": media_type, "data": data}


BLOCKS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "a picture by its address": (
        image("https://example.com/a.png"),
        {"type": "image", "source": {"type": "url", "url": "https://example.com/a.png"}},
    ),
    "a picture as data": (
        image(f"data:image/png;base64,{PNG}"),
        {"type": "image", "source": source("image/png", PNG)},
    ),
    "a picture whose type is not what it says": (
        image(f"data:image/jpeg;base64,{PNG}", detail="auto"),
        {"type": "image", "source": source("image/png", PNG)},
    ),
    "a PDF": (
        file(file_data=f"data:application/pdf;base64,{PDF}", filename="a.pdf"),
        {"type": "document", "source": source("application/pdf", PDF), "title": "a.pdf"},
    ),
    "a PDF as bare base64": (
        file(file_data=PDF),
        {"type": "document", "source": source("application/pdf", PDF)},
    ),
    "a text": (
        file(file_data=f"data:text/plain;base64,{TEXT}"),
        {"type": "document", "source": source("text/plain", "Grüezi", "text")},
    ),
    "a picture as a file": (
        file(file_data=f"data:image/png;base64,{PNG}", filename="a.png"),
        {"type": "image", "source": source("image/png", PNG)},
    ),
    "a file of the provider's own": (
        file(file_id="file_011C"),
        {"type": "document", "source": {"type": "file", "file_id": "file_011C"}},
    ),
    "a document as it came": (
        {"type": "document", "source": source("text/plain", "x", "text"), "title": "t", "citations": {"enabled": True}},
        {"type": "document", "source": source("text/plain", "x", "text"), "title": "t", "citations": {"enabled": True}},
    ),
    "a result of a search as it came": (
        {"type": "search_result", "source": "s", "title": "t", "content": [{"type": "text", "text": "x"}]},
        {"type": "search_result", "source": "s", "title": "t", "content": [{"type": "text", "text": "x"}]},
    ),
}


@pytest.mark.parametrize(("part", "block"), BLOCKS.values(), ids=BLOCKS.keys())
def test_a_part_becomes_a_block_and_the_order_is_kept(part: dict[str, Any], block: dict[str, Any]) -> None:
    content = [{"type": "text", "text": "before"}, part, {"type": "text", "text": "after"}]
    built = build({"messages": [{"role": "user", "content": content}], "max_tokens": 9})
    assert built.body["messages"][0]["content"] == [content[0], block, content[2]]
    assert built.notes == []


@pytest.mark.parametrize(("part", "block"), list(BLOCKS.values())[:3], ids=list(BLOCKS)[:3])
def test_tools_may_answer_with_pictures(part: dict[str, Any], block: dict[str, Any]) -> None:
    calls = [{"id": "1", "type": "function", "function": {"name": "f", "arguments": "{}"}}]
    messages = [
        {"role": "user", "content": "a"},
        {"role": "assistant", "content": None, "tool_calls": calls},
        {"role": "tool", "tool_call_id": "1", "content": [{"type": "text", "text": "x"}, part]},
    ]
    result = build({"messages": messages}).body["messages"][2]["content"][0]
    assert result == {"type": "tool_result", "tool_use_id": "1", "content": [{"type": "text", "text": "x"}, block]}


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "sound": ({"type": "input_audio", "input_audio": {"data": "AA", "format": "wav"}}, "type"),
    "a kind that nobody knows": ({"type": "video_url", "video_url": {"url": "https://x/v"}}, "type"),
    "a picture of a kind that it does not take": (image("data:image/bmp;base64,Qk0AAAAA"), "image_url.url"),
    "an address that is not https": (image("http://example.com/a.png"), "image_url.url"),
    "a file of another vendor": (file(file_id="file-abc"), "file"),
    "bytes that are no text": (file(file_data="data:application/zip;base64,UEsDBAAA"), "file.file_data"),
}


@pytest.mark.parametrize(("part", "place"), REFUSED.values(), ids=REFUSED.keys())
def test_content_that_cannot_be_carried_is_refused_and_never_left_out(part: dict[str, Any], place: str) -> None:
    with pytest.raises(ParamUnsupported) as caught:
        build({"messages": [{"role": "user", "content": [part]}]})
    assert caught.value.param == f"messages[0].content[0].{place}"


def test_the_detail_of_a_picture_is_reported() -> None:
    built = build({"messages": [{"role": "user", "content": [image("https://example.com/a.png", detail="high")]}]})
    assert built.said("messages[0].content[0].image_url.detail is not sent")
    with pytest.raises(ParamUnsupported):
        build({"messages": [{"role": "user", "content": [image("https://e.com/a", detail="low")]}]}, strict=True)


def test_citations_stay_with_what_the_assistant_said() -> None:
    cited = [{"type": "char_location", "cited_text": "x", "document_index": 0, "document_title": None,
              "start_char_index": 0, "end_char_index": 1}]  # fmt: skip
    part = {"type": "text", "text": "x", "citations": cited}
    messages = [{"role": "user", "content": "a"}, {"role": "assistant", "content": [part]}]
    assert build({"messages": [*messages, {"role": "user", "content": "b"}]}).body["messages"][1]["content"] == [part]


@pytest.mark.parametrize("extra", ["null", "7", '{"google":{"thought_signature":"x"}}', '{"anthropic":{"content":[]}}'])
def test_extras_that_hold_nothing_of_anthropics_are_left_alone(extra: str) -> None:
    import json

    message = {"role": "assistant", "content": "b", "extra_content": json.loads(extra)}
    messages = [{"role": "user", "content": "a"}, message, {"role": "user", "content": "c"}]
    assert build({"messages": messages}).body["messages"][1]["content"] == "b"

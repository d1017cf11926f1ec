"""Content parts as Gemini's."""

import base64
from typing import Any

import pytest

from server.errors import ParamUnsupported
from tests.unit.server.providers.google.asked import build

PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk"
PDF = base64.b64encode(b"%PDF-1.7 x").decode()
WAV = base64.b64encode(b"RIFF\x00\x00\x00\x00WAVEfmt ").decode()


def image(url: str, **more: object) -> dict[str, Any]:
    return {"type": "image_url", "image_url": {"url": url, **more}}


def inline(media_type: str, data: str) -> dict[str, Any]:
    return {"inlineData": {"mimeType": media_type, "data": data}}


PARTS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "a picture as data, whatever it says of itself": (image(f"data:image/gif;base64,{PNG}"), inline("image/png", PNG)),
    "a picture by its address": (
        image("https://e.com/a.jpeg?x=1.b"),
        {"fileData": {"fileUri": "https://e.com/a.jpeg?x=1.b", "mimeType": "image/jpeg"}},
    ),
    "an address that does not tell": (image("https://e.com/a"), {"fileData": {"fileUri": "https://e.com/a"}}),
    "sound": ({"type": "input_audio", "input_audio": {"data": WAV, "format": "wav"}}, inline("audio/wav", WAV)),
    "a PDF": ({"type": "file", "file": {"file_data": PDF}}, inline("application/pdf", PDF)),
    "a text": (
        {"type": "file", "file": {"file_data": "data:text/csv;base64,YSxi"}},
        inline("text/csv", "YSxi"),
    ),
    "a file of its own": (
        {"type": "file", "file": {"file_id": "https://g.com/v1beta/files/x"}},
        {"fileData": {"fileUri": "https://g.com/v1beta/files/x"}},
    ),
    "a document": (
        {"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": PDF}},
        inline("application/pdf", PDF),
    ),
    "a document of text": (
        {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "x"}},
        {"text": "x"},
    ),
    "a document by its address": (
        {"type": "document", "source": {"type": "url", "url": "https://e.com/a.pdf"}},
        {"fileData": {"fileUri": "https://e.com/a.pdf", "mimeType": "application/pdf"}},
    ),
    "a signed text": (
        {"type": "text", "text": "x", "extra_content": {"google": {"thought_signature": "Eg=="}}},
        {"text": "x", "thoughtSignature": "Eg=="},
    ),
}


@pytest.mark.parametrize(("part", "made"), PARTS.values(), ids=PARTS.keys())
def test_a_part(part: dict[str, Any], made: dict[str, Any]) -> None:
    content = [{"type": "text", "text": "before"}, part, {"type": "text", "text": "after"}]
    built = build({"messages": [{"role": "user", "content": content}]})
    assert built.body["contents"][0]["parts"] == [{"text": "before"}, made, {"text": "after"}]
    assert built.notes == []


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "a kind that nobody knows": ({"type": "video_url", "video_url": {"url": "https://x/v"}}, "type"),
    "a picture of a kind that it does not take": (image("data:image/bmp;base64,Qk0AAAAA"), "image_url.url"),
    "an address that is not https": (image("http://e.com/a.png"), "image_url.url"),
    "a file of another vendor": ({"type": "file", "file": {"file_id": "file-abc"}}, "file"),
    "sound of an odd form": ({"type": "input_audio", "input_audio": {"data": "AA", "format": "pcm"}},
                             "input_audio.format"),
    "a document of another vendor's file": (
        {"type": "document", "source": {"type": "file", "file_id": "file_1"}}, "source"
    ),
}  # fmt: skip


@pytest.mark.parametrize(("part", "place"), REFUSED.values(), ids=REFUSED.keys())
def test_content_that_cannot_be_carried_is_refused(part: dict[str, Any], place: str) -> None:
    with pytest.raises(ParamUnsupported) as caught:
        build({"messages": [{"role": "user", "content": [part]}]})
    assert caught.value.param == f"messages[0].content[0].{place}"


def test_what_a_part_cannot_take_along_is_noted() -> None:
    document = {"type": "document", "source": {"type": "text", "data": "x"}, "title": "t"}
    mark = {"cache_control": {"type": "ephemeral"}}
    parts = [image("https://e.com/a", detail="low"), document, {"type": "text", "text": "x", **mark}]
    built = build({"messages": [{"role": "user", "content": parts}]})
    assert built.said("messages[0].content[0].image_url.detail is not sent")
    assert built.said("messages[0].content[1].title is not sent")
    assert built.said("messages[0].content[2].cache_control is not sent")

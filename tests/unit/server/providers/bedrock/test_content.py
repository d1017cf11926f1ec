"""Content parts as blocks."""

import base64
from typing import Any

import pytest

from server.errors import ParamUnsupported
from server.providers.bedrock.content import document_name
from tests.unit.server.providers.bedrock.asked import built

Json = dict[str, Any]
MARK = {"type": "ephemeral"}
PNG = "iVBORw0KGgoAAAANSUhEUg=="
PDF = "JVBERi0="
TEXT = base64.b64encode(b"plain").decode()
MP4 = base64.b64encode(b"\0\0\0\x18ftypisom").decode()


def url(data: str, kind: str = "application/octet-stream") -> str:
    return f"data:{kind};base64,{data}"


def file(name: str | None, data: str) -> Json:
    return {"type": "file", "file": {"file_data": data} | ({"filename": name} if name else {})}


def document(kind: str, name: str, **source: Any) -> Json:
    return {"document": {"format": kind, "name": name, "source": source}}


CASES: list[tuple[str, list[Json], list[Json]]] = [
    ("texts without blanks", [{"type": "text", "text": " "}, {"type": "text", "text": "a"}], [{"text": "a"}]),
    ("a picture is what its bytes are", [{"type": "image_url", "image_url": {"url": url(PNG, "image/jpeg")}}],
     [{"image": {"format": "png", "source": {"bytes": PNG}}}]),
    ("a picture in S3", [{"type": "image_url", "image_url": {"url": "s3://bucket/a.jpg"}}],
     [{"image": {"format": "jpeg", "source": {"s3Location": {"uri": "s3://bucket/a.jpg"}}}}]),
    ("a PDF", [{"type": "text", "text": "a"}, file("Q3_report.pdf", url(PDF))],
     [{"text": "a"}, document("pdf", "Q3 report", bytes=PDF)]),
    ("a table by its ending", [{"type": "text", "text": "a"}, file("a.csv", url(TEXT))],
     [{"text": "a"}, document("csv", "a", bytes=TEXT)]),
    ("text without a name", [{"type": "text", "text": "a"}, file(None, url(TEXT))],
     [{"text": "a"}, document("txt", "document", bytes=TEXT)]),
    ("a document in S3", [{"type": "text", "text": "a"}, file(None, "s3://bucket/b.docx")],
     [{"text": "a"}, document("docx", "docx", s3Location={"uri": "s3://bucket/b.docx"})]),
    ("a picture as a file", [file("a.png", url(PNG))], [{"image": {"format": "png", "source": {"bytes": PNG}}}]),
    ("a film", [file("a.mp4", url(MP4))], [{"video": {"format": "mp4", "source": {"bytes": MP4}}}]),
    ("sound", [{"type": "input_audio", "input_audio": {"data": "UklGRg==", "format": "wav"}}],
     [{"audio": {"format": "wav", "source": {"bytes": "UklGRg=="}}}]),
    ("marks of the cache stand after their parts",
     [{"type": "text", "text": "a", "cache_control": {**MARK, "ttl": "1h"}}, {"type": "text", "text": "b"}],
     [{"text": "a"}, {"cachePoint": {"type": "default", "ttl": "1h"}}, {"text": "b"}]),
    ("a document as Anthropic writes it",
     [{"type": "text", "text": "a"},
      {"type": "document", "title": "T!", "context": "c", "citations": {"enabled": True},
       "source": {"type": "base64", "media_type": "application/pdf", "data": PDF}}],
     [{"text": "a"}, {"document": {"format": "pdf", "name": "T", "source": {"bytes": PDF}, "context": "c",
                                   "citations": {"enabled": True}}}]),
    ("a document of text", [{"type": "text", "text": "a"},
                            {"type": "document", "source": {"type": "text", "data": "abc"}}],
     [{"text": "a"}, document("txt", "document", text="abc")]),
    ("a document of texts", [{"type": "text", "text": "a"}, {"type": "document", "source": {
        "type": "content", "content": [{"type": "text", "text": "x"}, {"type": "text", "text": "y"}]}}],
     [{"text": "a"}, {"document": {"name": "document", "source": {"content": [{"text": "x"}, {"text": "y"}]}}}]),
    ("a document alone gets a text", [file("a.pdf", url(PDF))],
     [document("pdf", "a", bytes=PDF), {"text": "Here is a document."}]),
]  # fmt: skip


@pytest.mark.parametrize(("parts", "blocks"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_parts_as_blocks(parts: list[Json], blocks: list[Json]) -> None:
    body, _ = built(messages=[{"role": "user", "content": parts}])
    assert body["messages"][0]["content"] == blocks


REFUSED: list[tuple[str, Json, str]] = [
    ("a picture by its address", {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}},
     "fetches nothing"),
    ("a picture that is none", {"type": "image_url", "image_url": {"url": url(PDF)}}, "application/pdf"),
    ("a picture in S3 without a kind", {"type": "image_url", "image_url": {"url": "s3://bucket/a"}}, "must end with"),
    ("an upload", {"type": "file", "file": {"file_id": "file-1"}}, "keeps no uploads"),
    ("a file of an unknown kind", file("a.bin", url("AAEC/w==")), "takes files as csv"),
    ("sound of an unknown kind", {"type": "input_audio", "input_audio": {"data": "", "format": "midi"}}, "no sound"),
    ("a document by its address", {"type": "document", "source": {"type": "url", "url": "https://example.com"}},
     "no documents"),
    ("a document with pictures", {"type": "document", "source": {"type": "content", "content": [{"type": "image"}]}},
     "no documents"),
    ("another vendor's part", {"type": "search_result"}, "search_result"),
]  # fmt: skip


@pytest.mark.parametrize(("part", "says"), [case[1:] for case in REFUSED], ids=[case[0] for case in REFUSED])
def test_what_cannot_be_carried_is_refused(part: Json, says: str) -> None:
    with pytest.raises(ParamUnsupported, match=says) as caught:
        built(messages=[{"role": "user", "content": [{"type": "text", "text": "a"}, part]}])
    assert (caught.value.param or "").startswith("messages[0].content[1]")


def test_a_detail_is_lost() -> None:
    _, notes = built(messages=[{"role": "user", "content": [
        {"type": "image_url", "image_url": {"url": url(PNG), "detail": "low"}}]}])  # fmt: skip
    assert notes == ["messages[0].content[0].image_url.detail is not sent: the provider has no such parameter."]


@pytest.mark.parametrize(
    ("given", "name"), [("a/b\\c", "a b c"), ("  ", "document"), ("ä", "document"), ("x" * 300, "x" * 200)]
)
def test_names_of_documents_are_plain(given: str, name: str) -> None:
    assert document_name(given) == name

"""Anthropic's documents as OpenAI's parts."""

from typing import Any

import msgspec
import pytest
from msgspec import Raw

from server.providers.openai.documents import file_of
from server.providers.openai.vendor import PARTS

PDF = {"type": "base64", "media_type": "application/pdf", "data": "JVBERi0="}
CASES: list[tuple[str, dict[str, Any], tuple[str, Any] | None]] = [
    ("a PDF is a file", {"source": PDF, "title": "a.pdf"},
     ("file", {"filename": "a.pdf", "file_data": "data:application/pdf;base64,JVBERi0="})),
    ("a PDF without a title has a name", {"source": PDF},
     ("file", {"filename": "document.pdf", "file_data": "data:application/pdf;base64,JVBERi0="})),
    ("a text is text", {"source": {"type": "text", "media_type": "text/plain", "data": "abc"}}, ("text", "abc")),
    ("a title goes before the text", {"source": {"type": "text", "data": "abc"}, "title": "T"}, ("text", "T\n\nabc")),
    ("content is its texts", {"source": {"type": "content", "content": [{"type": "text", "text": "a"},
                                                                      {"type": "text", "text": "b"}]}},
     ("text", "a\n\nb")),
    ("content may be one text", {"source": {"type": "content", "content": "a"}}, ("text", "a")),
    ("content with a picture has no such part",
     {"source": {"type": "content", "content": [{"type": "text", "text": "a"}, {"type": "image"}]}}, None),
    ("an address has no such part", {"source": {"type": "url", "url": "https://example.com/a.pdf"}}, None),
    ("an upload has no such part", {"source": {"type": "file", "file_id": "file_1"}}, None),
    ("nothing is nothing", {}, None),
    ("what is malformed is nothing", {"source": {"type": 7}}, None),
]  # fmt: skip


@pytest.mark.parametrize(("document", "expected"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_what_a_document_becomes(document: dict[str, Any], expected: tuple[str, Any] | None) -> None:
    made = file_of(Raw(msgspec.json.encode({"type": "document", **document})), PARTS)
    if expected is None:
        assert made is None
        return
    assert made is not None
    assert made[0] == expected[0]
    assert msgspec.json.decode(made[1]) == {"type": expected[0], expected[0]: expected[1]}


def test_where_files_are_not_taken_a_pdf_is_nothing() -> None:
    assert file_of(Raw(msgspec.json.encode({"type": "document", "source": PDF})), frozenset({"text"})) is None

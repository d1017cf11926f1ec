"""Anthropic's document blocks as OpenAI's content parts: a PDF becomes a file, text becomes text."""

from typing import Final

import msgspec
from msgspec import Raw

_ENCODER: Final = msgspec.json.Encoder()


class _Source(msgspec.Struct):
    type: str = ""
    media_type: str = ""
    data: str = ""
    content: str | list[dict[str, object]] = ""


class _Document(msgspec.Struct):
    source: _Source | None = None
    title: str | None = None


_DOCUMENT: Final = msgspec.json.Decoder(_Document)


def file_of(raw: Raw, taken: frozenset[str]) -> tuple[str, Raw] | None:
    """Type and JSON of the part that says the same, of the types in `taken`; None when there is none.

    A document by its address or by the id of an upload at another vendor has no such part.
    """
    try:
        document = _DOCUMENT.decode(raw)
    except msgspec.ValidationError:
        return None
    source = document.source
    if source is None:
        return None
    if source.type == "base64" and "file" in taken:
        name = document.title or "document.pdf"
        data = f"data:{source.media_type or 'application/pdf'};base64,{source.data}"
        return "file", Raw(_ENCODER.encode({"type": "file", "file": {"filename": name, "file_data": data}}))
    text = _text_of(source)
    if not text:
        return None
    titled = f"{document.title}\n\n{text}" if document.title else text
    return "text", Raw(_ENCODER.encode({"type": "text", "text": titled}))


def _text_of(source: _Source) -> str:
    if source.type == "text":
        return source.data
    if source.type != "content":
        return ""
    if isinstance(source.content, str):
        return source.content
    texts = [block.get("text") for block in source.content if block.get("type") == "text"]
    # What holds pictures beside text is more than its text.
    if len(texts) != len(source.content):
        return ""
    return "\n\n".join(text for text in texts if isinstance(text, str))

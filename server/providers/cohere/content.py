"""Contents of messages as Cohere takes them: texts and pictures. What it does not take is refused, never left out."""

from collections.abc import Iterator
from typing import Final

import msgspec
from msgspec import Raw, Struct

from server.chat.request import ChatRequest
from server.chat.turns import Said
from server.chat.view import Part
from server.errors import ParamUnsupported
from server.providers.written import Made

_DOCUMENT_NOTE: Final = "document is sent as text: the provider takes no documents between messages."


class _Source(Struct):
    type: str = ""
    data: str = ""


def parts_of(request: ChatRequest, said: Said) -> list[Made]:
    """The parts of a message's content; texts without a character are left out. Raises ParamUnsupported."""
    content = said.message.content
    if isinstance(content, str):
        return [text_part(content)] if content else []
    made: list[Made] = []
    for place, part in enumerate(content or ()):
        path = f"{said.path}.content[{place}]"
        if part.cache_control:
            request.tell("cache_control is not sent: the provider keeps prompts by itself.")
        made += _of_part(request, part, path)
    return made


def text_part(text: str) -> Made:
    """A text."""
    return {"type": "text", "text": text}


def content_of(parts: list[Made]) -> object:
    """The member `content`: a text alone is just that."""
    if len(parts) == 1 and "text" in parts[0]:
        return parts[0]["text"]
    return parts


def _of_part(request: ChatRequest, part: Part, path: str) -> Iterator[Made]:
    if part.type in ("text", "refusal"):
        text = part.text if part.type == "text" else part.refusal
        if isinstance(text, str) and text:
            yield text_part(text)
    elif part.type == "image_url" and part.image_url:
        image: Made = {"url": part.image_url.url}
        if isinstance(part.image_url.detail, str):
            image["detail"] = part.image_url.detail
        yield {"type": "image_url", "image_url": image}
    elif part.type == "document" and isinstance(part.source, Raw):
        yield _document(request, part, path)
    else:
        raise ParamUnsupported(
            f"The provider takes no content of the type {part.type[:40]!r} ('{path}').", param=f"{path}.type"
        )


def _document(request: ChatRequest, part: Part, path: str) -> Made:
    """A document of text, with its title before it."""
    assert isinstance(part.source, Raw)
    source = msgspec.json.decode(part.source, type=_Source)
    if source.type != "text":
        raise ParamUnsupported(f"The provider takes documents as text only ('{path}.source').", param=f"{path}.source")
    title = msgspec.json.decode(part.title) if isinstance(part.title, Raw) else None
    request.tell(_DOCUMENT_NOTE)
    return text_part(f"{title}\n\n{source.data}" if isinstance(title, str) and title else source.data)

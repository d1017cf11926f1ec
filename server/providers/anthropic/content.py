"""Content parts as Anthropic's blocks: text, pictures, documents, results of tools, signed reasoning.

Content that cannot be carried is refused and never left out: an answer to half a question is worse than none. Blocks of
Anthropic's own kinds pass as they came.
"""

from collections.abc import Iterator
from typing import Final

import msgspec
from msgspec import Raw

from server.chat.media import decode_text, read_media
from server.chat.request import ChatRequest
from server.chat.turns import Said
from server.chat.view import Block, CacheControl, FilePart, ImageUrl, Mark, Part
from server.errors import ParamUnsupported

Made = dict[str, object]

IMAGE_TYPES: Final = frozenset({"image/jpeg", "image/png", "image/gif", "image/webp"})
_PDF: Final = "application/pdf"
_FILE_ID: Final = "file_"
_OWN_PARTS: Final = frozenset(
    {
        "bash_code_execution_tool_result",
        "code_execution_tool_result",
        "compaction",
        "container_upload",
        "document",
        "mcp_tool_result",
        "mcp_tool_use",
        "search_result",
        "server_tool_use",
        "text_editor_code_execution_tool_result",
        "tool_reference",
        "tool_search_tool_result",
        "web_fetch_tool_result",
        "web_search_tool_result",
    }
)


def mark(block: Made, cache: Mark) -> Made:
    """The block, with its mark of the prompt cache if it has one."""
    if isinstance(cache, CacheControl):
        block["cache_control"] = cache
    return block


def blocks_of(request: ChatRequest, said: Said) -> list[Made | Raw]:
    """The blocks of a message's content. Text without a character to see is left out: Anthropic refuses it.

    Raises ParamUnsupported for content that Anthropic does not take.
    """
    content = said.message.content
    blocks: list[Made | Raw] = []
    if isinstance(content, str):
        if content.strip():
            blocks.append({"type": "text", "text": content})
    elif content:
        for place, part in enumerate(content):
            path = f"{said.path}.content[{place}]"
            if part.type in _OWN_PARTS:
                blocks.append(request.raw_parts(said.index)[place])
            else:
                blocks += (mark(block, part.cache_control) for block in _of_part(request, said, part, path))
    return blocks


def mark_last(blocks: list[Made | Raw], cache: Mark) -> None:
    """Puts a message's mark of the prompt cache on its last block, unless that has one or cannot have one."""
    if blocks and isinstance(blocks[-1], dict) and "cache_control" not in blocks[-1]:
        mark(blocks[-1], cache)


def thinking_of(request: ChatRequest, said: Said) -> Iterator[Block]:
    """The signed reasoning of a message, as it came; what Anthropic did not sign is left out, and noted."""
    message = said.message
    signed = False
    for place, block in enumerate(message.thinking_blocks or ()):
        signature = block.get("signature") if block.get("type") == Raw(b'"thinking"') else block.get("data")
        if signature is None or signature in (Raw(b'""'), Raw(b"null")):
            request.tell(f"{said.path}.thinking_blocks[{place}] is not sent: it has no signature.")
            continue
        signed = True
        yield block
    if message.reasoning_content and not signed:
        request.tell(
            f"{said.path}.reasoning_content is not sent: another vendor's reasoning is not signed for this one."
        )
    for name in ("reasoning_items", "reasoning_details"):
        if getattr(message, name):
            request.tell(f"{said.path}.{name} is not sent: it belongs to another vendor.")


def _of_part(request: ChatRequest, said: Said, part: Part, path: str) -> Iterator[Made]:
    if part.type == "text" and isinstance(part.text, str):
        if part.text.strip():
            yield _text(said, part, part.text)
    elif part.type == "refusal" and isinstance(part.refusal, str):
        if part.refusal.strip():
            yield {"type": "text", "text": part.refusal}
    elif part.type == "image_url" and part.image_url:
        yield _image(request, part.image_url, f"{path}.image_url")
    elif part.type == "file" and part.file:
        yield _file(part.file, f"{path}.file")
    else:
        raise ParamUnsupported(
            f"The provider takes no content of the type {part.type[:40]!r} ('{path}').", param=f"{path}.type"
        )


def _text(said: Said, part: Part, text: str) -> Made:
    block: Made = {"type": "text", "text": text}
    if said.message.role == "assistant" and isinstance(part.citations, Raw) and part.citations != Raw(b"null"):
        block["citations"] = part.citations
    return block


def _image(request: ChatRequest, image: ImageUrl, path: str) -> Made:
    if isinstance(image.detail, str) and image.detail != "auto":
        request.lose(f"{path}.detail", "is not sent: the provider has no such parameter.")
    media = read_media(image.url)
    if media is None:
        return {"type": "image", "source": _address(image.url, f"{path}.url")}
    if media.media_type not in IMAGE_TYPES:
        raise ParamUnsupported(
            f"'{path}.url' holds {media.media_type or 'data of an unknown kind'}; the provider takes pictures as JPEG,"
            " PNG, GIF and WebP.",
            param=f"{path}.url",
        )
    return {"type": "image", "source": {"type": "base64", "media_type": media.media_type, "data": media.data}}


def _address(url: str, path: str) -> Made:
    if url[:8].lower() != "https://":
        raise ParamUnsupported(f"'{path}' must be an https address or a data URL.", param=path)
    return {"type": "url", "url": url}


def _file(file: FilePart, path: str) -> Made:
    if isinstance(file.file_data, str):
        return _titled(_of_data(file.file_data, f"{path}.file_data"), file)
    if isinstance(file.file_id, str) and file.file_id.startswith(_FILE_ID):
        return _titled({"type": "document", "source": {"type": "file", "file_id": file.file_id}}, file)
    raise ParamUnsupported(
        f"'{path}' needs 'file_data', or a 'file_id' of the provider's own (it begins with '{_FILE_ID}').", param=path
    )


def _of_data(data: str, path: str) -> Made:
    media = read_media(data)
    if media is None:
        return {"type": "document", "source": _address(data, path)}
    if media.media_type in IMAGE_TYPES:
        return {"type": "image", "source": {"type": "base64", "media_type": media.media_type, "data": media.data}}
    if media.media_type == _PDF:
        return {"type": "document", "source": {"type": "base64", "media_type": _PDF, "data": media.data}}
    text = decode_text(media)
    if text is None or "\x00" in text:
        raise ParamUnsupported(f"'{path}' must be a PDF, a picture or text in UTF-8.", param=path)
    return {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": text}}


def _titled(block: Made, file: FilePart) -> Made:
    if block["type"] == "document" and isinstance(file.filename, str) and file.filename:
        block["title"] = file.filename
    return block


def own_content(said: Said) -> list[Raw] | None:
    """The blocks of an answer of Anthropic's own as they came, where the caller gives them back; else None."""
    extra = said.message.extra_content
    if not isinstance(extra, Raw):
        return None
    try:
        kept = msgspec.json.decode(extra, type=_Extra)
    except msgspec.DecodeError:
        return None
    return kept.anthropic.content if kept.anthropic and kept.anthropic.content else None


class _Own(msgspec.Struct):
    content: list[Raw] | None = None


class _Extra(msgspec.Struct):
    anthropic: _Own | None = None

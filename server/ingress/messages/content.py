"""Blocks of a Messages request as chat messages: texts, pictures, documents, calls of tools and their results.

Blocks that only their own vendor knows stay as they came. Order is kept but for two things: results of tools stand
before what else their turn says, and an assistant's thinking and calls are gathered.
"""

from collections.abc import Callable
from typing import Any, Final

import msgspec
from msgspec import Raw

from server.errors import RequestInvalid
from server.ingress.carried import unpack
from server.ingress.losses import Losses
from server.ingress.messages.history import is_odd_id
from server.ingress.messages.view import Block, Source, Turn
from server.ingress.reading import decode, is_set, one_of, required

Message = dict[str, Any]
RawOf = Callable[[], Raw]
"""A content or a block as it came; it is only asked for where it cannot be said otherwise."""

ROLES: Final = ("user", "assistant", "system")

_SOURCE: Final = msgspec.json.Decoder(Source)
_RESULT: Final = msgspec.json.Decoder(str | list[Block])
_TEXTS: Final = msgspec.json.Decoder(list[Block])
_BLOCKS: Final = msgspec.json.Decoder(list[Raw])
_EMPTY_OBJECT: Final = Raw(b"{}")


def messages_of(turn: Turn, raw_content: RawOf, path: str, losses: Losses) -> list[Message]:
    """The chat messages that a turn is; `raw_content` is its content as it came."""
    one_of(turn.role, ROLES, f"{path}.role")
    if isinstance(turn.content, str):
        return [{"role": turn.role, "content": turn.content}]
    if turn.role == "assistant":
        return [_assistant(turn.content, raw_content, f"{path}.content", losses)]
    results: list[Message] = []
    parts: list[Any] = []
    for index, block in enumerate(turn.content):
        here = f"{path}.content[{index}]"
        if block.type == "tool_result":
            results.append(_result(block, here, losses))
        else:
            parts.append(part_of(block, nth(raw_content, index), here))
    if parts or not results:
        results.append({"role": turn.role, "content": plain(parts)})
    return results


def nth(raw_content: RawOf, index: int) -> RawOf:
    """One block of a content as it came."""
    return lambda: _BLOCKS.decode(raw_content())[index]


def plain(parts: list[Any]) -> Any:
    """Parts as short as they can be said: one text without marks is a string."""
    if len(parts) == 1 and isinstance(parts[0], dict) and parts[0].keys() == {"type", "text"}:
        return parts[0]["text"]
    return parts or ""


def part_of(block: Block, raw: RawOf, path: str) -> Any:
    """The content part that a block is; one of a kind that only its own vendor knows is as it came."""
    part: Message | None = None
    if block.type == "text":
        required(block.text, f"{path}.text")
        part = {"type": "text", "text": block.text}
        if is_set(block.citations):
            part["citations"] = block.citations
    elif block.type == "image":
        part = _image(_source(block, path), path)
    elif block.type == "document":
        part = _document(block, _source(block, path), path)
    elif block.type == "search_result":
        part = _search_result(block, path)
    if part is None:
        return raw()
    if is_set(block.cache_control):
        part["cache_control"] = block.cache_control
    return part


def _source(block: Block, path: str) -> Source:
    if not isinstance(block.source, Raw):
        raise RequestInvalid(f"The member '{path}.source' is required, but it is missing.", param=f"{path}.source")
    return decode(_SOURCE, block.source, at=f"{path}.source")


def _image(source: Source, path: str) -> Message:
    if source.type == "base64":
        return {"type": "image_url", "image_url": {"url": _data_url(source, path)}}
    if source.type == "url":
        required(source.url, f"{path}.source.url")
        return {"type": "image_url", "image_url": {"url": source.url}}
    one_of(source.type, ("base64", "url", "file"), f"{path}.source.type")
    return _file(source, path)


def _document(block: Block, source: Source, path: str) -> Message | None:
    """A document in OpenAI's terms; None where they do not say it all."""
    if is_set(block.citations) or is_set(block.context):
        return None
    if source.type == "text":
        required(source.data, f"{path}.source.data")
        title = f"{block.title}\n\n" if is_set(block.title) else ""
        return {"type": "text", "text": f"{title}{source.data}"}
    if source.type == "base64":
        file: Message = {"file_data": _data_url(source, path)}
        file["filename"] = block.title if is_set(block.title) else "document.pdf"
        return {"type": "file", "file": file}
    return _file(source, path) if source.type == "file" else None


def _file(source: Source, path: str) -> Message:
    required(source.file_id, f"{path}.source.file_id")
    return {"type": "file", "file": {"file_id": source.file_id}}


def _data_url(source: Source, path: str) -> str:
    required(source.media_type, f"{path}.source.media_type")
    required(source.data, f"{path}.source.data")
    return f"data:{source.media_type};base64,{source.data}"


def _search_result(block: Block, path: str) -> Message:
    """A search result as a text: title, address, what was found."""
    texts = decode(_TEXTS, block.content, at=f"{path}.content") if isinstance(block.content, Raw) else []
    address = msgspec.json.decode(block.source) if isinstance(block.source, Raw) else ""
    head = [str(line) for line in (block.title, address) if is_set(line) and line]
    body = [text.text for text in texts if isinstance(text.text, str)]
    return {"type": "text", "text": "\n\n".join(["\n".join(head), *body]).strip()}


def _result(block: Block, path: str, losses: Losses) -> Message:
    required(block.tool_use_id, f"{path}.tool_use_id")
    losses.mix(is_odd_id(str(block.tool_use_id)))
    message: Message = {"role": "tool", "tool_call_id": block.tool_use_id, "content": ""}
    if isinstance(block.content, Raw) and is_set(block.content):
        content = decode(_RESULT, block.content, at=f"{path}.content")
        if isinstance(content, str):
            message["content"] = content
        else:
            raw = block.content
            parts = [
                part_of(inner, nth(lambda: raw, index), f"{path}.content[{index}]")
                for index, inner in enumerate(content)
            ]
            message["content"] = plain(parts)
    if block.is_error is True:
        message["is_error"] = True
    if is_set(block.cache_control):
        message["cache_control"] = block.cache_control
    return message


def _assistant(blocks: list[Block], raw_content: RawOf, path: str, losses: Losses) -> Message:
    parts: list[Any] = []
    calls: list[Message] = []
    thoughts: list[Any] = []
    message: Message = {"role": "assistant"}
    for index, block in enumerate(blocks):
        here = f"{path}[{index}]"
        if block.type == "tool_use":
            calls.append(_call(block, here, losses))
            if is_set(block.cache_control):
                message["cache_control"] = block.cache_control
        elif block.type in ("thinking", "redacted_thinking"):
            losses.mix(_think(block, here, message, thoughts))
        else:
            losses.mix(is_set(block.annotations))
            parts.append(part_of(block, nth(raw_content, index), here))
    if parts:
        message["content"] = plain(parts)
    elif not calls:
        message["content"] = ""
    if thoughts:
        message["thinking_blocks"] = thoughts
    if calls:
        message["tool_calls"] = calls
    return message


def _call(block: Block, path: str, losses: Losses) -> Message:
    required(block.id, f"{path}.id")
    required(block.name, f"{path}.name")
    losses.mix(is_odd_id(str(block.id)) or is_set(block.extra_content))
    arguments = block.input if isinstance(block.input, Raw) else _EMPTY_OBJECT
    call: Message = {
        "id": block.id,
        "type": "function",
        "function": {"name": block.name, "arguments": bytes(arguments).decode()},
    }
    if is_set(block.extra_content):
        call["extra_content"] = block.extra_content
    return call


def _think(block: Block, path: str, message: Message, thoughts: list[Any]) -> bool:
    """Thinking as its text for everybody, and as the signed block for who signed it; whether it is another vendor's."""
    if block.type == "redacted_thinking":
        required(block.data, f"{path}.data")
        carried = unpack(str(block.data))
        if carried is None:
            thoughts.append({"type": "redacted_thinking", "data": block.data})
            return False
        thoughts.extend(carried.thinking_blocks)
        if carried.reasoning_items:
            message["reasoning_items"] = [*message.get("reasoning_items", ()), *carried.reasoning_items]
        return True
    required(block.thinking, f"{path}.thinking")
    before = message.get("reasoning_content")
    message["reasoning_content"] = f"{before}\n\n{block.thinking}" if before else block.thinking
    if not block.signature:
        return True
    thoughts.append({"type": "thinking", "thinking": block.thinking, "signature": block.signature})
    return False

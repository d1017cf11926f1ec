"""Blocks of a Messages request as chat messages: texts, pictures, documents, calls of tools and their results.

What the chat message has no place for is added to `lost`, in words that a caller understands. Order is kept but for two
things: results of tools stand before what else their turn says, and an assistant's thinking and calls are gathered.
"""

import base64
import binascii
from typing import Any, Final

import msgspec
from msgspec import Raw

from server.errors import RequestInvalid
from server.ingress.messages.view import Block, Source, Turn
from server.ingress.reading import decode, is_set, one_of, required

Message = dict[str, Any]

ROLES: Final = ("user", "assistant", "system")
CARRIED: Final = "perpetuo:"
"""Begins the `data` of a `redacted_thinking` block that carries another vendor's reasoning to the client and back."""

_SOURCE: Final = msgspec.json.Decoder(Source)
_RESULT: Final = msgspec.json.Decoder(str | list[Block])
_TEXTS: Final = msgspec.json.Decoder(list[Block])
_EMPTY_OBJECT: Final = Raw(b"{}")


def messages_of(turn: Turn, path: str, lost: list[str]) -> list[Message]:
    """The chat messages that a turn is."""
    one_of(turn.role, ROLES, f"{path}.role")
    if isinstance(turn.content, str):
        return [{"role": turn.role, "content": turn.content}]
    if turn.role == "assistant":
        return [_assistant(turn.content, f"{path}.content", lost)]
    results: list[Message] = []
    parts: list[Message] = []
    for index, block in enumerate(turn.content):
        here = f"{path}.content[{index}]"
        if block.type == "tool_result":
            results.append(_result(block, here, lost))
        else:
            parts += part_of(block, here, lost)
    if parts or not results:
        results.append({"role": turn.role, "content": plain(parts)})
    return results


def plain(parts: list[Message]) -> Any:
    """Parts as short as they can be said: one text without marks is a string."""
    if len(parts) == 1 and parts[0].keys() == {"type", "text"}:
        return parts[0]["text"]
    return parts or ""


def part_of(block: Block, path: str, lost: list[str]) -> list[Message]:
    """The content parts that a block is, none if it has no place in a chat message."""
    if block.type == "text":
        required(block.text, f"{path}.text")
        part: Message = {"type": "text", "text": block.text}
    elif block.type == "image":
        part = _image(_source(block, path), path)
    elif block.type == "document":
        part = _document(block, _source(block, path), path)
    elif block.type == "search_result":
        part = _search_result(block, path)
    else:
        lost.append(f"{path} is not sent: only its own provider knows blocks of type {block.type[:40]!r}.")
        return []
    if is_set(block.cache_control):
        part["cache_control"] = block.cache_control
    return [part]


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


def _document(block: Block, source: Source, path: str) -> Message:
    """A document in OpenAI's terms where they say it all, else as it came."""
    if is_set(block.citations) or is_set(block.context):
        return _as_it_came(block)
    if source.type == "text":
        required(source.data, f"{path}.source.data")
        title = f"{block.title}\n\n" if is_set(block.title) else ""
        return {"type": "text", "text": f"{title}{source.data}"}
    if source.type == "base64":
        file: Message = {"file_data": _data_url(source, path)}
        file["filename"] = block.title if is_set(block.title) else "document.pdf"
        return {"type": "file", "file": file}
    return _file(source, path) if source.type == "file" else _as_it_came(block)


def _as_it_came(block: Block) -> Message:
    return {key: value for key, value in msgspec.structs.asdict(block).items() if value is not msgspec.UNSET}


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


def _result(block: Block, path: str, lost: list[str]) -> Message:
    required(block.tool_use_id, f"{path}.tool_use_id")
    message: Message = {"role": "tool", "tool_call_id": block.tool_use_id, "content": ""}
    if isinstance(block.content, Raw) and is_set(block.content):
        content = decode(_RESULT, block.content, at=f"{path}.content")
        if isinstance(content, str):
            message["content"] = content
        else:
            parts = [part_of(inner, f"{path}.content[{index}]", lost) for index, inner in enumerate(content)]
            message["content"] = plain([part for found in parts for part in found])
    if block.is_error is True:
        message["is_error"] = True
    if is_set(block.cache_control):
        message["cache_control"] = block.cache_control
    return message


def _assistant(blocks: list[Block], path: str, lost: list[str]) -> Message:
    parts: list[Message] = []
    calls: list[Message] = []
    thoughts: list[Message] = []
    message: Message = {"role": "assistant"}
    for index, block in enumerate(blocks):
        here = f"{path}[{index}]"
        if block.type == "tool_use":
            calls.append(_call(block, here))
            if is_set(block.cache_control):
                message["cache_control"] = block.cache_control
        elif block.type in ("thinking", "redacted_thinking"):
            _think(block, here, message, thoughts)
        else:
            parts += part_of(block, here, lost)
    if parts:
        message["content"] = plain(parts)
    elif not calls:
        message["content"] = ""
    if thoughts:
        message["thinking_blocks"] = thoughts
    if calls:
        message["tool_calls"] = calls
    return message


def _call(block: Block, path: str) -> Message:
    required(block.id, f"{path}.id")
    required(block.name, f"{path}.name")
    arguments = block.input if isinstance(block.input, Raw) else _EMPTY_OBJECT
    call: Message = {
        "id": block.id,
        "type": "function",
        "function": {"name": block.name, "arguments": bytes(arguments).decode()},
    }
    if is_set(block.extra_content):
        call["extra_content"] = block.extra_content
    return call


def _think(block: Block, path: str, message: Message, thoughts: list[Message]) -> None:
    """Thinking as its text for everybody, and as the signed block for who signed it."""
    if block.type == "redacted_thinking":
        required(block.data, f"{path}.data")
        data = str(block.data)
        items = carried_items(data)
        if items is None:
            thoughts.append({"type": "redacted_thinking", "data": data})
        else:
            message["reasoning_items"] = [*message.get("reasoning_items", ()), *items]
        return
    required(block.thinking, f"{path}.thinking")
    before = message.get("reasoning_content")
    message["reasoning_content"] = f"{before}\n\n{block.thinking}" if before else block.thinking
    if block.signature:
        thoughts.append({"type": "thinking", "thinking": block.thinking, "signature": block.signature})


def carried_items(data: str) -> list[Raw] | None:
    """The reasoning items of another vendor in the data of a redacted block; None if it is Anthropic's own."""
    if not data.startswith(CARRIED):
        return None
    try:
        text = base64.b64decode(data[len(CARRIED) :], validate=True)
        items: list[Raw] = msgspec.json.decode(text, type=list[Raw])
    except (binascii.Error, msgspec.DecodeError, UnicodeDecodeError):
        return []
    return items


def carrying(items: Any) -> str:
    """The data of a redacted block that carries reasoning items."""
    return CARRIED + base64.b64encode(msgspec.json.encode(items)).decode()

"""Items of a Responses request as chat messages: messages, calls and their outputs, reasoning.

Items that one answer was made of (its reasoning, its text, its calls) become one message again. An item of a tool that
OpenAI runs itself has no place in a chat message, and is a loss.
"""

from collections.abc import Iterator
from typing import Any, Final

import msgspec
from msgspec import Raw

from server.errors import RequestInvalid
from server.ingress.carried import MARK, unpack
from server.ingress.losses import Losses
from server.ingress.reading import decode, is_set, one_of, required
from server.ingress.responses.view import Item, Piece

Message = dict[str, Any]

ROLES: Final = ("user", "assistant", "system", "developer")

_ITEM: Final = msgspec.json.Decoder(Item)
_MEMBERS: Final = msgspec.json.Decoder(dict[str, Raw])
_ITEMS: Final = msgspec.json.Decoder(list[Raw])
_TEXT: Final = msgspec.json.Decoder(str)
_MADE_CHARS: Final = len("rs_") + 26
_CALLS: Final = {"function_call": "function", "custom_tool_call": "custom"}
_OUTPUTS: Final = frozenset({"function_call_output", "custom_tool_call_output"})


def input_items(raw: Raw) -> list[Raw]:
    """The items of `input`; a text is what the user says. Raises RequestInvalid for what is neither."""
    if bytes(memoryview(raw)[:1]) == b'"':
        text = decode(_TEXT, raw, at="input")
        return [Raw(msgspec.json.encode({"type": "message", "role": "user", "content": text}))]
    return decode(_ITEMS, raw, at="input")


def own_items(raw: Raw) -> list[Raw]:
    """An item as its own vendor takes it back: without what others put into it, and what was carried in its place.

    Reasoning that another vendor showed and did not sign is left out: a vendor that keeps nothing looks for its own.
    """
    text = bytes(raw)
    if b'"reasoning"' in text and _is_shown_reasoning(raw):
        return []
    if MARK.encode() not in text and b'"extra_content"' not in text:
        return [raw]
    members = _MEMBERS.decode(raw)
    carried = unpack(decode(_ITEM, raw).encrypted_content or "") if "encrypted_content" in members else None
    if carried is not None:
        return carried.reasoning_items
    if members.pop("extra_content", None) is None:
        return [raw]
    return [Raw(msgspec.json.encode(members))]


def _is_shown_reasoning(raw: Raw) -> bool:
    """Whether an item is reasoning without a signature that was made here: its id ends with a place in an output."""
    item = decode(_ITEM, raw)
    if item.type != "reasoning" or is_set(item.encrypted_content) or not isinstance(item.id, str):
        return False
    made_of, _, place = item.id.rpartition("_")
    return place.isdigit() and len(made_of) == _MADE_CHARS and made_of.startswith("rs_")


class Conversation:
    """Chat messages, built item by item."""

    def __init__(self, losses: Losses) -> None:
        self.messages: list[Message] = []
        self._losses = losses
        self._answer: Message | None = None

    def add(self, raw: Raw, path: str) -> None:
        """Adds an item. Raises RequestInvalid for one that is not what it should be."""
        item = decode(_ITEM, raw, at=path)
        if item.type == "message":
            self._message(item, raw, path)
        elif item.type in _CALLS:
            self._call(item, path)
        elif item.type in _OUTPUTS:
            self._output(item, path)
        elif item.type == "reasoning":
            self._reasoning(item, raw)
        elif item.type == "item_reference":
            raise RequestInvalid(f"'{path}' refers to an item that is not kept here; send the item itself.", param=path)
        else:
            self._losses.lose(path, f"is not sent: only a provider of the Responses API takes {item.type[:40]!r}.")

    def _open(self) -> Message:
        """The answer that the next item belongs to."""
        if self._answer is None:
            self._answer = {"role": "assistant"}
            self.messages.append(self._answer)
        return self._answer

    def _message(self, item: Item, raw: Raw, path: str) -> None:
        required(item.role, f"{path}.role")
        one_of(str(item.role), ROLES, f"{path}.role")
        required(item.content, f"{path}.content")
        content = _content(item.content, raw, f"{path}.content")
        if item.role != "assistant":
            self._answer = None
            self.messages.append({"role": item.role, "content": content})
            return
        if self._answer is not None and ("content" in self._answer or "tool_calls" in self._answer):
            self._answer = None
        self._open()["content"] = content

    def _call(self, item: Item, path: str) -> None:
        required(item.call_id, f"{path}.call_id")
        required(item.name, f"{path}.name")
        kind = _CALLS[item.type]
        said = ("arguments", item.arguments) if kind == "function" else ("input", item.input)
        required(said[1], f"{path}.{said[0]}")
        call: Message = {"id": item.call_id, "type": kind, kind: {"name": item.name, said[0]: said[1]}}
        if is_set(item.extra_content):
            call["extra_content"] = item.extra_content
        self._open().setdefault("tool_calls", []).append(call)

    def _output(self, item: Item, path: str) -> None:
        required(item.call_id, f"{path}.call_id")
        if not isinstance(item.output, Raw) or not is_set(item.output):
            raise RequestInvalid(f"The member '{path}.output' is required, but it is missing.", param=f"{path}.output")
        self._answer = None
        content = _content(_output_of(item.output, f"{path}.output"), None, f"{path}.output")
        self.messages.append({"role": "tool", "tool_call_id": item.call_id, "content": content})

    def _reasoning(self, item: Item, raw: Raw) -> None:
        """Reasoning begins an answer, unless more reasoning goes before it."""
        if self._answer is not None and ("content" in self._answer or "tool_calls" in self._answer):
            self._answer = None
        answer = self._open()
        if text := "\n\n".join(_texts(item)):
            before = answer.get("reasoning_content")
            answer["reasoning_content"] = f"{before}\n\n{text}" if before else text
        carried = unpack(item.encrypted_content) if isinstance(item.encrypted_content, str) else None
        if carried is None:
            if is_set(item.encrypted_content):
                answer.setdefault("reasoning_items", []).append(raw)
            return
        if carried.thinking_blocks:
            answer.setdefault("thinking_blocks", []).extend(carried.thinking_blocks)
        if carried.reasoning_items:
            answer.setdefault("reasoning_items", []).extend(carried.reasoning_items)


def _texts(item: Item) -> Iterator[str]:
    pieces = [*(item.summary or ()), *(item.content if isinstance(item.content, list) else ())]
    return (piece.text for piece in pieces if isinstance(piece.text, str) and piece.text)


def _output_of(output: Raw, path: str) -> str | list[Piece]:
    """An output as a text or pieces; what is neither is shown as the JSON that it is."""
    first = bytes(memoryview(output)[:1])
    if first == b'"':
        return _TEXT.decode(output)
    if first == b"[":
        return [decode(_PIECE, piece, at=f"{path}[{index}]") for index, piece in enumerate(_ITEMS.decode(output))]
    return bytes(output).decode()


def _content(content: Any, raw: Raw | None, path: str) -> Any:
    """A content as a text or parts, as short as it can be said."""
    if isinstance(content, str):
        return content
    parts = [_part(piece, raw, index, f"{path}[{index}]") for index, piece in enumerate(content or ())]
    if len(parts) == 1 and isinstance(parts[0], dict) and parts[0].keys() == {"type", "text"}:
        return parts[0]["text"]
    return parts or ""


def _part(piece: Piece, raw: Raw | None, index: int, path: str) -> Any:
    kind = piece.type
    if kind in ("input_text", "output_text", "text", "summary_text"):
        required(piece.text, f"{path}.text")
        return {"type": "text", "text": piece.text}
    if kind == "refusal":
        required(piece.refusal, f"{path}.refusal")
        return {"type": "refusal", "refusal": piece.refusal}
    if kind == "input_image":
        return _image(piece, path)
    if kind == "input_file":
        return _file(piece, path)
    if kind == "input_audio" and isinstance(piece.input_audio, Raw):
        return {"type": "input_audio", "input_audio": piece.input_audio}
    if raw is None:
        raise RequestInvalid(f"'{path}.type' is not known: {kind[:40]!r}.", param=f"{path}.type")
    return _CONTENT.decode(raw).content[index]


def _image(piece: Piece, path: str) -> Message:
    if is_set(piece.file_id) and not is_set(piece.image_url):
        return {"type": "file", "file": {"file_id": piece.file_id}}
    required(piece.image_url, f"{path}.image_url")
    image: Message = {"url": piece.image_url}
    if isinstance(piece.detail, str) and piece.detail != "auto":
        image["detail"] = piece.detail
    return {"type": "image_url", "image_url": image}


def _file(piece: Piece, path: str) -> Message:
    file: Message = {}
    for name, value in (("file_id", piece.file_id), ("file_data", piece.file_data), ("filename", piece.filename)):
        if is_set(value):
            file[name] = value
    if is_set(piece.file_url):
        file["file_data"] = piece.file_url
    if not file.keys() & {"file_id", "file_data"}:
        raise RequestInvalid(f"'{path}' must have 'file_id', 'file_data' or 'file_url'.", param=path)
    return {"type": "file", "file": file}


class _Content(msgspec.Struct):
    content: list[Raw]


_CONTENT: Final = msgspec.json.Decoder(_Content)
_PIECE: Final = msgspec.json.Decoder(Piece)

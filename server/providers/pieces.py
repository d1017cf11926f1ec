"""A whole answer from the pieces of a stream, and the pieces of a stream from a whole answer.

Pure, in OpenAI's shape. What one does the other undoes, but for where a text is cut. Members that are not known pass:
texts are joined, of everything else the last counts.
"""

from collections.abc import Iterable, Sequence
from typing import Any, Final

import msgspec

from server.chat.answer import peek_chunk
from server.chat.native import MEMBER
from server.providers.dialect import Chunk

_OF_CHUNKS: Final = frozenset({"choices", "object", "usage", "obfuscation", "gateway_metadata", MEMBER})
_SAID_ONCE: Final = frozenset({"role", "id", "type", "thought_signature"})
_OF_CHOICES: Final = frozenset({"index", "delta", "message", "finish_reason", "logprobs"})

Members = dict[str, Any]


def whole_from(pieces: Iterable[bytes]) -> bytes | None:
    """The answer that the chunks of a stream are; None if a choice has no finish reason, and so is not whole."""
    answer = _joined(pieces)
    choices = answer["choices"]
    if not choices or any(choice["finish_reason"] is None for choice in choices):
        return None
    return msgspec.json.encode(answer)


def answer_so_far(pieces: Sequence[bytes]) -> bytes:
    """The answer that the chunks of a stream are, whole or not; what are no chunks in lines, as they came."""
    try:
        return msgspec.json.encode(_joined(pieces))
    except (msgspec.DecodeError, AttributeError, TypeError):
        return b"\n".join(pieces)


def _joined(pieces: Iterable[bytes]) -> Members:
    answer: Members = {"object": "chat.completion"}
    choices: dict[int, Members] = {}
    usage: Any = None
    for piece in pieces:
        chunk: Members = msgspec.json.decode(piece)
        for name, value in chunk.items():
            if name not in _OF_CHUNKS and (value or name not in answer):
                answer.setdefault(name, value) if name in ("id", "created") else answer.update({name: value})
        usage = chunk.get("usage") or usage
        for part in chunk.get("choices") or ():
            _add_choice(choices.setdefault(part.get("index", 0), {}), part)
    answer["choices"] = [_closed(index, choices[index]) for index in sorted(choices)]
    if usage is not None:
        answer["usage"] = usage
    return answer


def pieces_of(body: bytes) -> list[Chunk]:
    """The chunks of an answer: of each choice what it says and how it ended, then the usage."""
    answer: Members = msgspec.json.decode(body)
    usage = answer.pop("usage", None)
    choices = answer.pop("choices", None) or []
    # A whole answer in the provider's own form is no event of it.
    answer.pop(MEMBER, None)
    head = {**answer, "object": "chat.completion.chunk"}
    pieces = []
    for choice in choices:
        index = choice.get("index", 0)
        said = {"index": index, "delta": _delta(choice.get("message") or {}), "finish_reason": None}
        if choice.get("logprobs") is not None:
            said["logprobs"] = choice["logprobs"]
        pieces.append({**head, "choices": [said]})
    for choice in choices:
        more = {name: value for name, value in choice.items() if name not in _OF_CHOICES}
        end = {"index": choice.get("index", 0), "delta": {}, "finish_reason": choice.get("finish_reason"), **more}
        pieces.append({**head, "choices": [end]})
    if usage is not None:
        pieces.append({**head, "choices": [], "usage": usage})
    encoded = [msgspec.json.encode(piece) for piece in pieces]
    return [Chunk(data, peek_chunk(data)) for data in encoded]


def _delta(message: Members) -> Members:
    calls = message.get("tool_calls")
    if not calls:
        return message
    return {**message, "tool_calls": [{"index": index, **call} for index, call in enumerate(calls)]}


def _add_choice(choice: Members, part: Members) -> None:
    for name, value in (part.get("delta") or {}).items():
        _join(choice.setdefault("message", {}), name, value)
    if part.get("finish_reason") is not None:
        choice["finish_reason"] = part["finish_reason"]
    for name, value in part.items():
        if name not in _OF_CHOICES:
            _add(choice.setdefault("more", {}), name, value)
    if part.get("logprobs"):
        for name, value in part["logprobs"].items():
            _join(choice.setdefault("logprobs", {}), name, value)


def _add(into: Members, name: str, value: Any) -> None:
    """Adds what a piece says of its choice: members one by one, lists one after the other, else what came last."""
    before = into.get(name)
    if isinstance(before, dict) and isinstance(value, dict):
        for inner, each in value.items():
            _add(before, inner, each)
    elif isinstance(before, list) and isinstance(value, list):
        into[name] = before + value
    elif value is not None or name not in into:
        into[name] = value


def _join(into: Members, name: str, value: Any) -> None:
    """Adds what a piece says to what was said before."""
    before = into.get(name)
    if before is None or value is None:
        if value is not None or name not in into:
            into[name] = _numbered({}, value) if name == "tool_calls" and value else value
    elif name == "tool_calls":
        into[name] = _numbered(before, value)
    elif type(before) is type(value) and isinstance(before, str | list) and name not in _SAID_ONCE:
        into[name] = before + value
    elif isinstance(before, dict) and isinstance(value, dict):
        for inner, text in value.items():
            _join(before, inner, text)
    else:
        into[name] = value


def _numbered(calls: dict[int, Members], pieces: list[Members]) -> dict[int, Members]:
    """Tool calls by their index, each joined from its pieces."""
    for piece in pieces:
        call = calls.setdefault(piece.get("index", len(calls)), {})
        for name, value in piece.items():
            if name != "index":
                _join(call, name, value)
    return calls


def _closed(index: int, choice: Members) -> Members:
    message = choice.get("message", {})
    message.setdefault("role", "assistant")
    message.setdefault("content", None)
    if isinstance(message.get("tool_calls"), dict):
        calls = message["tool_calls"]
        message["tool_calls"] = [calls[number] for number in sorted(calls)]
    logprobs = choice.get("logprobs")
    finish = choice.get("finish_reason")
    told: Members = {"index": index, "message": message, "logprobs": logprobs, "finish_reason": finish}
    told.update(choice.get("more", {}))
    return told

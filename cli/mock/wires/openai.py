"""OpenAI's chat completions as JSON: whole answers, events of a stream, errors, the list of models. Pure."""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from cli.mock.answers import ANSWER_ID, CREATED, PROMPT_TOKENS, Asked, Complaint, Event, Json, Message, Telling

_encode: Final = msgspec.json.Encoder().encode

_KINDS: Final[Mapping[int, str]] = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "insufficient_quota",
    403: "permission_error",
    404: "not_found_error",
    413: "invalid_request_error",
    422: "invalid_request_error",
    429: "rate_limit_error",
}


class OpenAiWire:
    """See `cli.mock.answers.Wire`."""

    def whole(self, asked: Asked, message: Message, has_usage: bool) -> bytes:
        """A chat completion."""
        content: dict[str, Any] = {"role": "assistant", "content": "".join(message.pieces)}
        if message.tool is not None:
            content = {"role": "assistant", "content": None, "tool_calls": [_tool_call(message)]}
        choices = [
            {"index": index, "message": content, "finish_reason": message.finish_reason}
            for index in range(asked.n or 1)
        ]
        answer = _head(asked, message, "chat.completion") | {"choices": choices}
        if has_usage:
            answer["usage"] = _usage(message)
        return _encode(answer)

    def opening(self, asked: Asked, message: Message) -> list[Event]:
        """The role."""
        return [_chunk(asked, message, {"role": "assistant", "content": "" if message.tool is None else None})]

    def content(self, asked: Asked, message: Message) -> list[Event]:
        """Pieces of text, or of tool calls."""
        if message.tool is not None:
            return [_chunk(asked, message, {"tool_calls": [call]}) for call in _tool_deltas(message)]
        return [_chunk(asked, message, {"content": piece}) for piece in message.pieces]

    def ending(self, asked: Asked, message: Message, telling: Telling) -> list[Event]:
        """The finish reason, the usage if it was asked for, and [DONE]."""
        if not telling.has_finish:
            return []
        events = [_chunk(asked, message, {}, message.finish_reason)]
        if telling.has_usage and asked.wants_usage:
            usage = {"choices": [], "usage": _usage(message)}
            events.append(Event(_encode(_head(asked, message, "chat.completion.chunk") | usage)))
        return events + self.done() if telling.has_done else events

    def done(self) -> list[Event]:
        """[DONE]."""
        return [Event(b"[DONE]")]

    def empty(self, asked: Asked, message: Message) -> Event:
        """A chunk with an empty delta."""
        return _chunk(asked, message, {})

    def first_empty(self, asked: Asked, message: Message) -> Event:
        """A chunk without a choice."""
        return Event(_encode(_head(asked, message, "chat.completion.chunk") | {"choices": []}))

    def error(self, complaint: Complaint) -> bytes:
        """An error body."""
        return _encode(
            {
                "error": {
                    "message": complaint.text,
                    "type": complaint.type or _KINDS.get(complaint.status, "server_error"),
                    "param": complaint.param or None,
                    "code": complaint.code or None,
                }
            }
        )

    def error_event(self, complaint: Complaint, name: str) -> Event:
        """The same as an event."""
        return Event(self.error(complaint), name)


def models(ids: tuple[str, ...]) -> bytes:
    """The list of models."""
    data = [{"id": name, "object": "model", "created": CREATED, "owned_by": "mock"} for name in ids]
    return _encode({"object": "list", "data": data})


def _head(asked: Asked, message: Message, kind: str) -> dict[str, Any]:
    return {"id": ANSWER_ID, "object": kind, "created": CREATED, "model": message.model or asked.model}


def _chunk(asked: Asked, message: Message, delta: Json, finish_reason: str | None = None) -> Event:
    choices = [{"index": index, "delta": delta, "finish_reason": finish_reason} for index in range(asked.n or 1)]
    chunk = _head(asked, message, "chat.completion.chunk") | {"choices": choices}
    if asked.wants_usage:
        chunk["usage"] = None
    return Event(_encode(chunk))


def _tool_call(message: Message, call_id: str = "call_mock_1") -> dict[str, Any]:
    function = {"name": message.tool, "arguments": message.arguments}
    return {"id": call_id, "type": "function", "function": function}


def _tool_deltas(message: Message) -> list[dict[str, Any]]:
    """The pieces of the call, or of two of the same index."""
    calls = ["call_mock_1", "call_mock_2"] if message.shape == "same-index" else ["call_mock_1"]
    deltas = [delta for call_id in calls for delta in _pieces_of(message, call_id)]
    return deltas if message.shape == "no-index" else [{"index": 0} | delta for delta in deltas]


def _pieces_of(message: Message, call_id: str) -> list[dict[str, Any]]:
    name = message.tool or ""
    half = len(name) // 2 if message.shape == "split-name" else len(name)
    pieces: list[dict[str, Any]] = [
        {"id": call_id, "type": "function", "function": {"name": name[:half], "arguments": ""}}
    ]
    if half < len(name):
        pieces.append({"function": {"name": name[half:]}})
    return [*pieces, {"function": {"arguments": message.arguments}}]


def _usage(message: Message) -> Json:
    tokens = message.tokens
    return {"prompt_tokens": PROMPT_TOKENS, "completion_tokens": tokens, "total_tokens": PROMPT_TOKENS + tokens}

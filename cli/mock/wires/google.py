"""Gemini's answers as JSON: whole ones, the events of a stream, errors. Pure.

A stream has no mark of its end: the reason to finish tells that it is whole. A call comes in one piece, so that how it
can be odd in OpenAI's wire means nothing here.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from cli.mock.answers import ANSWER_ID, PROMPT_TOKENS, Asked, Complaint, Event, Json, Message, Telling, arguments_of

_encode: Final = msgspec.json.Encoder().encode

_FINISHES: Final[Mapping[str, str]] = {
    "stop": "STOP",
    "length": "MAX_TOKENS",
    "tool_calls": "STOP",
    "content_filter": "SAFETY",
}
_STATUSES: Final[Mapping[int, str]] = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    429: "RESOURCE_EXHAUSTED",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}


class GoogleWire:
    """See `cli.mock.answers.Wire`."""

    def whole(self, asked: Asked, message: Message, has_usage: bool) -> bytes:
        """An answer with one candidate."""
        parts = [_call(message)] if message.tool is not None else [{"text": "".join(message.pieces)}]
        return _answer(asked, message, parts, is_last=True, has_usage=has_usage)

    def opening(self, asked: Asked, message: Message) -> list[Event]:
        """Nothing: a stream begins with content."""
        return []

    def content(self, asked: Asked, message: Message) -> list[Event]:
        """Pieces of text, or the call."""
        parts: list[Json] = (
            [_call(message)] if message.tool is not None else [{"text": each} for each in message.pieces]
        )
        return [Event(_answer(asked, message, [part])) for part in parts]

    def ending(self, asked: Asked, message: Message, telling: Telling) -> list[Event]:
        """The reason to finish, with the usage."""
        if not telling.has_finish:
            return []
        return [Event(_answer(asked, message, [{"text": ""}], is_last=True, has_usage=telling.has_usage))]

    def done(self) -> list[Event]:
        """Nothing."""
        return []

    def empty(self, asked: Asked, message: Message) -> Event:
        """A candidate without parts."""
        return Event(_answer(asked, message, []))

    def first_empty(self, asked: Asked, message: Message) -> Event:
        """An answer without a candidate."""
        return Event(_encode(_head(asked, message)))

    def error(self, complaint: Complaint) -> bytes:
        """An error body; `param` has no place in it."""
        status = (complaint.code or complaint.type).upper() or _STATUSES.get(complaint.status, "INTERNAL")
        return _encode({"error": {"code": complaint.status, "message": complaint.text, "status": status}})

    def error_event(self, complaint: Complaint, name: str) -> Event:
        """The same as an event."""
        return Event(self.error(complaint), name)


def _head(asked: Asked, message: Message) -> dict[str, Any]:
    return {"responseId": ANSWER_ID, "modelVersion": message.model or asked.model}


def _answer(
    asked: Asked, message: Message, parts: Sequence[Json], *, is_last: bool = False, has_usage: bool = False
) -> bytes:
    candidate: dict[str, Any] = {"content": {"parts": list(parts), "role": "model"}, "index": 0}
    made = _head(asked, message) | {"candidates": [candidate]}
    if is_last:
        candidate["finishReason"] = _FINISHES.get(message.finish_reason, message.finish_reason.upper())
    if has_usage:
        tokens = message.tokens
        counts = {"promptTokenCount": PROMPT_TOKENS, "candidatesTokenCount": tokens}
        made["usageMetadata"] = {**counts, "totalTokenCount": PROMPT_TOKENS + tokens}
    return _encode(made)


def _call(message: Message) -> Json:
    return {"functionCall": {"name": message.tool, "args": arguments_of(message)}}

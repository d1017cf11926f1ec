"""Anthropic's messages as JSON: whole answers, named events of a stream, errors. Pure.

A stream has one block, of text or of a call; how a call can be odd in OpenAI's wire means nothing here.
"""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from cli.mock.answers import ANSWER_ID, PROMPT_TOKENS, Asked, Complaint, Event, Json, Message, Telling, arguments_of

_encode: Final = msgspec.json.Encoder().encode

_STOPS: Final[Mapping[str, str]] = {
    "stop": "end_turn",
    "length": "max_tokens",
    "tool_calls": "tool_use",
    "content_filter": "refusal",
}
_KINDS: Final[Mapping[int, str]] = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    422: "invalid_request_error",
    429: "rate_limit_error",
    529: "overloaded_error",
}


class AnthropicWire:
    """See `cli.mock.answers.Wire`."""

    def whole(self, asked: Asked, message: Message, has_usage: bool) -> bytes:
        """A message."""
        made = _head(asked, message, has_usage) | {"content": [_block(message)], "stop_reason": _stop(message)}
        return _encode(made)

    def opening(self, asked: Asked, message: Message) -> list[Event]:
        """The message without content, and a ping."""
        return [_named({"type": "message_start", "message": _head(asked, message, True)}), _ping()]

    def content(self, asked: Asked, message: Message) -> list[Event]:
        """The block's beginning, and its pieces."""
        empty: dict[str, Any] = {"text": ""} if message.tool is None else {"input": {}}
        events = [_named({"type": "content_block_start", "index": 0, "content_block": _block(message) | empty})]
        if message.tool is None:
            deltas: list[Json] = [{"type": "text_delta", "text": piece} for piece in message.pieces]
        else:
            deltas = [{"type": "input_json_delta", "partial_json": message.arguments}]
        return events + [_named({"type": "content_block_delta", "index": 0, "delta": delta}) for delta in deltas]

    def ending(self, asked: Asked, message: Message, telling: Telling) -> list[Event]:
        """The block's end, the reason to stop with the usage, and message_stop."""
        if not telling.has_finish:
            return []
        delta: dict[str, Any] = {"stop_reason": _stop(message), "stop_sequence": None}
        last: dict[str, Any] = {"type": "message_delta", "delta": delta}
        if telling.has_usage:
            last["usage"] = _usage(message)
        events = [_named({"type": "content_block_stop", "index": 0}), _named(last)]
        return events + self.done() if telling.has_done else events

    def done(self) -> list[Event]:
        """message_stop."""
        return [_named({"type": "message_stop"})]

    def empty(self, asked: Asked, message: Message) -> Event:
        """A ping."""
        return _ping()

    def first_empty(self, asked: Asked, message: Message) -> Event:
        """A ping."""
        return _ping()

    def error(self, complaint: Complaint) -> bytes:
        """An error body; `code` and `param` have no place in it."""
        kind = complaint.type or _KINDS.get(complaint.status, "api_error")
        return _encode({"type": "error", "error": {"type": kind, "message": complaint.text}, "request_id": "req_mock"})

    def error_event(self, complaint: Complaint, name: str) -> Event:
        """The same as an event."""
        return Event(self.error(complaint), name or "error")


def _named(event: Json) -> Event:
    return Event(_encode(event), str(event["type"]))


def _ping() -> Event:
    return _named({"type": "ping"})


def _head(asked: Asked, message: Message, has_usage: bool) -> dict[str, Any]:
    head: dict[str, Any] = {
        "id": ANSWER_ID,
        "type": "message",
        "role": "assistant",
        "model": message.model or asked.model,
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
    }
    return head | {"usage": _usage(message)} if has_usage else head


def _block(message: Message) -> dict[str, Any]:
    if message.tool is None:
        return {"type": "text", "text": "".join(message.pieces)}
    return {"type": "tool_use", "id": "toolu_mock_1", "name": message.tool, "input": arguments_of(message)}


def _stop(message: Message) -> str:
    return _STOPS.get(message.finish_reason, message.finish_reason)


def _usage(message: Message) -> Json:
    return {"input_tokens": PROMPT_TOKENS, "output_tokens": message.tokens}

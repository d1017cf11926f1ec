"""Anthropic's answers, whole and as streams, for tests; each is held against the SDK's own models."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from anthropic.types import Message, RawMessageStreamEvent
from pydantic import TypeAdapter

_EVENT: TypeAdapter[Any] = TypeAdapter(RawMessageStreamEvent)
USAGE = {"input_tokens": 10, "output_tokens": 5}


@dataclass(frozen=True, slots=True)
class Sent:
    """A server-sent event."""

    data: bytes
    event: str = "message"


def message(content: Sequence[object] = (), stop_reason: str | None = "end_turn", **more: object) -> dict[str, Any]:
    """A whole answer."""
    made = {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "claude-x-1",
        "content": list(content),
        "stop_reason": stop_reason,
        "stop_sequence": None,
        "usage": USAGE,
        **more,
    }
    if stop_reason in ("end_turn", "max_tokens", "stop_sequence", "tool_use", "pause_turn", "refusal"):
        Message.model_validate(made)
    return made


def event(kind: str, **members: object) -> Sent:
    """One event of a stream, of a type that the SDK knows."""
    body = {"type": kind, **members}
    if kind not in ("ping", "error"):
        _EVENT.validate_python(body)
    return Sent(json.dumps(body).encode(), kind)


def started(**more: object) -> Sent:
    """The first event."""
    return event("message_start", message=message([], None, **more))


def block(index: int, first: dict[str, Any], *deltas: dict[str, Any]) -> Iterator[Sent]:
    """A block from its start to its stop."""
    yield event("content_block_start", index=index, content_block=first)
    for delta in deltas:
        yield event("content_block_delta", index=index, delta=delta)
    yield event("content_block_stop", index=index)


def text(index: int, *pieces: str) -> Iterator[Sent]:
    """A block of text in pieces."""
    return block(index, {"type": "text", "text": ""}, *({"type": "text_delta", "text": piece} for piece in pieces))


def ended(stop_reason: str = "end_turn", usage: dict[str, Any] | None = None, **more: object) -> Iterator[Sent]:
    """The last events."""
    delta = {"stop_reason": stop_reason, "stop_sequence": None, **more}
    yield event("message_delta", delta=delta, usage=usage or {"output_tokens": 5})
    yield event("message_stop")

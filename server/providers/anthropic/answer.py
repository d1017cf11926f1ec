"""Anthropic's answers as chat completions: blocks to a message, stop reasons, tokens in OpenAI's way of counting.

What OpenAI's shape has no place for stays: members of the answer pass, and blocks of kinds that only Anthropic knows
make the whole content stand, as it came, in `extra_content.anthropic.content`.
"""

from collections.abc import Mapping
from typing import Final

import msgspec
from msgspec import Raw, Struct

from server.providers.anthropic.content import Made

FINISH_REASONS: Final[Mapping[str, str]] = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "pause_turn": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
    "refusal": "content_filter",
}
"""OpenAI's word for each of Anthropic's. An answer that pauses can be given back as it is, and goes on."""

_PLAIN: Final = frozenset({"end_turn", "max_tokens", "tool_use"})
_KNOWN: Final = frozenset({"id", "type", "role", "model", "content", "stop_reason", "stop_sequence", "usage"})
_NULL: Final = Raw(b"null")
_SHOWN_KINDS: Final = frozenset({"text", "thinking", "redacted_thinking", "tool_use"})


class CacheCreation(Struct, gc=False):
    """What was written to the prompt cache, by how long it is kept."""

    ephemeral_5m_input_tokens: int | None = None
    ephemeral_1h_input_tokens: int | None = None


class OutputDetails(Struct, gc=False):
    """What was written of which kind."""

    thinking_tokens: int | None = None


class Counted(Struct, gc=False):
    """Anthropic's usage: the three counts of the prompt exclude each other, the answer's includes the reasoning."""

    input_tokens: int | None = None
    cache_creation_input_tokens: int | None = None
    cache_read_input_tokens: int | None = None
    cache_creation: CacheCreation | None = None
    output_tokens: int | None = None
    output_tokens_details: OutputDetails | None = None
    server_tool_use: Raw = _NULL
    service_tier: str | None = None
    speed: str | None = None


class AnyBlock(Struct, gc=False):
    """A block of content, with the members of those kinds that are translated."""

    type: str
    text: str = ""
    citations: list[Raw] | None = None
    thinking: str = ""
    signature: str | None = None
    id: str = ""
    name: str = ""
    input: Raw = Raw(b"{}")


_COUNTED: Final = msgspec.json.Decoder(Counted)


def counted_of(raw: Raw) -> Counted | None:
    """The usage; None where it is absent or is none: that is another thing than no tokens."""
    try:
        counted = None if raw == _NULL else _COUNTED.decode(raw)
    except msgspec.DecodeError:
        return None
    has_counts = counted is not None and (counted.input_tokens is not None or counted.output_tokens is not None)
    return counted if has_counts else None


def usage_of(counted: Counted) -> Made:
    """The usage as OpenAI counts it: the cache is a part of the prompt."""
    read, written = counted.cache_read_input_tokens or 0, counted.cache_creation_input_tokens or 0
    prompt, completion = (counted.input_tokens or 0) + read + written, counted.output_tokens or 0
    inside: Made = {"cached_tokens": read, "cache_write_tokens": written}
    hour = counted.cache_creation.ephemeral_1h_input_tokens if counted.cache_creation else None
    if hour:
        inside["cache_write_1h_tokens"] = hour
    made: Made = {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
        "prompt_tokens_details": inside,
    }
    reasoning = counted.output_tokens_details.thinking_tokens if counted.output_tokens_details else None
    if reasoning is not None:
        made["completion_tokens_details"] = {"reasoning_tokens": reasoning}
    if counted.server_tool_use != _NULL:
        made["server_tool_use"] = counted.server_tool_use
    return made


def tier_of(counted: Counted) -> str | None:
    """The tier that answered; the fast mode counts as one, since it has its own price."""
    return "fast" if counted.speed == "fast" else counted.service_tier


def finish_of(stop_reason: str | None, *, has_calls: bool) -> str:
    """OpenAI's finish reason. A word that is not known is `stop`; an answer that calls a tool says so."""
    found = FINISH_REASONS.get(stop_reason or "", "stop")
    if found == "stop" and has_calls:
        return "tool_calls"
    return "stop" if found == "tool_calls" and not has_calls else found


def notes_of(stop_reason: str | None) -> list[str]:
    """What is to be said of a stop reason that nobody knows."""
    if stop_reason is None or stop_reason in FINISH_REASONS:
        return []
    return [f"The provider ended with {stop_reason[:40]!r}, which is taken for a stop."]


def ending_of(stop_reason: str | None, stop_sequence: str | None) -> Made:
    """The members of a choice that tell more of the end than OpenAI's reason does."""
    made: Made = {}
    if stop_reason is not None and stop_reason not in _PLAIN:
        made["native_finish_reason"] = stop_reason
    if stop_sequence is not None:
        made["stop_sequence"] = stop_sequence
    return made


def others_of(members: Mapping[str, Raw]) -> dict[str, Raw]:
    """The members of an answer that have no place of their own in OpenAI's shape."""
    return {name: raw for name, raw in members.items() if name not in _KNOWN and raw != _NULL}


def is_shown(kind: str) -> bool:
    """Whether OpenAI's message, with its members beyond, has a place for a block of that kind."""
    return kind in _SHOWN_KINDS


def kept_content(blocks: list[Raw]) -> Made:
    """The member that keeps a content which the message alone cannot give back."""
    return {"anthropic": {"content": blocks}}


class _WebCitation(Struct):
    type: str = ""
    url: str | None = None
    title: str | None = None


def annotations_of(citations: list[Raw], start: int, end: int) -> list[object]:
    """Citations of the text from `start` to `end`: addresses in OpenAI's form, others as they came."""
    made: list[object] = []
    for raw in citations:
        cited = msgspec.json.decode(raw, type=_WebCitation)
        if cited.url is None:
            made.append(raw)
            continue
        place = {"url": cited.url, "title": cited.title or "", "start_index": start, "end_index": end}
        made.append({"type": "url_citation", "url_citation": place})
    return made


def message_of(blocks: list[Raw]) -> Made:
    """The assistant's message of an answer's blocks."""
    decoded = [msgspec.json.decode(raw, type=AnyBlock) for raw in blocks]
    text, reasoning, annotations = "", "", []
    signed: list[Raw] = []
    calls: list[Made] = []
    for raw, block in zip(blocks, decoded, strict=True):
        if block.type == "text":
            annotations += annotations_of(block.citations or [], len(text), len(text) + len(block.text))
            text += block.text
        elif block.type == "thinking":
            reasoning += block.thinking
        elif block.type == "tool_use":
            function = {"name": block.name, "arguments": bytes(block.input).decode()}
            calls.append({"id": block.id, "type": "function", "function": function})
        if block.type in ("thinking", "redacted_thinking"):
            signed.append(raw)
    message: Made = {"role": "assistant", "content": text if text or not calls else None}
    for name, value in (
        ("reasoning_content", reasoning),
        ("thinking_blocks", signed),
        ("tool_calls", calls),
        ("annotations", annotations),
    ):
        if value:
            message[name] = value
    if not all(is_shown(block.type) for block in decoded):
        message["extra_content"] = kept_content(blocks)
    return message

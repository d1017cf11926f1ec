"""Converse's answers as chat completions: blocks to a message, stop reasons, tokens in OpenAI's way of counting.

Blocks that OpenAI's message has no place for stand as they came in `extra_content.bedrock.content`.
"""

from collections.abc import Mapping, Sequence
from typing import Final

import msgspec
from msgspec import Raw, Struct

from server.errors import PerpetuoError, UpstreamUnavailable
from server.providers.written import Made, url_citation

FINISH_REASONS: Final[Mapping[str, str]] = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
    "guardrail_intervened": "content_filter",
    "content_filtered": "content_filter",
}
"""OpenAI's word for each of Converse's."""
FAILURES: Final = frozenset({"malformed_model_output", "malformed_tool_use"})
"""Ends that are failures of the model."""

_PLAIN: Final = frozenset({"end_turn", "max_tokens", "tool_use"})
_NULL: Final = Raw(b"null")


class CacheDetail(Struct, gc=False, rename="camel"):
    """What was written to the prompt cache for how long."""

    ttl: str = ""
    input_tokens: int = 0


class Counted(Struct, gc=False, rename="camel"):
    """Converse's usage: the three counts of the prompt exclude each other."""

    input_tokens: int = 0
    output_tokens: int = 0
    cache_read_input_tokens: int = 0
    cache_write_input_tokens: int = 0
    cache_details: list[CacheDetail] | None = None


class ToolUse(Struct, gc=False, rename="camel"):
    """A call of a tool."""

    tool_use_id: str = ""
    name: str = ""
    input: Raw = Raw(b"{}")


class ReasoningText(Struct, gc=False):
    """Reasoning, and its signature as it came."""

    text: str = ""
    signature: Raw = _NULL


class Reasoning(Struct, gc=False, rename="camel"):
    """A block of reasoning: its text, or what is shown to nobody."""

    reasoning_text: ReasoningText | None = None
    redacted_content: Raw = _NULL


class Web(Struct, gc=False):
    """An address that is cited."""

    url: str = ""


class Location(Struct, gc=False):
    """Where a citation leads."""

    web: Web | None = None


class Citation(Struct, gc=False):
    """A citation, as far as it is translated."""

    title: str = ""
    location: Location | None = None


class Piece(Struct, gc=False):
    """A piece of cited text."""

    text: str = ""


class Cited(Struct, gc=False):
    """Text with what it cites."""

    content: list[Piece] | None = None
    citations: list[Raw] | None = None


class Block(Struct, gc=False, rename="camel"):
    """A block of content: one of these."""

    text: str | None = None
    tool_use: ToolUse | None = None
    reasoning_content: Reasoning | None = None
    citations_content: Cited | None = None


class Message(Struct, gc=False):
    """The assistant's message."""

    content: list[Raw] | None = None


class Output(Struct, gc=False):
    """What was said."""

    message: Message | None = None


class Tier(Struct, gc=False):
    """The tier that answered."""

    type: str = ""


class Converse(Struct, gc=False, rename="camel"):
    """A whole answer."""

    output: Output | None = None
    stop_reason: str = ""
    usage: Counted | None = None
    service_tier: Tier | None = None
    trace: Raw = _NULL
    additional_model_response_fields: Raw = _NULL


BLOCK: Final = msgspec.json.Decoder(Block)


def usage_of(counted: Counted | None) -> Made | None:
    """The usage as OpenAI counts it: the cache is a part of the prompt."""
    if counted is None:
        return None
    read, written = counted.cache_read_input_tokens, counted.cache_write_input_tokens
    prompt, completion = counted.input_tokens + read + written, counted.output_tokens
    inside: Made = {"cached_tokens": read, "cache_write_tokens": written}
    hour = sum(detail.input_tokens for detail in counted.cache_details or () if detail.ttl == "1h")
    if hour:
        inside["cache_write_1h_tokens"] = hour
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
        "prompt_tokens_details": inside,
    }


def finish_of(stop_reason: str, *, has_calls: bool) -> str:
    """OpenAI's finish reason; a word that is not known is `stop`. Raises UpstreamUnavailable for a failure."""
    if stop_reason in FAILURES:
        raise failed(stop_reason)
    found = FINISH_REASONS.get(stop_reason, "stop")
    if found == "stop" and has_calls:
        return "tool_calls"
    return "stop" if found == "tool_calls" and not has_calls else found


def failed(stop_reason: str) -> PerpetuoError:
    """Why an answer counts as failed."""
    return UpstreamUnavailable(f"The model gave up while it wrote the answer ({stop_reason}).")


def notes_of(stop_reason: str) -> list[str]:
    """What is to be said of a stop reason that nobody knows."""
    if not stop_reason or stop_reason in FINISH_REASONS:
        return []
    return [f"The provider ended with {stop_reason[:40]!r}, which is taken for a stop."]


def ending_of(stop_reason: str) -> Made:
    """The members of a choice that tell more of the end than OpenAI's reason does."""
    return {"native_finish_reason": stop_reason} if stop_reason and stop_reason not in _PLAIN else {}


def others_of(answer: Converse) -> Made:
    """Members of the answer beside its choices."""
    made: Made = {}
    if answer.service_tier is not None:
        made["service_tier"] = answer.service_tier.type
    for name, raw in (
        ("trace", answer.trace),
        ("additionalModelResponseFields", answer.additional_model_response_fields),
    ):
        if raw != _NULL:
            made[name] = raw
    return made


def signed_block(text: str, signature: Raw) -> Made:
    """Reasoning as a message keeps it."""
    return {"type": "thinking", "thinking": text, "signature": signature}


def redacted_block(data: Raw) -> Made:
    """Reasoning that is shown to nobody, as a message keeps it."""
    return {"type": "redacted_thinking", "data": data}


def annotations_of(citations: Sequence[Raw], start: int, end: int) -> list[object]:
    """Citations of the text from `start` to `end`: addresses in OpenAI's form, others as they came."""
    made: list[object] = []
    for raw in citations:
        cited = msgspec.json.decode(raw, type=Citation)
        if cited.location is None or cited.location.web is None:
            made.append(raw)
        else:
            made.append(url_citation(cited.location.web.url, cited.title, (start, end)))
    return made


def call_of(use: ToolUse) -> Made:
    """A call of a tool."""
    function = {"name": use.name, "arguments": bytes(use.input).decode()}
    return {"id": use.tool_use_id, "type": "function", "function": function}


class _Message:
    """The message while its blocks are read."""

    def __init__(self) -> None:
        self.text = ""
        self.reasoning = ""
        self.signed: list[Made] = []
        self.calls: list[Made] = []
        self.annotations: list[object] = []
        self.has_others = False

    def take(self, block: Block) -> None:
        """Takes one block."""
        if block.text is not None:
            self.text += block.text
        elif block.tool_use is not None:
            self.calls.append(call_of(block.tool_use))
        elif block.reasoning_content is not None:
            self._reason(block.reasoning_content)
        elif block.citations_content is not None:
            said = "".join(piece.text for piece in block.citations_content.content or ())
            start, self.text = len(self.text), self.text + said
            self.annotations += annotations_of(block.citations_content.citations or (), start, len(self.text))
        else:
            self.has_others = True

    def _reason(self, reasoning: Reasoning) -> None:
        shown = reasoning.reasoning_text
        if shown is not None:
            self.reasoning += shown.text
            if shown.signature != _NULL:
                self.signed.append(signed_block(shown.text, shown.signature))
        if reasoning.redacted_content != _NULL:
            self.signed.append(redacted_block(reasoning.redacted_content))


def message_of(content: Sequence[Raw]) -> Made:
    """The assistant's message of an answer's blocks."""
    read = _Message()
    for raw in content:
        read.take(BLOCK.decode(raw))
    message: Made = {"role": "assistant", "content": read.text if read.text or not read.calls else None}
    for name, value in (
        ("reasoning_content", read.reasoning),
        ("thinking_blocks", read.signed),
        ("tool_calls", read.calls),
        ("annotations", read.annotations),
        ("extra_content", {"bedrock": {"content": list(content)}} if read.has_others else None),
    ):
        if value:
            message[name] = value
    return message

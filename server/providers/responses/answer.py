"""Answers of the Responses API as chat completions: items to a message, statuses to finish reasons, usage.

Reasoning items stand whole in `reasoning_items`. An output that a message cannot hold in its order, or that holds items
of tools which OpenAI runs itself, stands as it came in `extra_content.openai.output`.
"""

from collections.abc import Mapping, Sequence
from typing import Final

import msgspec
from msgspec import Raw, Struct

from server.errors import PerpetuoError, UpstreamUnavailable
from server.providers.refusal import Complaint, judged
from server.providers.written import Made, url_citation

SEPARATOR: Final = "\n\n"
"""Between two parts of a reasoning's summary."""

_NULL: Final = Raw(b"null")
_FAILURES: Final[Mapping[str, int]] = {
    "server_error": 500,
    "rate_limit_exceeded": 429,
    "vector_store_timeout": 504,
}
"""The statuses that the codes of failed answers stand for; any other blames the request."""
_LENGTHS: Final = frozenset({"max_output_tokens", "max_messages"})
_ORDER: Final = {"reasoning": 0, "message": 1, "function_call": 2, "custom_tool_call": 2}


class InputDetails(Struct, gc=False):
    """What of the prompt was read from the cache and written to it."""

    cached_tokens: int = 0
    cache_write_tokens: int = 0


class OutputDetails(Struct, gc=False):
    """What of the answer was reasoning."""

    reasoning_tokens: int = 0


class Counted(Struct, gc=False):
    """Usage; as in a chat completion, details are parts of the counts."""

    input_tokens: int = 0
    output_tokens: int = 0
    total_tokens: int = 0
    input_tokens_details: InputDetails | None = None
    output_tokens_details: OutputDetails | None = None


class Piece(Struct, gc=False):
    """A piece of content: text, a refusal, or a part of a reasoning."""

    type: str = ""
    text: str = ""
    refusal: str = ""
    annotations: list[Raw] | None = None
    logprobs: list[Raw] | None = None


class Item(Struct, gc=False):
    """An item of the output, with the members of those kinds that are translated."""

    type: str = ""
    call_id: str = ""
    name: str = ""
    arguments: str = ""
    input: str = ""
    content: list[Piece] | None = None
    summary: list[Piece] | None = None


class Fault(Struct, gc=False):
    """Why an answer failed."""

    code: str | None = None
    message: str = ""
    param: str | None = None


class Details(Struct, gc=False):
    """Why an answer is incomplete."""

    reason: str | None = None


class Response(Struct, gc=False):
    """An answer, as far as it is translated."""

    id: str = ""
    model: str = ""
    created_at: float = 0
    status: str = "completed"
    output: list[Raw] | None = None
    usage: Counted | None = None
    error: Fault | None = None
    incomplete_details: Details | None = None
    service_tier: str | None = None


ITEM: Final = msgspec.json.Decoder(Item)


def failure_of(fault: Fault | None) -> PerpetuoError:
    """The reason of an answer that failed."""
    if fault is None:
        return UpstreamUnavailable("The provider gave up while it wrote the answer.")
    code = fault.code or ""
    return judged(200, {}, Complaint(fault.message, "", code, fault.param, _FAILURES.get(code, 400 if code else 500)))


def finish_of(response: Response, *, has_calls: bool) -> tuple[str, Made]:
    """The finish reason, and members of the choice that tell more of the end."""
    reason = response.incomplete_details.reason if response.incomplete_details else None
    if response.status != "incomplete":
        return ("tool_calls" if has_calls else "stop"), {}
    if reason == "content_filter":
        return "content_filter", {}
    if reason in _LENGTHS or reason is None:
        return "length", {} if reason == "max_output_tokens" else {"native_finish_reason": reason or "incomplete"}
    return "stop", {"native_finish_reason": reason}


def usage_of(counted: Counted | None) -> Made | None:
    """The usage under the names of a chat completion."""
    if counted is None:
        return None
    inside = counted.input_tokens_details or InputDetails()
    outside = counted.output_tokens_details or OutputDetails()
    details: Made = {"cached_tokens": inside.cached_tokens}
    if inside.cache_write_tokens:
        details["cache_write_tokens"] = inside.cache_write_tokens
    return {
        "prompt_tokens": counted.input_tokens,
        "completion_tokens": counted.output_tokens,
        "total_tokens": counted.input_tokens + counted.output_tokens,
        "prompt_tokens_details": details,
        "completion_tokens_details": {"reasoning_tokens": outside.reasoning_tokens},
    }


def others_of(response: Response) -> Made:
    """Members of the answer beside its choices."""
    return {} if response.service_tier is None else {"service_tier": response.service_tier}


def call_of(item: Item) -> Made:
    """A call of a tool without what it is called with."""
    if item.type == "custom_tool_call":
        return {"id": item.call_id, "type": "custom", "custom": {"name": item.name, "input": item.input}}
    function = {"name": item.name, "arguments": item.arguments}
    return {"id": item.call_id, "type": "function", "function": function}


def reasoning_text(item: Item) -> str:
    """What a reasoning shows of itself: its summary, and the reasoning where the vendor shows that."""
    return SEPARATOR.join(piece.text for piece in (*(item.summary or ()), *(item.content or ())))


def annotations_of(pieces: Sequence[Piece], start: int = 0) -> list[object]:
    """Citations: addresses in OpenAI's form, others as they came; `start` is where the first piece begins."""
    made: list[object] = []
    for piece in pieces:
        for raw in piece.annotations or ():
            cited = msgspec.json.decode(raw, type=_Citation)
            if cited.type == "url_citation":
                made.append(url_citation(cited.url, cited.title, (start + cited.start_index, start + cited.end_index)))
            else:
                made.append(raw)
        start += len(piece.text)
    return made


class _Citation(Struct):
    type: str = ""
    url: str = ""
    title: str = ""
    start_index: int = 0
    end_index: int = 0


def kept_output(output: Sequence[Raw]) -> Made | None:
    """The member that keeps an output which a message's members cannot give back in its order; None if they can."""
    kinds = [_ORDER.get(ITEM.decode(raw).type, -1) for raw in output]
    if -1 not in kinds and kinds == sorted(kinds) and kinds.count(1) <= 1:
        return None
    return {"openai": {"output": list(output)}}


def message_of(output: Sequence[Raw]) -> tuple[Made, list[Raw]]:
    """The assistant's message of an output, and the log-probabilities of its text."""
    text, refusal = "", ""
    reasoning, calls, logprobs = [], [], []
    kept: list[Raw] = []
    annotations: list[object] = []
    for raw in output:
        item = ITEM.decode(raw)
        if item.type == "message":
            pieces = item.content or []
            annotations += annotations_of(pieces, len(text))
            text += "".join(piece.text for piece in pieces)
            refusal += "".join(piece.refusal for piece in pieces)
            logprobs += [each for piece in pieces for each in piece.logprobs or ()]
        elif item.type == "reasoning":
            kept.append(raw)
            reasoning.append(reasoning_text(item))
        elif item.type in ("function_call", "custom_tool_call"):
            calls.append(call_of(item))
    message: Made = {"role": "assistant", "content": text if text or not (calls or refusal) else None}
    shown = SEPARATOR.join(part for part in reasoning if part)
    for name, value in (
        ("refusal", refusal),
        ("reasoning_content", shown),
        ("reasoning_items", kept),
        ("tool_calls", calls),
        ("annotations", annotations),
        ("extra_content", kept_output(output)),
    ):
        if value:
            message[name] = value
    return message, logprobs

"""Cohere's answers as chat completions: contents to a message, finish reasons, tokens in OpenAI's way of counting.

What was planned before tools are called is reasoning. Tokens are those that are billed, where they are told; both
counts stay as they came beside them, and citations in `extra_content.cohere.citations`.
"""

from collections.abc import Mapping, Sequence
from typing import Final

import msgspec
from msgspec import Raw, Struct

from server.errors import PerpetuoError, UpstreamTimeout, UpstreamUnavailable
from server.providers.written import Made, url_citation

FINISH_REASONS: Final[Mapping[str, str]] = {
    "COMPLETE": "stop",
    "STOP_SEQUENCE": "stop",
    "MAX_TOKENS": "length",
    "TOOL_CALL": "tool_calls",
    "ERROR_TOXIC": "content_filter",
}
"""OpenAI's word for each of Cohere's that has one."""
FAILURES: Final = frozenset({"ERROR", "ERROR_LIMIT", "TIMEOUT", "USER_CANCEL"})
"""Ends that are failures."""

_PLAIN: Final = frozenset({"COMPLETE", "MAX_TOKENS", "TOOL_CALL"})
_NULL: Final = Raw(b"null")
_KNOWN: Final = frozenset({"id", "finish_reason", "message", "usage", "logprobs"})
_BREAK: Final = "\n\n"


class Units(Struct, gc=False):
    """Tokens, as the vendor counts them: numbers that may have a fraction."""

    input_tokens: float | None = None
    output_tokens: float | None = None


class Usage(Struct, gc=False):
    """What is billed, what the model really read and wrote, and what of the prompt was cached."""

    billed_units: Raw = _NULL
    tokens: Raw = _NULL
    cached_tokens: float | None = None


class Function(Struct, gc=False):
    """A function that is called."""

    name: str | None = None
    arguments: str | None = None


class Call(Struct, gc=False):
    """A call of a tool."""

    id: str = ""
    function: Function | None = None


class Content(Struct, gc=False):
    """A piece of content: text or thoughts."""

    text: str | None = None
    thinking: str | None = None


class Message(Struct, gc=False):
    """The assistant's message."""

    content: list[Content] | None = None
    tool_calls: list[Call] | None = None
    tool_plan: str | None = None
    citations: list[Raw] | None = None


class Likely(Struct, gc=False):
    """How likely a piece of text was."""

    text: str | None = None
    logprobs: list[float] | None = None


class Said(Struct, gc=False):
    """A whole answer."""

    id: str = ""
    finish_reason: str = ""
    message: Message | None = None
    usage: Usage | None = None
    logprobs: list[Likely] | None = None


class _Page(Struct, gc=False):
    url: str = ""
    title: str = ""


class _Source(Struct, gc=False):
    document: _Page | None = None


class _Citation(Struct, gc=False):
    start: int | None = None
    end: int | None = None
    content_index: int | None = None
    sources: list[_Source] | None = None


SAID: Final = msgspec.json.Decoder(Said)
_UNITS: Final = msgspec.json.Decoder(Units)
_CITATION: Final = msgspec.json.Decoder(_Citation)
_MEMBERS: Final = msgspec.json.Decoder(dict[str, Raw])


def message_of(message: Message) -> Made:
    """The assistant's message."""
    text, reasoning = "", ""
    starts: dict[int, int] = {}
    for place, content in enumerate(message.content or ()):
        starts[place] = len(text)
        text += content.text or ""
        reasoning += content.thinking or ""
    if message.tool_plan:
        reasoning = joined(reasoning, message.tool_plan)
    calls = [call_of(call) for call in message.tool_calls or ()]
    made: Made = {"role": "assistant", "content": text if text or not calls else None}
    for name, value in (
        ("reasoning_content", reasoning),
        ("tool_calls", calls),
        ("annotations", [each for raw in message.citations or () for each in annotations_of(raw, starts)]),
        ("extra_content", cited(message.citations) if message.citations else None),
    ):
        if value:
            made[name] = value
    return made


def joined(thoughts: str, plan: str) -> str:
    """Thoughts, and what was planned after them."""
    return f"{thoughts}{_BREAK}{plan}" if thoughts else plan


def call_of(call: Call) -> Made:
    """A call; one without arguments has the empty object."""
    function = call.function or Function()
    arguments = function.arguments or "{}"
    return {"id": call.id, "type": "function", "function": {"name": function.name or "", "arguments": arguments}}


def cited(citations: Sequence[Raw]) -> Made:
    """Citations as they came, where a message keeps them."""
    return {"cohere": {"citations": list(citations)}}


def annotations_of(raw: Raw, starts: Mapping[int, int]) -> list[Made]:
    """The addresses that are cited, in OpenAI's form. `starts` is where in the text each content begins."""
    found = _CITATION.decode(raw)
    pages = [source.document for source in found.sources or () if source.document and source.document.url]
    begin = starts.get(found.content_index or 0, 0)
    place = (begin + (found.start or 0), begin + (found.end or 0))
    return [url_citation(page.url, page.title, place) for page in pages]


def usage_of(usage: Usage | None) -> Made | None:
    """The usage in OpenAI's form; None where neither count is told: that is another thing than no tokens."""
    if usage is None:
        return None
    counted = [_UNITS.decode(raw) for raw in (usage.billed_units, usage.tokens) if raw != _NULL]
    found = next((units for units in counted if units.input_tokens is not None), None)
    if found is None:
        return None
    prompt, completion = int(found.input_tokens or 0), int(found.output_tokens or 0)
    made: Made = {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}
    if usage.cached_tokens is not None:
        made["prompt_tokens_details"] = {"cached_tokens": min(int(usage.cached_tokens), prompt)}
    for name, raw in (("billed_units", usage.billed_units), ("tokens", usage.tokens)):
        if raw != _NULL:
            made[name] = raw
    return made


def finish_of(reason: str, *, has_calls: bool) -> str:
    """OpenAI's finish reason; a word that is not known is `stop`. Raises the reason of a failure."""
    if reason in FAILURES:
        raise failed(reason)
    found = FINISH_REASONS.get(reason, "stop")
    if found == "stop" and has_calls:
        return "tool_calls"
    return "stop" if found == "tool_calls" and not has_calls else found


def failed(reason: str) -> PerpetuoError:
    """Why an answer counts as failed."""
    if reason == "TIMEOUT":
        return UpstreamTimeout("The model ran out of time while it wrote the answer.")
    return UpstreamUnavailable(f"The model gave up while it wrote the answer ({reason[:40]}).")


def notes_of(reason: str) -> list[str]:
    """What is to be said of a reason that nobody knows."""
    if not reason or reason in FINISH_REASONS or reason in FAILURES:
        return []
    return [f"The provider ended with {reason[:40]!r}, which is taken for a stop."]


def ending_of(reason: str) -> Made:
    """The vendor's own word, where OpenAI's does not say it all."""
    return {"native_finish_reason": reason} if reason and reason not in _PLAIN else {}


def logprobs_of(likely: Sequence[Likely] | None) -> Made:
    """Log-probabilities as a member of a choice; a piece of several tokens is as likely as all of them together."""
    if not likely:
        return {}
    content = [
        {"token": text, "logprob": sum(item.logprobs or ()), "bytes": list(text.encode()), "top_logprobs": []}
        for item in likely
        for text in (item.text or "",)
    ]
    return {"logprobs": {"content": content, "refusal": None}}


def others_of(body: bytes) -> Made:
    """The members of an answer that have no place of their own in OpenAI's shape."""
    return {name: raw for name, raw in _MEMBERS.decode(body).items() if name not in _KNOWN and raw != _NULL}

"""What faces read of a chat completion and of its chunks: a typed view, in which what is not known is passed over.

Usage is read leniently, since an answer without it is still one; everything else must have its kind.
"""

from typing import Final

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

from server.errors import UpstreamBadResponse

RawMember = Raw | UnsetType


class CalledFunction(Struct, gc=False):
    """A function and its arguments, or a piece of them; of a custom tool its input."""

    name: str | None = None
    arguments: str | None = None
    input: str | None = None


class Call(Struct, gc=False):
    """A call of a tool, or a piece of it."""

    index: int | None = None
    id: str | None = None
    function: CalledFunction | None = None
    custom: CalledFunction | None = None
    extra_content: RawMember = UNSET


class Said(Struct, gc=False):
    """A message of an answer, or a piece of it."""

    content: str | list[Raw] | None = None
    refusal: str | None = None
    reasoning_content: str | None = None
    reasoning: RawMember = UNSET
    thinking_blocks: list[Raw] | None = None
    reasoning_items: list[Raw] | None = None
    tool_calls: list[Call] | None = None
    annotations: list[Raw] | None = None

    def thought(self) -> str:
        """The text of the reasoning, by whichever of its names."""
        if self.reasoning_content:
            return self.reasoning_content
        reasoning = msgspec.json.decode(self.reasoning) if isinstance(self.reasoning, Raw) else None
        return reasoning if isinstance(reasoning, str) else ""

    def text(self) -> str:
        """What it says, without a refusal."""
        if not isinstance(self.content, list):
            return self.content or ""
        parts = (msgspec.json.decode(part) for part in self.content)
        objects = [part for part in parts if isinstance(part, dict)]
        return "".join(str(part.get("text") or "") for part in objects)


class Logprobs(Struct, gc=False):
    """Log-probabilities as they came."""

    content: list[Raw] | None = None


class End(Struct, gc=False):
    """How a choice ended."""

    finish_reason: str | None = None
    native_finish_reason: str | None = None
    stop_sequence: str | None = None


class Choice(End, gc=False):
    """One answer, or a piece of it."""

    message: Said | None = None
    delta: Said | None = None
    logprobs: Logprobs | None = None


class Completion(Struct, gc=False):
    """A chat completion, or a chunk of one."""

    id: str | None = None
    model: str | None = None
    created: int = 0
    choices: list[Choice] = []
    usage: RawMember = UNSET
    service_tier: str | None = None
    gateway_metadata: RawMember = UNSET
    native: RawMember = UNSET


class InputDetails(Struct, gc=False):
    """Parts of the prompt's tokens."""

    cached_tokens: int | None = None
    cache_write_tokens: int | None = None
    cache_write_1h_tokens: int | None = None


class OutputDetails(Struct, gc=False):
    """Parts of the answer's tokens."""

    reasoning_tokens: int | None = None


class ChatUsage(Struct, gc=False):
    """Tokens as OpenAI counts them."""

    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    prompt_tokens_details: InputDetails | None = None
    completion_tokens_details: OutputDetails | None = None


class Counts(Struct, frozen=True, gc=False):
    """Tokens that add up: what was read from and written to the cache are parts of the prompt, reasoning of the answer.

    `written_1h` is a part of `written`. `reasoning` is None where nobody told.
    """

    prompt: int
    read: int
    written: int
    written_1h: int
    completion: int
    reasoning: int | None


_COMPLETION: Final = msgspec.json.Decoder(Completion)
_USAGE: Final = msgspec.json.Decoder(ChatUsage | None)


def read_completion(data: bytes) -> Completion:
    """Reads a chat completion or a chunk. Raises UpstreamBadResponse when it has not that shape."""
    try:
        return _COMPLETION.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError) as exc:
        raise UpstreamBadResponse(f"The provider's answer is not a chat completion: {exc}.") from None


def read_usage(raw: RawMember) -> ChatUsage | None:
    """A `usage` member; None when it is absent, null, or not counts of tokens."""
    if not isinstance(raw, Raw):
        return None
    try:
        usage: ChatUsage | None = _USAGE.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    return usage


def counts_of(usage: ChatUsage) -> Counts:
    """The counts, none below zero and no part more than its whole."""
    prompt, completion = usage.prompt_tokens or 0, usage.completion_tokens or 0
    prompt, completion = max(prompt, 0), max(completion, 0)
    inside, outside = usage.prompt_tokens_details, usage.completion_tokens_details
    reasoning = None if outside is None else outside.reasoning_tokens
    if reasoning is not None:
        reasoning = max(reasoning, 0)
    if inside is None:
        return Counts(prompt, 0, 0, 0, completion, reasoning)
    read = min(max(inside.cached_tokens or 0, 0), prompt)
    written = min(max(inside.cache_write_tokens or 0, 0), prompt - read)
    written_1h = min(max(inside.cache_write_1h_tokens or 0, 0), written)
    return Counts(prompt, read, written, written_1h, completion, reasoning)

"""The usage that an answer reports, in OpenAI's form, put into buckets of which each token is in exactly one.

Pure. Usage that is missing is another thing than no tokens: what is no count of tokens is as if it were not there.
"""

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

from server.chat.usage import Usage

_NULL = Raw(b"null")
USUAL_TIERS = frozenset({"", "auto", "default", "standard", "on_demand"})
_USUAL_RAW_TIERS = frozenset({b"null", *(f'"{tier}"'.encode() for tier in USUAL_TIERS)})


class _InputDetails(Struct, gc=False):
    cached_tokens: int | None = None
    cache_write_tokens: int | None = None
    cache_write_1h_tokens: int | None = None
    audio_tokens: int | None = None
    cached_audio_tokens: int | None = None


class _OutputDetails(Struct, gc=False):
    reasoning_tokens: int | None = None
    audio_tokens: int | None = None


class ReportedUsage(Struct, gc=False):
    """A `usage` member as it comes."""

    prompt_tokens: int | UnsetType | None = UNSET
    completion_tokens: int | UnsetType | None = UNSET
    prompt_tokens_details: _InputDetails | None = None
    completion_tokens_details: _OutputDetails | None = None


_NO_INPUT = _InputDetails()
_NO_OUTPUT = _OutputDetails()
_USAGE = msgspec.json.Decoder(ReportedUsage)


def read_usage(raw: Raw | UnsetType, tier: Raw | UnsetType = UNSET) -> Usage | None:
    """A `usage` member in disjoint buckets; `tier` is the answer's `service_tier`.

    OpenAI counts cached tokens as part of the prompt and reasoning as part of the completion. None when it is absent,
    null, or not counts of tokens: usage that is missing is another thing than no tokens.
    """
    if not isinstance(raw, Raw) or raw == _NULL:
        return None
    try:
        usage = _USAGE.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    if not isinstance(usage.prompt_tokens, int) and not isinstance(usage.completion_tokens, int):
        return None
    return in_buckets(usage, _tier(tier))


def in_buckets(usage: ReportedUsage, tier: str) -> Usage:
    """What is reported; `tier` is the service tier, empty for the usual one."""
    inside, outside = usage.prompt_tokens_details, usage.completion_tokens_details
    prompt, completion = usage.prompt_tokens, usage.completion_tokens
    # What is unset is false.
    prompt_tokens = prompt if prompt and prompt > 0 else 0
    completion_tokens = completion if completion and completion > 0 else 0
    # What the others count is a part of what these do.
    is_plain_in = inside is None or not (inside.cached_tokens or inside.cache_write_tokens or inside.audio_tokens)
    if is_plain_in and (outside is None or not (outside.reasoning_tokens or outside.audio_tokens)):
        if not tier:
            return Usage(prompt_tokens, 0, 0, completion_tokens)
        return Usage(prompt_tokens, 0, 0, completion_tokens, tier=tier)
    inside, outside = inside or _NO_INPUT, outside or _NO_OUTPUT
    cache_read = min(_count(inside.cached_tokens), prompt_tokens)
    cache_write = min(_count(inside.cache_write_tokens), prompt_tokens - cache_read)
    fresh = prompt_tokens - cache_read - cache_write
    reasoning = min(_count(outside.reasoning_tokens), completion_tokens)
    audio_read = min(_count(inside.cached_audio_tokens), cache_read)
    return Usage(
        input_tokens=fresh,
        cache_read_tokens=cache_read,
        cache_write_tokens=cache_write,
        output_tokens=completion_tokens - reasoning,
        reasoning_tokens=reasoning,
        cache_write_1h_tokens=min(_count(inside.cache_write_1h_tokens), cache_write),
        audio_input_tokens=min(max(_count(inside.audio_tokens) - audio_read, 0), fresh),
        audio_cache_read_tokens=audio_read,
        audio_output_tokens=min(_count(outside.audio_tokens), completion_tokens - reasoning),
        tier=tier,
    )


def _tier(raw: Raw | UnsetType) -> str:
    """The service tier that an answer names, empty for the usual one."""
    if not isinstance(raw, Raw) or bytes(raw) in _USUAL_RAW_TIERS:
        return ""
    try:
        tier = msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return ""
    return "" if not isinstance(tier, str) or tier in USUAL_TIERS else tier


def _count(tokens: object) -> int:
    return tokens if isinstance(tokens, int) and tokens > 0 else 0

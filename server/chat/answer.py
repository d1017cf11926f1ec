"""Reads what the gateway needs of an upstream's answer, whole or streamed, and puts into it what is the gateway's.

Facts are read in OpenAI's shape. An answer goes out as it came but for its `id` and `gateway_metadata`, so that what
the gateway does not know survives. This module must not judge a failure: an `error` member is a fact that it reports.
Values here are Structs and not dataclasses, because one is made for each streamed event.
"""

from typing import NamedTuple, TypeAlias

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

from server.chat.ids import ID_PREFIX
from server.chat.open_end import open_end, with_metadata_at
from server.chat.reported import USUAL_TIERS, ReportedUsage, in_buckets, read_usage
from server.chat.usage import Usage
from server.errors import UpstreamBadResponse

Members: TypeAlias = dict[str, Raw]

_NULL = Raw(b"null")
_ZERO = Raw(b"0")
_EMPTY = (_NULL, Raw(b'""'), Raw(b"[]"), Raw(b"{}"))
_EMPTY_BYTES = frozenset((b"null", b'""', b"[]", b"{}"))
_NOT_SAID = frozenset({"role", "annotations", "extra_content"})
_CUT = "Input data was truncated"


class AnswerFacts(Struct, frozen=True, gc=False):
    """What an answer says. `finish_reason` is the first choice's; `error` is the error object that stands in it.

    `is_plain` says that it has no `gateway_metadata` yet, `is_usual` that every choice has an index and a role, and
    none calls a tool: what vendors write otherwise is not in it.
    """

    id: str | None
    model: str | None
    finish_reason: str | None
    usage: Usage | None
    has_content: bool
    error: dict[str, object] | None = None
    is_plain: bool = False
    is_usual: bool = False


class ChunkFacts(Struct, frozen=True, gc=False):
    """What a streamed event says.

    `has_content` is true for text, reasoning (signed blocks of it too), a refusal, sound and tool calls, but not for a
    role, for citations or for a vendor's extras alone.
    `finish_reason` is that of the first choice which has one, `more_finished` how many others have one too.
    `is_usage_only` marks the chunk without choices that carries the usage.
    """

    id: str | None
    model: str | None
    has_content: bool
    finish_reason: str | None
    usage: Usage | None
    is_usage_only: bool
    error: dict[str, object] | None = None
    more_finished: int = 0


class GatewayMetadata(Struct, frozen=True, omit_defaults=True, gc=False):
    """How the gateway got an answer. `cost_usd` is in dollars, None when the model has no known price.

    `cache` is `semantic` for an answer to another request that is like this one: `cache_similarity`, from 0 to 1, says
    how much, and `cache_source` is that request's id. They are there for such answers alone.
    """

    routed_to: str
    complexity: str
    cost_usd: float | None
    latency_ms: int
    cache_hit: bool
    provider: str
    request_id: str
    strategy: str
    attempts: int
    notes: list[str] = []
    cache: str = ""
    cache_similarity: float | None = None
    cache_source: str = ""


class _Choice(Struct, gc=False):
    message: Members | None = None
    delta: Members | None = None
    finish_reason: str | None = None


class _Answer(Struct, gc=False):
    id: str | None = None
    model: str | None = None
    choices: list[_Choice] | None = None
    usage: Raw | UnsetType = UNSET
    error: Raw | UnsetType = UNSET
    service_tier: Raw | UnsetType = UNSET
    gateway_metadata: Raw | UnsetType = UNSET


class _WholeMessage(Struct, gc=False, forbid_unknown_fields=True):
    """A message of nothing but OpenAI's own members, and reasoning."""

    role: str | None = None
    content: str | None = None
    refusal: str | None = None
    annotations: Raw | UnsetType = UNSET
    reasoning_content: str | None = None
    tool_calls: Raw | UnsetType = UNSET
    function_call: Raw | UnsetType = UNSET
    audio: Raw | UnsetType = UNSET


class _WholeChoice(Struct, gc=False):
    message: _WholeMessage | None = None
    finish_reason: str | None = None
    index: int | UnsetType = UNSET


class _WholeAnswer(Struct, gc=False):
    """Nearly every whole answer: one whose messages and usage are in OpenAI's form."""

    id: str | None = None
    model: str | None = None
    choices: list[_WholeChoice] | None = None
    usage: ReportedUsage | None = None
    error: Raw | UnsetType = UNSET
    service_tier: str | None = None
    gateway_metadata: Raw | UnsetType = UNSET


_ANSWER = msgspec.json.Decoder(_Answer)
_WHOLE = msgspec.json.Decoder(_WholeAnswer)
_MEMBERS = msgspec.json.Decoder(Members)
_ENCODER = msgspec.json.Encoder()


def peek_answer(body: bytes) -> AnswerFacts:
    """Reads a whole answer. Raises UpstreamBadResponse when it is neither a chat completion nor an error."""
    try:
        answer = _WHOLE.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _peek_odd(body)
    choices, usage = answer.choices, answer.usage
    if not choices or answer.error is not UNSET:
        return _peek_odd(body)
    found: Usage | None = None
    if usage is not None and (usage.prompt_tokens.__class__ is int or usage.completion_tokens.__class__ is int):
        tier = answer.service_tier
        found = in_buckets(usage, "" if tier is None or tier in USUAL_TIERS else tier)
    has_content, is_usual = False, True
    for choice in choices:
        message = choice.message
        if message is None:
            is_usual = False
            continue
        if message.content or _says_more(message):
            has_content = True
        if not message.role or choice.index is UNSET or message.tool_calls is not UNSET:
            is_usual = False
    finish_reason, is_plain = choices[0].finish_reason or None, answer.gateway_metadata is UNSET
    return AnswerFacts(answer.id, answer.model, finish_reason, found, has_content, None, is_plain, is_usual)


def _peek_odd(body: bytes) -> AnswerFacts:
    """The same of an answer that may be an error, or none at all, or tell its usage in a form of its own."""
    answer = _decode(body)
    error = _error_of(answer.error)
    choices = answer.choices
    if choices is None and error is None:
        raise UpstreamBadResponse("The provider's answer is not a chat completion: it has no 'choices'.")
    return AnswerFacts(
        answer.id,
        answer.model,
        (choices[0].finish_reason or None) if choices else None,
        read_usage(answer.usage, answer.service_tier),
        _says_something(choices),
        error,
        answer.gateway_metadata is UNSET,
    )


def peek_chunk(data: bytes) -> ChunkFacts:
    """Reads the data of one streamed event. Raises UpstreamBadResponse when it is not a JSON object of that shape."""
    answer = _decode(data)
    has_content = False
    finish_reason = None
    more_finished = 0
    choices = answer.choices
    if choices:
        for choice in choices:
            if not has_content and _has_content(choice.delta):
                has_content = True
            if choice.finish_reason and finish_reason is None:
                finish_reason = choice.finish_reason
            elif choice.finish_reason:
                more_finished += 1
    usage = None if answer.usage is UNSET else read_usage(answer.usage, answer.service_tier)
    return ChunkFacts(
        answer.id,
        answer.model,
        has_content,
        finish_reason,
        usage,
        usage is not None and not choices,
        None if answer.error is UNSET else _error_of(answer.error),
        more_finished,
    )


def text_of_chunk(data: bytes) -> bytes | None:
    """The `content` of the first choice's delta in a chunk, as JSON; None if there is none. Raises as `peek_chunk`."""
    choices = _decode(data).choices
    delta = choices[0].delta if choices else None
    content = None if delta is None else delta.get("content")
    return None if content is None else bytes(content)


class Identity(NamedTuple):
    """What an answer shows of itself where the upstream does not.

    Its id, when it was made in seconds since 1970, and the model that was asked. An upstream's id that begins with
    `chatcmpl-` is kept, as are a time that is neither absent nor 0 and a model that is named.
    """

    id: str
    created: int = 0
    model: str = ""


def with_metadata(body: bytes, metadata: GatewayMetadata, *, is_plain: bool = False) -> bytes | None:
    """What `finish_answer` makes of what most answers are like, which need not be taken apart; None for all others.

    `is_plain`: it is known to have no `gateway_metadata`, and need not be searched.
    """
    end = open_end(body, is_plain=is_plain)
    return with_metadata_at(body, end, metadata) if end else None


def finish_answer(body: bytes, *, identity: Identity, metadata: GatewayMetadata, model: str | None = None) -> bytes:
    """The answer for the caller: `gateway_metadata` is its last member, `id` begins with `chatcmpl-`.

    `model` replaces the one in the answer. Other members stay byte for byte. The body is one that was read before.
    """
    if model is None and (finished := with_metadata(body, metadata)) is not None:
        return finished
    members = _open(body, identity)
    if model is not None:
        members["model"] = Raw(_ENCODER.encode(model))
    return _close(members, metadata)


def finish_chunk(
    data: bytes, *, identity: Identity, metadata: GatewayMetadata, usage_member: bytes | None = None
) -> bytes:
    """The last chunk for the caller, as `finish_answer`; `usage_member` is JSON that becomes its `usage`."""
    members = _open(data, identity)
    if usage_member is not None:
        members["usage"] = Raw(usage_member)
    return _close(members, metadata)


def identify_chunk(data: bytes, identity: Identity) -> bytes:
    """The chunk with our identity; the same bytes when its own id begins with `chatcmpl-`."""
    members = _split(data)
    if _keeps_id(members):
        return data
    return _ENCODER.encode(_with_identity(members, identity))


def _decode(body: bytes) -> _Answer:
    try:
        return _ANSWER.decode(body)
    except msgspec.ValidationError as exc:
        raise UpstreamBadResponse(f"The provider's answer is not a chat completion: {exc}.") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as exc:
        details = {"phase": "body"} if body and str(exc) == _CUT else None
        raise UpstreamBadResponse("The provider's answer is not JSON.", details=details) from None


def _has_content(members: Members | None) -> bool:
    """Whether any member of a delta says something."""
    if not members:
        return False
    for name, value in members.items():  # noqa: SIM110 - a generator doubles the cost of every streamed event
        if name not in _NOT_SAID and bytes(value) not in _EMPTY_BYTES:
            return True
    return False


def _says_more(message: _WholeMessage) -> bool:
    """Whether any member of a message beside its text says something."""
    if message.refusal or message.reasoning_content:
        return True
    raws = message.tool_calls, message.function_call, message.audio
    return any(raw is not UNSET and raw not in _EMPTY for raw in raws)


def _says_something(choices: list[_Choice] | None) -> bool:
    """Whether any member of a message says something. Texts are long, so that they are compared and not hashed."""
    for choice in choices or ():
        for name, value in (choice.message or {}).items():
            if name not in _NOT_SAID and value not in _EMPTY:
                return True
    return False


def _error_of(raw: Raw | UnsetType) -> dict[str, object] | None:
    """An `error` member as an object; a bare text becomes its message."""
    if not isinstance(raw, Raw) or raw == _NULL:
        return None
    try:
        error = msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return {}
    return error if isinstance(error, dict) else {"message": error}


def _split(body: bytes) -> Members:
    try:
        return _MEMBERS.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise UpstreamBadResponse("The provider's answer is not a JSON object.") from None


def _open(body: bytes, identity: Identity) -> Members:
    members = _split(body)
    return members if _keeps_id(members) else _with_identity(members, identity)


def _keeps_id(members: Members) -> bool:
    own = members.get("id")
    return own is not None and bytes(own).startswith(b'"' + ID_PREFIX.encode())


def _with_identity(members: Members, identity: Identity) -> Members:
    if identity.created and members.get("created", _ZERO) == _ZERO:
        members["created"] = Raw(b"%d" % identity.created)
    if identity.model and members.get("model", _NULL) in _EMPTY:
        members["model"] = Raw(_ENCODER.encode(identity.model))
    raw = Raw(_ENCODER.encode(identity.id))
    if "id" not in members:
        return {"id": raw, **members}
    members["id"] = raw
    return members


def _close(members: Members, metadata: GatewayMetadata) -> bytes:
    members.pop("gateway_metadata", None)
    members["gateway_metadata"] = Raw(_ENCODER.encode(metadata))
    return _ENCODER.encode(members)

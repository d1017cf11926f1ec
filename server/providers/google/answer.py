"""Gemini's answers as chat completions: parts to a message, finish reasons, tokens in OpenAI's way of counting.

Whole answers and the pieces of a stream have one shape, and so one reader. Parts that OpenAI's message has no place for
stay as they came in `extra_content.google.parts`, unknown members of a candidate in its choice.
"""

from collections.abc import Mapping
from typing import Final

import msgspec
from msgspec import Raw, Struct

from server.errors import ContentBlocked, UpstreamBadResponse
from server.providers.google.content import Made

FINISH_REASONS: Final[Mapping[str, str]] = {
    "STOP": "stop",
    "MAX_TOKENS": "length",
    **dict.fromkeys(
        (
            "SAFETY",
            "RECITATION",
            "LANGUAGE",
            "BLOCKLIST",
            "PROHIBITED_CONTENT",
            "SPII",
            "IMAGE_SAFETY",
            "IMAGE_PROHIBITED_CONTENT",
            "IMAGE_RECITATION",
            "MODEL_ARMOR",
        ),
        "content_filter",
    ),
}
"""OpenAI's word for each of Gemini's that has one."""

FAILURES: Final = frozenset(
    {
        "MALFORMED_FUNCTION_CALL",
        "MALFORMED_RESPONSE",
        "UNEXPECTED_TOOL_CALL",
        "TOO_MANY_TOOL_CALLS",
        "MISSING_THOUGHT_SIGNATURE",
        "NO_IMAGE",
        "IMAGE_OTHER",
    }
)
"""Reasons for which there is no answer, whatever was written before."""

_VOID: Final = frozenset({"FINISH_REASON_UNSPECIFIED", "OTHER"})
"""Reasons that say nothing: a stop where something was written, else a failure."""

_PLAIN: Final = frozenset({"STOP", "MAX_TOKENS"})
_NULL: Final = Raw(b"null")
_KNOWN_TOP: Final = frozenset({"candidates", "usageMetadata", "modelVersion", "responseId", "promptFeedback"})
_KNOWN_CANDIDATE: Final = frozenset({"content", "finishReason", "index", "logprobsResult"})
_TIERS: Final = {"ON_DEMAND_PRIORITY": "priority", "ON_DEMAND_FLEX": "flex"}


class Signed(Struct, gc=False, rename="camel"):
    """A part of a content, with the members of those kinds that are translated."""

    text: str | None = None
    thought: bool = False
    thought_signature: str | None = None
    function_call: "CalledFunction | None" = None


class CalledFunction(Struct, gc=False):
    """A call of a function."""

    name: str = ""
    id: str | None = None
    args: Raw = Raw(b"{}")


class Content(Struct, gc=False):
    """What a candidate says."""

    parts: list[Raw] | None = None


class Counted(Struct, gc=False):
    """Tokens of a kind of content."""

    modality: str = ""
    tokenCount: int = 0  # noqa: N815 - the wire's name


class Usage(Struct, gc=False, rename="camel"):
    """Gemini's usage: the prompt includes what was cached, the candidates exclude the thoughts."""

    prompt_token_count: int = 0
    cached_content_token_count: int = 0
    candidates_token_count: int = 0
    thoughts_token_count: int = 0
    tool_use_prompt_token_count: int = 0
    prompt_tokens_details: list[Counted] | None = None
    cache_tokens_details: list[Counted] | None = None
    candidates_tokens_details: list[Counted] | None = None
    traffic_type: str | None = None


class Candidate(Struct, gc=False, rename="camel"):
    """One of the answers."""

    content: Content | None = None
    finish_reason: str | None = None
    index: int = 0
    logprobs_result: Raw = _NULL


class Feedback(Struct, gc=False, rename="camel"):
    """Why a prompt was not answered."""

    block_reason: str | None = None
    block_reason_message: str | None = None


class Said(Struct, gc=False, rename="camel"):
    """A whole answer, or a piece of a stream."""

    candidates: list[Raw] | None = None
    prompt_feedback: Feedback | None = None
    usage_metadata: Raw = _NULL
    model_version: str = ""
    response_id: str = ""
    error: Raw = _NULL


SAID: Final = msgspec.json.Decoder(Said)
CANDIDATE: Final = msgspec.json.Decoder(Candidate)
_PART: Final = msgspec.json.Decoder(Signed)
_MEMBERS: Final = msgspec.json.Decoder(dict[str, Raw])


class Spoken:
    """What the parts of one candidate come to, over all pieces of it that were read.

    `take` gives the delta of a piece; a whole answer is one piece.
    """

    __slots__ = ("_calls", "_id", "has_said")

    def __init__(self, response_id: str, index: int = 0) -> None:
        self._id = f"{response_id or 'gemini'}_{index}" if index else response_id or "gemini"
        self._calls = 0
        self.has_said = False

    @property
    def has_calls(self) -> bool:
        """Whether a function was called."""
        return self._calls > 0

    def take(self, parts: list[Raw]) -> Made:
        """The members of a message, or of a delta, that the parts come to."""
        made: Made = {}
        text, reasoning = "", ""
        calls: list[Made] = []
        others: list[Raw] = []
        google: Made = {}
        for raw in parts:
            part = _PART.decode(raw)
            if part.function_call is not None:
                calls.append(self._call(part.function_call, part.thought_signature))
                continue
            if part.thought and part.text is not None:
                reasoning += part.text
            elif part.text is not None:
                text += part.text
            else:
                others.append(raw)
                continue
            if part.thought_signature is not None:
                google["thought_signature"] = part.thought_signature
        if others:
            google["parts"] = others
        for name, value in (
            ("content", text),
            ("reasoning_content", reasoning),
            ("tool_calls", calls),
            ("extra_content", {"google": google} if google else None),
        ):
            if value:
                made[name] = value
        self.has_said = self.has_said or bool(made)
        return made

    def _call(self, called: CalledFunction, signature: str | None) -> Made:
        """A call with its number; one without an id gets one that no other call of the answer has."""
        function = {"name": called.name, "arguments": bytes(called.args).decode()}
        made: Made = {"index": self._calls, "id": called.id or f"call_{self._id}_{self._calls}", "type": "function"}
        made["function"] = function
        if signature is not None:
            made["extra_content"] = {"google": {"thought_signature": signature}}
        self._calls += 1
        return made


def finish_of(reason: str | None, spoken: Spoken) -> str | None:
    """OpenAI's finish reason, None while there is none. Raises UpstreamBadResponse when the model gave up."""
    if reason is None:
        return None
    if reason in FAILURES or (reason in _VOID and not spoken.has_said):
        raise UpstreamBadResponse(f"The model gave up ({reason}).", details={"finishReason": reason})
    found = FINISH_REASONS.get(reason, "stop")
    return "tool_calls" if found == "stop" and spoken.has_calls else found


def notes_of(reason: str | None) -> list[str]:
    """What is to be said of a reason that OpenAI has no word for."""
    if reason is None or reason in FINISH_REASONS or reason in FAILURES:
        return []
    return [f"The provider ended with {reason[:40]!r}, which is taken for a stop."]


def ending_of(reason: str | None) -> Made:
    """The vendor's own word, where OpenAI's does not say it all."""
    return {"native_finish_reason": reason} if reason is not None and reason not in _PLAIN else {}


def check_feedback(said: Said) -> None:
    """Raises ContentBlocked when the prompt was refused."""
    feedback = said.prompt_feedback
    if feedback is not None and feedback.block_reason and not said.candidates:
        reason = feedback.block_reason
        raise ContentBlocked(f"The provider refused the prompt by its policy ({reason}).", details={"reason": reason})


def others_of(raw: Raw | bytes, *, is_candidate: bool) -> dict[str, Raw]:
    """The members that have no place of their own in OpenAI's shape."""
    known = _KNOWN_CANDIDATE if is_candidate else _KNOWN_TOP
    return {name: value for name, value in _MEMBERS.decode(raw).items() if name not in known and value != _NULL}


_USAGE: Final = msgspec.json.Decoder(Usage)


def counted_of(raw: Raw) -> Usage | None:
    """The usage; None where it is absent or is none: that is another thing than no tokens."""
    try:
        return None if raw == _NULL else _USAGE.decode(raw)
    except msgspec.DecodeError:
        return None


def usage_of(counted: Usage) -> Made:
    """The usage as OpenAI counts it: thoughts are a part of what was written."""
    prompt = counted.prompt_token_count + counted.tool_use_prompt_token_count
    completion = counted.candidates_token_count + counted.thoughts_token_count
    inside: Made = {"cached_tokens": counted.cached_content_token_count}
    outside: Made = {"reasoning_tokens": counted.thoughts_token_count}
    for details, name, into in (
        (counted.prompt_tokens_details, "audio_tokens", inside),
        (counted.cache_tokens_details, "cached_audio_tokens", inside),
        (counted.candidates_tokens_details, "audio_tokens", outside),
    ):
        sound = sum(of.tokenCount for of in details or () if of.modality == "AUDIO")
        if sound:
            into[name] = sound
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
        "prompt_tokens_details": inside,
        "completion_tokens_details": outside,
    }


def tier_of(counted: Usage) -> str | None:
    """The tier that answered, None for the usual one."""
    return _TIERS.get(counted.traffic_type or "")


class _Likely(Struct, rename="camel"):
    token: str = ""
    log_probability: float = 0.0


class _Among(Struct):
    candidates: list[_Likely] = []


class _Logprobs(Struct, rename="camel"):
    chosen_candidates: list[_Likely] = []
    top_candidates: list[_Among] = []


def logprobs_of(raw: Raw) -> Made | None:
    """The log-probabilities of a candidate in OpenAI's form."""
    if raw == _NULL:
        return None
    found = msgspec.json.decode(raw, type=_Logprobs)
    content = []
    for place, chosen in enumerate(found.chosen_candidates):
        top = found.top_candidates[place].candidates if place < len(found.top_candidates) else []
        content.append({**_token(chosen), "top_logprobs": [_token(other) for other in top]})
    return {"content": content, "refusal": None}


def _token(likely: _Likely) -> Made:
    return {"token": likely.token, "logprob": likely.log_probability, "bytes": list(likely.token.encode())}

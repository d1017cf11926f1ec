"""The body of a request to Gemini, member by member; what it cannot carry is reported."""

from typing import Final

import msgspec
from msgspec import Raw, Struct

from server.chat.deployment import Candidate
from server.chat.request import ChatRequest
from server.chat.turns import read_conversation
from server.chat.unsent import lose_others
from server.chat.view import ResponseFormat
from server.providers.google.content import Made
from server.providers.google.messages import spoken_of
from server.providers.google.reasoning import thinking_config
from server.providers.google.tools import choice_of, schema_of, tools_of

MAX_STOPS: Final = 5
MAX_CANDIDATES: Final = 8

_ENCODER: Final = msgspec.json.Encoder()
_NULL: Final = Raw(b"null")
_TIERS: Final = {"default": "standard", "standard": "standard", "flex": "flex", "priority": "priority"}
_SEED_BITS: Final = 31
_PASSED: Final = {
    "temperature": "temperature",
    "top_p": "topP",
    "top_k": "topK",
    "presence_penalty": "presencePenalty",
    "frequency_penalty": "frequencyPenalty",
}
_TAKEN: Final = frozenset(
    {
        *_PASSED,
        "extra_body",
        "function_call",
        "functions",
        "logprobs",
        "max_completion_tokens",
        "max_tokens",
        "n",
        "parallel_tool_calls",
        "reasoning_effort",
        "response_format",
        "seed",
        "service_tier",
        "stop",
        "thinking",
        "tool_choice",
        "tools",
        "top_logprobs",
    }
)


class _OwnBody(Struct):
    cached_content: str | None = None
    safety_settings: Raw = _NULL
    thinking_config: Raw = _NULL


class _ExtraBody(Struct):
    google: _OwnBody | None = None


def body_of(request: ChatRequest, candidate: Candidate) -> bytes:
    """The JSON of the request. Raises RequestInvalid and ParamUnsupported for what cannot be asked of Gemini."""
    facts, own = candidate.facts, _own(request)
    spoken = spoken_of(request, read_conversation(request.view), needs_signatures=bool(facts.knobs.efforts))
    tools = tools_of(request)
    choice = choice_of(request, tools)
    config = _generation(request)
    thinking = own.thinking_config if own.thinking_config != _NULL else thinking_config(request, facts)
    if thinking is not None:
        config["thinkingConfig"] = thinking
    members: Made = {
        "systemInstruction": spoken.system,
        "contents": spoken.contents,
        "tools": tools or None,
        "toolConfig": {"functionCallingConfig": choice} if choice else None,
        "generationConfig": config or None,
        "safetySettings": own.safety_settings,
        "cachedContent": own.cached_content,
        "serviceTier": _service_tier(request),
    }
    lose_others(request, _TAKEN)
    return _ENCODER.encode({name: value for name, value in members.items() if value is not None and value != _NULL})


def _own(request: ChatRequest) -> _OwnBody:
    """What Google's OpenAI face takes in `extra_body.google`."""
    raw = request.members.get("extra_body", _NULL)
    try:
        own = msgspec.json.decode(raw, type=_ExtraBody | None)
    except msgspec.DecodeError:
        request.lose("extra_body", "is not sent: it is not what the provider documents.")
        return _OwnBody()
    return own.google if own and own.google else _OwnBody()


def _generation(request: ChatRequest) -> Made:
    view = request.view
    made: Made = {
        theirs: request.members[ours]
        for ours, theirs in _PASSED.items()
        if isinstance(getattr(view, ours), int | float)
    }
    bounds = [bound for bound in (view.max_tokens, view.max_completion_tokens) if isinstance(bound, int)]
    if bounds:
        made["maxOutputTokens"] = min(bounds)
    stops = _stops(request)
    if stops:
        made["stopSequences"] = stops
    if isinstance(view.n, int) and view.n > 1:
        made["candidateCount"] = min(view.n, MAX_CANDIDATES)
        if view.n > MAX_CANDIDATES:
            request.lose("n", f"is {MAX_CANDIDATES} instead of {view.n}: the provider's bound.")
    if isinstance(view.seed, int):
        made |= _seed(request, view.seed)
    if view.logprobs is True:
        made["responseLogprobs"] = True
        if isinstance(view.top_logprobs, int) and view.top_logprobs:
            made["logprobs"] = view.top_logprobs
    return made | _form(request)


def _seed(request: ChatRequest, seed: int) -> Made:
    if seed.bit_length() <= _SEED_BITS:
        return {"seed": seed}
    request.lose("seed", "is not sent: the provider's seeds have 32 bits.")
    return {}


def _stops(request: ChatRequest) -> list[str]:
    stop = request.view.stop
    stops = [stop] if isinstance(stop, str) else list(stop or ())
    stops = [text for text in stops if text]
    if len(stops) > MAX_STOPS:
        request.lose("stop", f"is sent with its first {MAX_STOPS} texts: the provider takes no more.")
    return stops[:MAX_STOPS]


def _form(request: ChatRequest) -> Made:
    """The form of the answer."""
    wanted = request.view.response_format
    if not isinstance(wanted, ResponseFormat) or wanted.type not in ("json_object", "json_schema"):
        return {}
    made: Made = {"responseMimeType": "application/json"}
    schema = wanted.json_schema
    if schema and isinstance(schema.schema, Raw):
        path = "response_format.json_schema"
        made["responseJsonSchema"] = schema_of(request, schema.schema, f"{path}.schema")
        if isinstance(schema.description, str):
            request.tell(f"{path}.description is not sent: the provider has no such parameter.")
    return made


def _service_tier(request: ChatRequest) -> str | None:
    tier = request.view.service_tier
    if not isinstance(tier, str) or tier == "auto":
        return None
    if tier not in _TIERS:
        request.lose("service_tier", "is not sent: the provider knows no such tier.")
    return _TIERS.get(tier)

"""The body of a request to Anthropic, member by member; what it cannot carry is reported."""

from typing import Final

import msgspec
from msgspec import Raw

from server.chat.deployment import Candidate
from server.chat.estimate import estimate_tokens
from server.chat.model_facts import ModelFacts
from server.chat.request import ChatRequest
from server.chat.turns import read_conversation
from server.chat.unsent import lose_others
from server.chat.view import ResponseFormat
from server.providers.anthropic.content import Made
from server.providers.anthropic.messages import spoken_of
from server.providers.anthropic.tools import output_format, toolbox_of
from server.providers.claude_reasoning import Circumstances, Reasoning, reasoning_of

UNKNOWN_MAX_TOKENS: Final = 8192
"""The longest answer asked of a model that nobody knows: what the oldest model still served can write."""

JSON_WORDS: Final = "Answer with one JSON object and nothing else: no code fence and no words around it."

_LEAST_MAX_TOKENS: Final = 1
_ENCODER: Final = msgspec.json.Encoder()
_OWN: Final = (
    "cache_control",
    "container",
    "context_management",
    "diagnostics",
    "inference_geo",
    "mcp_servers",
    "speed",
)
_TAKEN: Final = frozenset(
    {
        *_OWN,
        "betas",
        "function_call",
        "functions",
        "max_completion_tokens",
        "max_tokens",
        "metadata",
        "output_config",
        "parallel_tool_calls",
        "reasoning_effort",
        "response_format",
        "safety_identifier",
        "service_tier",
        "stop",
        "temperature",
        "thinking",
        "tool_choice",
        "tools",
        "top_k",
        "top_p",
        "user",
    }
)
_TIERS: Final = {"auto": "auto", "priority": "auto", "default": "standard_only", "standard_only": "standard_only"}
_NUCLEUS: Final = 0.95
_NULL: Final = Raw(b"null")


def body_of(request: ChatRequest, candidate: Candidate, *, is_stream: bool) -> bytes:
    """The JSON of the request. Raises RequestInvalid and ParamUnsupported for what cannot be asked of Anthropic."""
    facts, view = candidate.facts, request.view
    conversation = read_conversation(view)
    toolbox = toolbox_of(request, conversation, facts.knobs)
    spoken = spoken_of(request, conversation, takes_prefill=facts.knobs.prefill)
    max_tokens = _max_tokens(request, facts)
    reasoning = reasoning_of(
        request, Circumstances(facts.knobs, facts.is_known, max_tokens, toolbox.is_forced, conversation)
    )
    system = _with_json_words(request, spoken.system)
    members: Made = {
        "model": candidate.model,
        "max_tokens": max_tokens,
        "system": system,
        "messages": spoken.messages,
        "tools": toolbox.tools,
        "tool_choice": toolbox.choice,
        "thinking": reasoning.thinking,
        "output_config": _output_config(request, reasoning, facts),
        **_sampling(request, facts, reasoning),
        "stop_sequences": _stop_sequences(request),
        "service_tier": _service_tier(request),
        "metadata": _metadata(request),
        **{name: request.members[name] for name in _OWN if name in request.members},
        "stream": True if is_stream else None,
    }
    lose_others(request, _TAKEN)
    return _ENCODER.encode({name: value for name, value in members.items() if value is not None and value != _NULL})


def _max_tokens(request: ChatRequest, facts: ModelFacts) -> int:
    """The stricter of both bounds; without any, as much as the model can write and the window has room for."""
    view = request.view
    given = [bound for bound in (view.max_tokens, view.max_completion_tokens) if isinstance(bound, int)]
    most = facts.max_output_tokens
    if given:
        wanted = min(given)
        if most is not None and wanted > most:
            request.tell(f"max_tokens is {most} instead of {wanted}: the model writes no more.")
            return most
        return wanted
    if most is None:
        request.tell(
            f"max_tokens is {UNKNOWN_MAX_TOKENS}: the provider needs one, and the model is not in the catalogue."
        )
        return UNKNOWN_MAX_TOKENS
    if facts.context_window_tokens is not None:
        most = max(_LEAST_MAX_TOKENS, min(most, facts.context_window_tokens - estimate_tokens(request)))
    request.tell(f"max_tokens is {most}: the provider needs one, and that is all the model has room for.")
    return most


def _sampling(request: ChatRequest, facts: ModelFacts, reasoning: Reasoning) -> Made:
    """What of temperature, top_p and top_k may be sent, and within its bounds."""
    view = request.view
    made: Made = {}
    for name in ("temperature", "top_p", "top_k"):
        value = getattr(view, name)
        if not isinstance(value, int | float) or (name != "top_k" and value == 1):
            continue
        if not facts.knobs.sampling:
            request.lose(name, "is not sent: the model takes no such parameter.")
        elif reasoning.is_on and (name != "top_p" or value < _NUCLEUS):
            request.lose(name, "is not sent: the provider takes none from a model that reasons.")
        elif name == "top_p" and "temperature" in made:
            request.lose(name, "is not sent: the provider takes temperature or top_p, not both.")
        elif name == "temperature" and value > 1:
            request.lose(name, f"is 1 instead of {value:g}: the provider's bounds are 0 and 1.")
            made[name] = 1
        else:
            made[name] = request.members[name]
    return made


def _stop_sequences(request: ChatRequest) -> list[str] | None:
    stop = request.view.stop
    wanted = [stop] if isinstance(stop, str) else stop or []
    kept = [text for text in wanted if text.strip()]
    if len(kept) != len(wanted):
        request.lose("stop", "is sent without what has no character to see: the provider refuses it.")
    return kept or None


def _service_tier(request: ChatRequest) -> str | None:
    tier = request.view.service_tier
    if not isinstance(tier, str):
        return None
    if tier not in _TIERS:
        request.lose("service_tier", "is not sent: the provider knows no such tier.")
    return _TIERS.get(tier)


def _metadata(request: ChatRequest) -> Made | None:
    """Whom the request is made for: `safety_identifier`, `user`, or `user_id` of the metadata."""
    view = request.view
    labels = dict(view.metadata) if isinstance(view.metadata, dict) else {}
    of_labels = labels.pop("user_id", None)
    if labels:
        request.lose("metadata", "is not sent but for 'user_id': the provider keeps no labels.")
    found = next((name for name in (view.safety_identifier, view.user, of_labels) if isinstance(name, str)), None)
    return None if found is None else {"user_id": found}


def _output_config(request: ChatRequest, reasoning: Reasoning, facts: ModelFacts) -> Made | None:
    """The effort and the form of the answer, under what the caller put there itself."""
    made: Made = {}
    if reasoning.effort is not None:
        made["effort"] = reasoning.effort
    wanted = request.view.response_format
    if isinstance(wanted, ResponseFormat) and (form := output_format(request, wanted, facts.knobs)):
        made["format"] = form
    raw = request.members.get("output_config", _NULL)
    if raw != _NULL:
        made |= msgspec.json.decode(raw, type=dict[str, Raw])
    return made or None


def _with_json_words(request: ChatRequest, system: str | list[Made | Raw] | None) -> object:
    """The system prompt; asks for JSON in words where any object will do, which Anthropic has no parameter for."""
    wanted = request.view.response_format
    if not isinstance(wanted, ResponseFormat) or wanted.type != "json_object":
        return system
    request.lose("response_format", "is asked for in words: the provider has no parameter for any JSON.")
    if not isinstance(system, list):
        return JSON_WORDS if system is None else f"{system}\n\n{JSON_WORDS}"
    return [*system, {"type": "text", "text": JSON_WORDS}]

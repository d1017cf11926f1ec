"""The body of a request to Cohere, member by member; what it cannot carry is reported.

Members of Cohere's own (`documents`, `citation_options`, `safety_mode`, `priority`, `strict_tools`) pass as they came.
"""

from typing import Final

import msgspec

from server.chat.deployment import Candidate
from server.chat.model_facts import ModelFacts
from server.chat.reasoning import budget_of
from server.chat.request import ChatRequest
from server.chat.unsent import lose_others
from server.chat.view import Thinking
from server.providers.cohere.messages import messages_of
from server.providers.cohere.tools import form_of, tools_of
from server.providers.written import Made

MAX_STOPS: Final = 5
MAX_TOP_K: Final = 500
TOP_P: Final = (0.01, 0.99)
MAX_TEMPERATURE: Final = 1.0
MAX_PENALTY: Final = 1.0

_ENCODER: Final = msgspec.json.Encoder()
_SEED_BITS: Final = 64
_OWN: Final = ("documents", "citation_options", "safety_mode", "priority", "strict_tools")
_TAKEN: Final = frozenset(
    {
        *_OWN,
        "cache_control",
        "frequency_penalty",
        "function_call",
        "functions",
        "logprobs",
        "max_completion_tokens",
        "max_tokens",
        "parallel_tool_calls",
        "presence_penalty",
        "reasoning_effort",
        "response_format",
        "seed",
        "stop",
        "temperature",
        "thinking",
        "tool_choice",
        "tools",
        "top_k",
        "top_p",
    }
)


def body_of(request: ChatRequest, candidate: Candidate, *, is_stream: bool) -> bytes:
    """The JSON of the request. Raises RequestInvalid and ParamUnsupported for what cannot be asked of Cohere."""
    view, facts = request.view, candidate.facts
    members: Made = {"model": candidate.model, "messages": messages_of(request, facts)}
    if is_stream:
        members["stream"] = True
    tools = tools_of(request)
    members |= tools
    members |= _sampling(request)
    bounds = [bound for bound in (view.max_tokens, view.max_completion_tokens) if isinstance(bound, int)]
    for name, value in (
        ("response_format", form_of(request, has_tools=bool(tools) and tools.get("tool_choice") != "NONE")),
        ("max_tokens", min(bounds, default=None)),
        ("stop_sequences", _stops(request)),
        ("thinking", _thinking(request, facts)),
        ("logprobs", view.logprobs or None),
    ):
        if value:
            members[name] = value
    members |= {name: request.members[name] for name in _OWN if name in request.members}
    if view.cache_control:
        request.tell("cache_control is not sent: the provider keeps prompts by itself.")
    lose_others(request, _TAKEN)
    return _ENCODER.encode(members)


def _sampling(request: ChatRequest) -> Made:
    view = request.view
    made: Made = {}
    for ours, theirs, least, most in (
        ("temperature", "temperature", 0.0, MAX_TEMPERATURE),
        ("top_p", "p", *TOP_P),
        ("top_k", "k", 0, MAX_TOP_K),
        ("frequency_penalty", "frequency_penalty", 0.0, MAX_PENALTY),
        ("presence_penalty", "presence_penalty", 0.0, MAX_PENALTY),
    ):
        value = getattr(view, ours)
        if not isinstance(value, int | float):
            continue
        if least <= value <= most:
            made[theirs] = request.members[ours]
            continue
        made[theirs] = least if value < least else most
        if not (ours == "top_p" and value == 1):
            request.lose(ours, f"is {made[theirs]:g} instead of {value:g}: the provider's bounds.")
    if isinstance(view.seed, int):
        if view.seed >= 0 and view.seed.bit_length() <= _SEED_BITS:
            made["seed"] = view.seed
        else:
            request.lose("seed", "is not sent: the provider's seeds are 0 or more, in 64 bits.")
    return made


def _stops(request: ChatRequest) -> list[str]:
    stop = request.view.stop
    stops = [text for text in ([stop] if isinstance(stop, str) else stop or ()) if text]
    if len(stops) > MAX_STOPS:
        request.lose("stop", f"is sent with its first {MAX_STOPS} texts: the provider takes no more.")
    return stops[:MAX_STOPS]


def _thinking(request: ChatRequest, facts: ModelFacts) -> Made | None:
    """The member `thinking`; a budget is finer than an effort, and wins."""
    asked, effort = request.view.thinking, request.view.reasoning_effort
    if isinstance(asked, Thinking):
        name, is_off = "thinking", asked.type == "disabled"
        budget = asked.budget_tokens if isinstance(asked.budget_tokens, int) else None
    elif isinstance(effort, str):
        name, is_off, budget = "reasoning_effort", effort == "none", budget_of(effort)
        if budget is None and not is_off:
            request.lose(name, "is not sent: the provider knows no such effort.")
            return None
    else:
        return None
    if facts.is_known and not facts.knobs.thinking:
        if not is_off:
            request.lose(name, "is not sent: the model does not reason.")
        return None
    if is_off:
        return {"type": "disabled"}
    return {"type": "enabled"} if budget is None else {"type": "enabled", "token_budget": budget}

"""The body of a request to the Responses API, built from a chat completion request.

Nothing is kept by the vendor unless the caller asks for it: `store` is false, and reasoning comes with its encrypted
content, so that the caller can give it back.
"""

from typing import Final, NamedTuple

import msgspec
from msgspec import Raw

from server.chat.reasoning import effort_of
from server.chat.request import ChatRequest
from server.chat.unsent import lose_others
from server.chat.view import Thinking
from server.providers.responses.items import items_of
from server.providers.responses.tools import choice_of, text_of, tools_of
from server.providers.written import Made

LEAST_TOKENS: Final = 16
"""The least bound of an answer that the Responses API takes."""

_ENCODER: Final = msgspec.json.Encoder()
_NULL: Final = Raw(b"null")
_SAME: Final = (
    "temperature",
    "top_p",
    "parallel_tool_calls",
    "metadata",
    "user",
    "safety_identifier",
    "prompt_cache_key",
    "prompt_cache_retention",
    "prompt_cache_options",
    "service_tier",
    "moderation",
)
_OWN: Final = (
    "access_programs",
    "context_management",
    "conversation",
    "image",
    "max_tool_calls",
    "previous_response_id",
    "prompt",
    "truncation",
)
"""Members of the Responses API that a chat completion does not have; they pass as they came."""
_MADE: Final = frozenset(
    {
        "cache_control",
        "function_call",
        "functions",
        "include",
        "logprobs",
        "max_completion_tokens",
        "max_tokens",
        "reasoning",
        "reasoning_effort",
        "response_format",
        "store",
        "thinking",
        "tool_choice",
        "tools",
        "top_logprobs",
        "verbosity",
    }
)
_TAKEN: Final = frozenset({*_SAME, *_OWN, *_MADE})
_ENCRYPTED: Final = "reasoning.encrypted_content"
_LOGPROBS: Final = "message.output_text.logprobs"


class Reasoner(NamedTuple):
    """Whether a model reasons, and by which effort it does not; empty where none is known."""

    reasons: bool
    effort_off: str


def body_of(request: ChatRequest, model: str, knobs: Reasoner, *, is_stream: bool) -> bytes:
    """The JSON of the request. Raises RequestInvalid and ParamUnsupported."""
    members = request.members
    made: Made = {"model": model, "input": items_of(request)}
    for name in (*_SAME, *_OWN):
        if members.get(name, _NULL) != _NULL:
            made[name] = members[name]
    made["store"] = request.view.store is True
    for name, value in (
        ("max_output_tokens", _max_output_tokens(request)),
        ("reasoning", _reasoning(request, knobs)),
        ("text", text_of(request)),
        ("include", _include(request, reasons=knobs.reasons)),
    ):
        if value is not None:
            made[name] = value
    if tools := tools_of(request):
        made["tools"] = tools
        choice = choice_of(request)
        if choice is not None:
            made["tool_choice"] = choice
    else:
        made.pop("parallel_tool_calls", None)
    _logprobs(request, made)
    if is_stream:
        made["stream"] = True
    if members.get("cache_control", _NULL) != _NULL or _is_marked(request):
        request.tell("cache_control is not sent: the provider keeps prompts by itself.")
    lose_others(request, _TAKEN)
    return _ENCODER.encode(made)


def _max_output_tokens(request: ChatRequest) -> int | None:
    view = request.view
    bounds = [bound for bound in (view.max_tokens, view.max_completion_tokens) if isinstance(bound, int)]
    if not bounds:
        return None
    if min(bounds) < LEAST_TOKENS:
        request.lose("max_tokens", f"is {LEAST_TOKENS} instead of {min(bounds)}: the provider takes no less.")
    return max(min(bounds), LEAST_TOKENS)


def _reasoning(request: ChatRequest, knobs: Reasoner) -> Made | Raw | None:
    """The member `reasoning`: as it came, or of `thinking`, which wins, and `reasoning_effort`."""
    view = request.view
    own = request.members.get("reasoning", _NULL)
    if own != _NULL:
        return own
    effort = view.reasoning_effort if isinstance(view.reasoning_effort, str) else None
    thinking = view.thinking
    if not isinstance(thinking, Thinking):
        return None if effort is None else {"effort": effort}
    if thinking.type == "disabled":
        if knobs.reasons and not knobs.effort_off:
            request.lose("thinking", "is not sent: how this model is told not to reason is not known.")
        return {"effort": knobs.effort_off} if knobs.reasons and knobs.effort_off else None
    if not knobs.reasons:
        request.lose("thinking", "is not sent: the model does not reason.")
        return None
    if isinstance(thinking.budget_tokens, int):
        effort = effort_of(thinking.budget_tokens)
        request.tell(f"thinking.budget_tokens is sent as an effort of {effort}: budgets are not taken.")
    # Who asks for thinking wants to see it; an effort alone does not ask for that.
    return {"summary": "auto"} if effort is None else {"effort": effort, "summary": "auto"}


def _include(request: ChatRequest, *, reasons: bool) -> list[str] | None:
    own = request.members.get("include", _NULL)
    wanted: list[str] = [] if own == _NULL else msgspec.json.decode(own, type=list[str])
    if reasons:
        wanted.append(_ENCRYPTED)
    if request.view.logprobs is True:
        wanted.append(_LOGPROBS)
    return list(dict.fromkeys(wanted)) or None


def _logprobs(request: ChatRequest, made: Made) -> None:
    top = request.view.top_logprobs
    if request.view.logprobs is True and isinstance(top, int):
        made["top_logprobs"] = top


def _is_marked(request: ChatRequest) -> bool:
    view = request.view
    return any(tool.cache_control for tool in view.tools or ()) or any(
        message.cache_control
        or (isinstance(message.content, list) and any(part.cache_control for part in message.content))
        for message in view.messages
    )

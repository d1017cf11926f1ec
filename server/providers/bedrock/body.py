"""The body of a Converse request, built from a chat completion request.

Members of Converse's own (`guardrailConfig`, say) pass as they came. What Converse leaves to each model goes to
`additionalModelRequestFields`.
"""

from typing import Final

import msgspec
from msgspec import Raw

from server.chat.deployment import Candidate
from server.chat.model_facts import ModelFacts
from server.chat.reasoning import effort_of
from server.chat.request import ChatRequest
from server.chat.turns import Conversation, read_conversation
from server.chat.unsent import lose_others
from server.chat.view import ResponseFormat, Thinking
from server.providers.bedrock.families import Family, family_of
from server.providers.bedrock.messages import spoken_of
from server.providers.bedrock.tools import Toolbox, text_format, toolbox_of
from server.providers.claude_reasoning import Circumstances, reasoning_of
from server.providers.written import Made

JSON_WORDS: Final = "Answer with one JSON object and nothing else."
"""How any JSON is asked for, which Converse has no parameter for."""

_ENCODER: Final = msgspec.json.Encoder()
_NULL: Final = Raw(b"null")
_OWN: Final = (
    "guardrailConfig",
    "performanceConfig",
    "promptVariables",
    "additionalModelResponseFieldPaths",
)
_EXTRA: Final = "additionalModelRequestFields"
_MADE: Final = frozenset(
    {
        "cache_control",
        "function_call",
        "functions",
        "max_completion_tokens",
        "max_tokens",
        "metadata",
        "parallel_tool_calls",
        "reasoning_effort",
        "response_format",
        "service_tier",
        "stop",
        "temperature",
        "thinking",
        "tool_choice",
        "tools",
        "top_k",
        "top_p",
    }
)
_TAKEN: Final = frozenset({*_OWN, *_MADE, _EXTRA})
_TIERS: Final = {"priority": "priority", "flex": "flex", "default": "default"}
_MOST_LABELS: Final = 16
_LARGEST_ANSWER_TOKENS: Final = 1 << 31
_EFFORTS_OF_NOVA: Final = ("low", "medium", "high")


def body_of(request: ChatRequest, candidate: Candidate) -> bytes:
    """The JSON of the request. Raises RequestInvalid and ParamUnsupported for what cannot be carried."""
    facts, family = candidate.facts, family_of(candidate.model)
    conversation = read_conversation(request.view)
    spoken = spoken_of(request, conversation, family, takes_prefill=facts.knobs.prefill)
    box = toolbox_of(request, conversation, family, facts.knobs)
    extra: Made = dict(box.extra)
    effort = _reasoning(request, family, facts, _Asked(conversation, box, extra))
    made: Made = {"messages": spoken.messages}
    system = _with_json_words(request, spoken.system)
    config = _inference(request, family, facts, extra)
    for name, value in (
        ("system", system),
        ("inferenceConfig", config),
        ("toolConfig", box.config),
        ("outputConfig", _output_config(request, facts, effort)),
        ("serviceTier", _service_tier(request)),
        ("requestMetadata", _labels(request)),
        *((name, request.members.get(name, _NULL)) for name in _OWN),
        (_EXTRA, _merged(request, extra)),
    ):
        if value and value != _NULL:
            made[name] = value
    if request.view.cache_control:
        request.tell("cache_control is not sent: the provider marks parts of the prompt, not the whole.")
    lose_others(request, _TAKEN)
    return _ENCODER.encode(made)


class _Asked(msgspec.Struct):
    conversation: Conversation
    box: Toolbox
    extra: Made


def _reasoning(request: ChatRequest, family: Family, facts: ModelFacts, asked: _Asked) -> str | None:
    """Adds to `extra` how the model is told to reason; answers the effort that goes elsewhere."""
    view = request.view
    if not (view.thinking or view.reasoning_effort):
        return None
    if family.reasoning == "claude":
        limit = _max_tokens(request) or facts.max_output_tokens or _LARGEST_ANSWER_TOKENS
        around = Circumstances(facts.knobs, facts.is_known, limit, asked.box.is_forced, asked.conversation)
        found = reasoning_of(request, around)
        if found.thinking is not None:
            asked.extra["thinking"] = found.thinking
        return found.effort
    effort, is_off = _effort(request)
    if family.reasoning == "effort" and effort:
        asked.extra["reasoning_effort"] = effort
    elif family.reasoning == "nova":
        asked.extra["reasoningConfig"] = _of_nova(effort, is_off=is_off)
    elif not is_off:
        name = "thinking" if view.thinking else "reasoning_effort"
        request.lose(name, "is not sent: the model is not told how much to reason.")
    return None


def _effort(request: ChatRequest) -> tuple[str | None, bool]:
    """The effort that is asked for, if any, and whether no reasoning is."""
    thinking, effort = request.view.thinking, request.view.reasoning_effort
    if isinstance(thinking, Thinking):
        if thinking.type == "disabled":
            return None, True
        if isinstance(thinking.budget_tokens, int):
            found = effort_of(thinking.budget_tokens)
            request.tell(f"thinking.budget_tokens is sent as an effort of {found}: budgets are not taken.")
            return found, False
    return (effort, False) if isinstance(effort, str) and effort != "none" else (None, effort == "none")


def _of_nova(effort: str | None, *, is_off: bool) -> Made:
    if is_off:
        return {"type": "disabled"}
    level = effort if effort in _EFFORTS_OF_NOVA else "low" if effort == "minimal" else "high" if effort else "medium"
    return {"type": "enabled", "maxReasoningEffort": level}


def _max_tokens(request: ChatRequest) -> int | None:
    view = request.view
    return min(
        (bound for bound in (view.max_tokens, view.max_completion_tokens) if isinstance(bound, int)), default=None
    )


def _inference(request: ChatRequest, family: Family, facts: ModelFacts, extra: Made) -> Made:
    made: Made = {}
    limit = _max_tokens(request)
    if limit is not None:
        made["maxTokens"] = limit
    samples = facts.knobs.sampling and "thinking" not in extra
    for name, its_name in (("temperature", "temperature"), ("top_p", "topP")):
        value = getattr(request.view, name)
        if not isinstance(value, int | float):
            continue
        if not samples:
            request.lose(name, "is not sent: the model takes none, or none while it reasons.")
        elif name == "temperature" and value > 1:
            request.lose(name, f"is 1 instead of {value:g}: the provider's bounds are 0 and 1.")
            made[its_name] = 1
        elif name == "top_p" and family.reasoning == "claude" and "temperature" in made:
            request.lose(name, "is not sent: the model takes temperature or top_p, not both.")
        else:
            made[its_name] = request.members[name]
    stops = _stop_sequences(request)
    if stops:
        made["stopSequences"] = stops
    _top_k(request, family, extra, samples=samples)
    return made


def _stop_sequences(request: ChatRequest) -> list[str]:
    stop = request.view.stop
    wanted = [stop] if isinstance(stop, str) else stop or []
    kept = [text for text in wanted if text.strip()]
    if len(kept) != len(wanted):
        request.lose("stop", "is sent without what has no character to see: the provider refuses it.")
    return kept


def _top_k(request: ChatRequest, family: Family, extra: Made, *, samples: bool) -> None:
    top_k = request.view.top_k
    if not isinstance(top_k, int):
        return
    if not family.top_k or not samples:
        request.lose("top_k", "is not sent: the model has no such parameter.")
        return
    value: object = top_k
    for name in reversed(family.top_k[1:]):
        value = {name: value}
    extra[family.top_k[0]] = value


def _output_config(request: ChatRequest, facts: ModelFacts, effort: str | None) -> Made:
    made: Made = {}
    form = text_format(request, facts.knobs)
    if form is not None:
        made["textFormat"] = form
    if effort is not None:
        made["effort"] = effort
    return made


def _with_json_words(request: ChatRequest, system: list[Made]) -> list[Made]:
    wanted = request.view.response_format
    if not isinstance(wanted, ResponseFormat) or wanted.type != "json_object":
        return system
    request.lose("response_format", "is asked for in words: the provider has no parameter for any JSON.")
    return [*system, {"text": JSON_WORDS}]


def _service_tier(request: ChatRequest) -> Made | None:
    tier = request.view.service_tier
    if not isinstance(tier, str) or tier == "auto":
        return None
    if tier not in _TIERS:
        request.lose("service_tier", "is not sent: the provider knows no such tier.")
        return None
    return {"type": _TIERS[tier]}


def _labels(request: ChatRequest) -> dict[str, str] | None:
    labels = request.view.metadata
    if not isinstance(labels, dict) or not labels:
        return None
    if len(labels) > _MOST_LABELS:
        request.lose("metadata", f"is not sent: the provider takes at most {_MOST_LABELS} labels.")
        return None
    return labels


def _merged(request: ChatRequest, extra: Made) -> Made:
    """What is for the model, under what the caller put there itself."""
    own = request.members.get(_EXTRA, _NULL)
    if own == _NULL:
        return extra
    return extra | msgspec.json.decode(own, type=dict[str, Raw])

"""How much to reason: levels for the models that know them, budgets for older ones.

A level goes by its name; one that the model does not know becomes the nearest lesser one. Budgets are those that stand
for an effort. What the model thought is asked for whenever reasoning is asked for, unless the caller wants none of it.
"""

from typing import Final

from msgspec import UNSET, Raw

from server.chat.model_facts import Knobs, ModelFacts
from server.chat.reasoning import EFFORT_BUDGETS, effort_of
from server.chat.request import ChatRequest
from server.chat.view import Thinking
from server.providers.google.content import Made

_ORDER: Final = tuple(EFFORT_BUDGETS)
_OFF: Final = "none"
_OMITTED: Final = Raw(b'"omitted"')
_OFF_TYPES: Final = ("disabled", "between_tools")


def thinking_config(request: ChatRequest, facts: ModelFacts) -> Made | None:
    """The member `thinkingConfig`; None where nothing is asked."""
    asked, effort = request.view.thinking, request.view.reasoning_effort
    if isinstance(asked, Thinking):
        if asked.type in _OFF_TYPES:
            return _off(request, facts)
        budget = asked.budget_tokens
        if asked.type == "enabled" and isinstance(budget, int):
            return _shown(request, _of_budget(request, budget, facts))
        if not isinstance(effort, str) or effort == _OFF:
            return _shown(request, {} if _reasons(request, facts) else None)
    if not isinstance(effort, str):
        return None
    if effort == _OFF:
        return _off(request, facts)
    return _shown(request, _of_effort(request, effort, facts))


def _name(request: ChatRequest) -> str:
    return "thinking" if isinstance(request.view.thinking, Thinking) else "reasoning_effort"


def _shown(request: ChatRequest, config: Made | None) -> Made | None:
    """The config, asking for the thoughts unless the caller does not want to see them."""
    if config is None:
        return None
    if request.member_of("thinking", "display") != _OMITTED:
        config["includeThoughts"] = True
    return config or None


def _reasons(request: ChatRequest, facts: ModelFacts) -> bool:
    if not facts.is_known or facts.knobs.thinking:
        return True
    request.lose(_name(request), "is not sent: the model does not reason.")
    return False


def _of_effort(request: ChatRequest, effort: str, facts: ModelFacts) -> Made | None:
    if effort not in EFFORT_BUDGETS:
        request.lose("reasoning_effort", "is not sent: the provider knows no such effort.")
        return None
    if not _reasons(request, facts):
        return None
    if facts.is_known and not facts.knobs.efforts:
        return {"thinkingBudget": _bounded(EFFORT_BUDGETS[effort], facts.knobs)}
    return {"thinkingLevel": _level(request, effort, facts).upper()}


def _level(request: ChatRequest, effort: str, facts: ModelFacts) -> str:
    """The nearest level that the model knows, a lesser one before a greater one."""
    known = facts.knobs.efforts
    if not known or effort in known:
        return effort
    lesser = [level for level in known if _ORDER.index(level) <= _ORDER.index(effort)]
    nearest = lesser[-1] if lesser else known[0]
    request.lose(_name(request), f"is {nearest} instead of {effort}: the model knows no such level.")
    return nearest


def _of_budget(request: ChatRequest, budget: int, facts: ModelFacts) -> Made | None:
    if not _reasons(request, facts):
        return None
    if not facts.is_known:
        return {"thinkingBudget": budget}
    if facts.knobs.efforts:
        request.lose("thinking.budget_tokens", "is sent as a level: the model takes no budget.")
        return {"thinkingLevel": _level(request, effort_of(budget), facts).upper()}
    bounded = _bounded(budget, facts.knobs)
    if bounded != budget:
        request.lose("thinking.budget_tokens", f"is {bounded} instead of {budget}: the model's bounds.")
    return {"thinkingBudget": bounded}


def _bounded(budget: int, knobs: Knobs) -> int:
    least, most = knobs.budget_tokens or (0, budget)
    return min(max(budget, least), most)


def _off(request: ChatRequest, facts: ModelFacts) -> Made | None:
    """No reasoning, or as little as the model can be held to."""
    knobs = facts.knobs
    if "disabled" in knobs.thinking:
        return {"thinkingBudget": 0} if knobs.thinks_unasked or request.view.thinking is not UNSET else None
    if not knobs.thinks_unasked:
        return None
    if knobs.efforts:
        request.lose(_name(request), f"is {knobs.efforts[0]}: the model cannot be kept from reasoning.")
        return {"thinkingLevel": knobs.efforts[0].upper()}
    least = knobs.budget_tokens[0] if knobs.budget_tokens else 0
    request.lose(_name(request), f"is a budget of {least}: the model cannot be kept from reasoning.")
    return {"thinkingBudget": least}

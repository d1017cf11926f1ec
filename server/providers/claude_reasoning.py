"""How much Claude is to reason, whoever serves it, and what reasoning forbids: efforts and budgets by what it takes.

Models that reason as they see fit get an effort by its name, older ones the budget that stands for it.
A budget is at least 1,024 and less than `max_tokens`. A tool that must be called, and a history whose last calls came
without reasoning, go before a budget.
"""

from typing import Final

from msgspec import UNSET, Raw, Struct

from server.chat.model_facts import Knobs
from server.chat.reasoning import EFFORT_BUDGETS, effort_of
from server.chat.request import ChatRequest
from server.chat.turns import Conversation
from server.chat.view import Thinking
from server.providers.written import Made

LEAST_BUDGET: Final = 1024

_ORDER: Final = tuple(EFFORT_BUDGETS)
_OFF: Final = "none"
_USUAL: Final = "medium"
_OFF_MODES: Final = ("disabled", "between_tools")


class Reasoning(Struct, frozen=True):
    """The member `thinking` and the effort of `output_config`; None where nothing is sent."""

    thinking: Made | Raw | None = None
    effort: str | None = None

    @property
    def is_on(self) -> bool:
        """Whether reasoning is asked for."""
        return isinstance(self.thinking, dict) and self.thinking["type"] in ("enabled", "adaptive")


class Circumstances(Struct, frozen=True):
    """What reasoning depends on: the model, the longest answer, whether a tool is forced, and what was said before."""

    knobs: Knobs
    is_known: bool
    max_tokens: int
    is_tool_forced: bool
    conversation: Conversation


def reasoning_of(request: ChatRequest, around: Circumstances) -> Reasoning:
    """What to send for `thinking` or, where it is absent, for `reasoning_effort`."""
    asked = request.view.thinking
    effort = request.view.reasoning_effort
    if isinstance(asked, Thinking):
        found = _of_thinking(request, asked, around)
        if isinstance(effort, str) and effort != _OFF and around.knobs.efforts:
            found = Reasoning(found.thinking, _effort(request, effort, around.knobs))
    elif isinstance(effort, str):
        found = _off(request, around) if effort == _OFF else _of_effort(request, effort, around)
    else:
        return Reasoning()
    return _allowed(request, found, around)


def _name(request: ChatRequest) -> str:
    return "thinking" if isinstance(request.view.thinking, Thinking) else "reasoning_effort"


def _of_thinking(request: ChatRequest, asked: Thinking, around: Circumstances) -> Reasoning:
    modes = around.knobs.thinking
    if asked.type in _OFF_MODES and (asked.type not in modes or not around.is_known):
        return _off(request, around)
    if around.is_known and not modes:
        request.lose("thinking", "is not sent: the model does not reason.")
        return Reasoning()
    if asked.type == "enabled" and around.is_known and "enabled" not in modes:
        request.lose("thinking.budget_tokens", "is not sent: the model reasons as it sees fit.")
        budget = asked.budget_tokens
        return _of_effort(request, effort_of(budget) if isinstance(budget, int) else _USUAL, around)
    if asked.type == "enabled":
        budget = asked.budget_tokens if isinstance(asked.budget_tokens, int) else EFFORT_BUDGETS[_USUAL]
        return _budget(request, budget, around)
    if asked.type == "adaptive" and around.is_known and "adaptive" not in modes:
        request.lose("thinking.type", "is enabled instead of adaptive: the model reasons by a budget.")
        return _budget(request, EFFORT_BUDGETS[_USUAL], around)
    return Reasoning(_as_it_came(request))


def _as_it_came(request: ChatRequest) -> Made:
    """The member with everything that the caller put into it."""
    asked = request.view.thinking
    assert isinstance(asked, Thinking)
    made: Made = {"type": asked.type}
    display = request.member_of("thinking", "display")
    if display is not None:
        made["display"] = display
    return made


def _of_effort(request: ChatRequest, effort: str, around: Circumstances) -> Reasoning:
    knobs = around.knobs
    if effort not in EFFORT_BUDGETS:
        request.lose("reasoning_effort", "is not sent: the provider knows no such effort.")
        return Reasoning()
    if not around.is_known:
        return Reasoning({"type": "adaptive"}, "low" if effort == "minimal" else effort)
    if knobs.efforts:
        thinking: Made | None = None
        if "adaptive" in knobs.thinking and not knobs.thinks_unasked:
            thinking = {"type": "adaptive"}
        return Reasoning(thinking, _effort(request, effort, knobs))
    if "enabled" in knobs.thinking:
        return _budget(request, EFFORT_BUDGETS[effort], around)
    request.lose("reasoning_effort", "is not sent: the model does not reason.")
    return Reasoning()


def _effort(request: ChatRequest, effort: str, knobs: Knobs) -> str:
    """The nearest effort that the model knows, a lesser one before a greater one."""
    if effort in knobs.efforts or effort not in EFFORT_BUDGETS:
        return effort
    wanted = _ORDER.index(effort)
    lesser = [known for known in knobs.efforts if _ORDER.index(known) <= wanted]
    nearest = lesser[-1] if lesser else knobs.efforts[0]
    request.lose("reasoning_effort", f"is {nearest} instead of {effort}: the model knows no such effort.")
    return nearest


def _budget(request: ChatRequest, wanted: int, around: Circumstances) -> Reasoning:
    """A budget within what the model and the longest answer let it be."""
    least, most = around.knobs.budget_tokens or (LEAST_BUDGET, around.max_tokens - 1)
    most = min(most, around.max_tokens - 1)
    if most < least:
        request.lose(
            _name(request), f"is not sent: reasoning needs {least} tokens, and the answer has no room for them."
        )
        return Reasoning()
    budget = min(max(wanted, least), most)
    if budget != wanted and isinstance(request.view.thinking, Thinking):
        request.lose("thinking.budget_tokens", f"is {budget} instead of {wanted}: it is less than max_tokens.")
    made: Made = {"type": "enabled", "budget_tokens": budget}
    display = request.member_of("thinking", "display")
    if display is not None:
        made["display"] = display
    return Reasoning(made)


def _off(request: ChatRequest, around: Circumstances) -> Reasoning:
    """No reasoning, or as little as the model can be held to."""
    knobs = around.knobs
    for mode in _OFF_MODES:
        if mode in knobs.thinking and (knobs.thinks_unasked or request.view.thinking is not UNSET):
            return Reasoning({"type": mode})
    if knobs.thinks_unasked and knobs.efforts:
        least = knobs.efforts[0]
        request.lose(_name(request), f"is an effort of {least}: the model cannot be kept from reasoning.")
        return Reasoning(None, least)
    return Reasoning()


def _allowed(request: ChatRequest, found: Reasoning, around: Circumstances) -> Reasoning:
    """Without what something that matters more forbids."""
    if not found.is_on:
        return found
    if around.is_tool_forced:
        request.lose(_name(request), "is not sent: the provider forces no tool on a model that reasons.")
        return Reasoning(None, found.effort)
    assert isinstance(found.thinking, dict)
    if found.thinking["type"] == "enabled" and _lacks_signature(around.conversation):
        request.lose(_name(request), "is not sent: the calls in the history came without this provider's reasoning.")
        return Reasoning(None, found.effort)
    return found


def _lacks_signature(conversation: Conversation) -> bool:
    """Whether the conversation goes on after calls that were made without signed reasoning."""
    turns = conversation.turns
    if len(turns) < 2 or turns[-1].is_assistant or not any(said.answers for said in turns[-1].said):
        return False
    calling = turns[-2]
    return bool(calling.calls) and not any(said.message.thinking_blocks for said in calling.said)

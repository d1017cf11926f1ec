"""How much to reason: efforts, budgets, and what they forbid, by what a model takes."""

from typing import Any

import pytest

from server.chat.reasoning import EFFORT_BUDGETS
from server.errors import ParamUnsupported
from tests.unit.server.providers.anthropic.asked import ADAPTIVE, ALWAYS, BUDGETS, UNKNOWN, build

PLAIN = "claude-haiku-5-5"  # reasons unless told not to
BETWEEN = "claude-sonnet-5-5"  # can be told to reason between tools only
TOOL = {"tools": [{"type": "function", "function": {"name": "f"}}]}


def budget(tokens: int) -> dict[str, Any]:
    return {"type": "enabled", "budget_tokens": tokens}


ADAPT = {"type": "adaptive"}
CASES: dict[str, tuple[str, dict[str, Any], object, object]] = {
    "nothing said": (BUDGETS, {}, None, None),
    "an effort is a budget": (BUDGETS, {"reasoning_effort": "high"}, budget(24576), None),
    "no effort where none is the rule": (BUDGETS, {"reasoning_effort": "none"}, None, None),
    "a budget as asked": (BUDGETS, {"thinking": budget(2000)}, budget(2000), None),
    "a budget with its display": (
        BUDGETS, {"thinking": budget(2000) | {"display": "omitted"}}, budget(2000) | {"display": "omitted"}, None
    ),
    "not to reason": (BUDGETS, {"thinking": {"type": "disabled"}}, {"type": "disabled"}, None),
    "thinking wins over effort": (
        BUDGETS, {"thinking": budget(2000), "reasoning_effort": "high"}, budget(2000), None
    ),
    "as it sees fit": (ADAPTIVE, {"thinking": ADAPT}, ADAPT, None),
    "as it sees fit, with an effort": (ADAPTIVE, {"thinking": ADAPT, "reasoning_effort": "low"}, ADAPT, "low"),
    "an effort by its name": (ADAPTIVE, {"reasoning_effort": "medium"}, ADAPT, "medium"),
    "an effort where reasoning is the rule": (PLAIN, {"reasoning_effort": "xhigh"}, None, "xhigh"),
    "no effort where reasoning is the rule": (PLAIN, {"reasoning_effort": "none"}, {"type": "disabled"}, None),
    "no effort where only so much can be avoided": (
        BETWEEN, {"reasoning_effort": "none"}, {"type": "between_tools"}, None
    ),
    "what is shown of it": (
        ALWAYS, {"thinking": ADAPT | {"display": "summarized"}}, ADAPT | {"display": "summarized"}, None
    ),
    "a model that nobody knows": (UNKNOWN, {"reasoning_effort": "high"}, ADAPT, "high"),
    "a budget for a model that nobody knows": (UNKNOWN, {"thinking": budget(2000)}, budget(2000), None),
}  # fmt: skip


@pytest.mark.parametrize(("model", "members", "thinking", "effort"), CASES.values(), ids=CASES.keys())
def test_what_is_sent(model: str, members: dict[str, Any], thinking: object, effort: object) -> None:
    built = build({"max_tokens": 30000, **members}, model=model)
    assert built.body.get("thinking") == thinking
    assert built.body.get("output_config", {}).get("effort") == effort
    assert built.notes == []


CHANGED: dict[str, tuple[str, dict[str, Any], object, object, str]] = {
    "a budget that leaves no room for words": (
        BUDGETS, {"thinking": budget(9000), "max_tokens": 5000}, budget(4999), None, "thinking.budget_tokens is 4999"
    ),
    "a budget below the least": (BUDGETS, {"thinking": budget(10)}, budget(1024), None, "is 1024 instead of 10"),
    "no room for the least budget": (
        BUDGETS, {"reasoning_effort": "low", "max_tokens": 1024}, None, None, "reasoning_effort is not sent"
    ),
    "a budget for a model that takes none": (
        ALWAYS, {"thinking": budget(9000)}, None, "medium", "thinking.budget_tokens is not sent"
    ),
    "as it sees fit, for a model that needs a budget": (
        BUDGETS, {"thinking": ADAPT}, budget(8192), None, "thinking.type is enabled"
    ),
    "an effort that the model does not know": (
        ADAPTIVE, {"reasoning_effort": "xhigh"}, ADAPT, "high", "reasoning_effort is high instead of xhigh"
    ),
    "the least effort": (PLAIN, {"reasoning_effort": "minimal"}, None, "low", "is low instead of minimal"),
    "an effort that nobody knows": (PLAIN, {"reasoning_effort": "silly"}, None, None, "reasoning_effort is not sent"),
    "a model that cannot be kept from it": (
        ALWAYS, {"reasoning_effort": "none"}, None, "low", "reasoning_effort is an effort of low"
    ),
    "a model that cannot be told not to": (
        ALWAYS, {"thinking": {"type": "disabled"}}, None, "low", "thinking is an effort of low"
    ),
    "a tool that must be called goes before it": (
        BUDGETS, {"reasoning_effort": "low", "tool_choice": "required", **TOOL}, None, None, "forces no tool"
    ),
    "a tool that must be called, asked of a model that sees fit": (
        ADAPTIVE, {"reasoning_effort": "low", "tool_choice": "required", **TOOL}, None, "low", "forces no tool"
    ),
}  # fmt: skip


@pytest.mark.parametrize(("model", "members", "thinking", "effort", "note"), CHANGED.values(), ids=CHANGED.keys())
def test_what_is_changed_is_noted(
    model: str, members: dict[str, Any], thinking: object, effort: object, note: str
) -> None:
    built = build({"max_tokens": 30000, **members}, model=model)
    assert built.body.get("thinking") == thinking
    assert built.body.get("output_config", {}).get("effort") == effort
    assert built.said(note)
    with pytest.raises(ParamUnsupported):
        build({"max_tokens": 30000, **members}, model=model, strict=True)


@pytest.mark.parametrize("effort", EFFORT_BUDGETS)
@pytest.mark.parametrize("max_tokens", [1025, 1026, 5000, 64000])
def test_a_budget_is_always_less_than_the_answer(effort: str, max_tokens: int) -> None:
    thinking = build({"reasoning_effort": effort, "max_tokens": max_tokens}).body["thinking"]
    assert 1024 <= thinking["budget_tokens"] < max_tokens


def history(**more: object) -> list[dict[str, Any]]:
    calls = [{"id": "1", "type": "function", "function": {"name": "f", "arguments": "{}"}}]
    return [
        {"role": "user", "content": "a"},
        {"role": "assistant", "content": None, "tool_calls": calls, **more},
        {"role": "tool", "tool_call_id": "1", "content": "r"},
    ]


def test_in_the_middle_of_calls_that_another_vendor_began_there_is_no_budget() -> None:
    built = build({"messages": history(), "reasoning_effort": "low", **TOOL})
    assert "thinking" not in built.body
    assert built.said("came without this provider's reasoning")


def test_in_the_middle_of_its_own_calls_the_reasoning_goes_on() -> None:
    signed = [{"type": "thinking", "thinking": "hm", "signature": "Eq=="}]
    messages = history(thinking_blocks=signed)
    assert build({"messages": messages, "reasoning_effort": "low", **TOOL}).body["thinking"] == budget(1024)


def test_a_model_that_sees_fit_needs_no_reasoning_in_its_history() -> None:
    built = build({"messages": history(), "reasoning_effort": "low", **TOOL}, model=ADAPTIVE)
    assert built.body["thinking"] == ADAPT

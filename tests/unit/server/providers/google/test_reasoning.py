"""How much to reason: levels and budgets, by what a model takes."""

from typing import Any

import pytest

from server.errors import ParamUnsupported
from tests.unit.server.providers.google.asked import ALWAYS, BUDGETS, LEVELS, UNKNOWN, build

PRO = "gemini-3.1-pro-preview"  # has no level below low
LITE = "gemini-2.5-flash-lite"  # does not reason unasked


def level(name: str) -> dict[str, Any]:
    return {"thinkingLevel": name, "includeThoughts": True}


def budget(tokens: int) -> dict[str, Any]:
    return {"thinkingBudget": tokens, "includeThoughts": True}


def enabled(tokens: int, **more: object) -> dict[str, Any]:
    return {"thinking": {"type": "enabled", "budget_tokens": tokens, **more}}


CASES: dict[str, tuple[str, dict[str, Any], object]] = {
    "nothing said": (LEVELS, {}, None),
    "a level": (LEVELS, {"reasoning_effort": "low"}, level("LOW")),
    "the least level": (LEVELS, {"reasoning_effort": "minimal"}, level("MINIMAL")),
    "a level for a model that nobody knows": (UNKNOWN, {"reasoning_effort": "high"}, level("HIGH")),
    "an effort is a budget": (BUDGETS, {"reasoning_effort": "medium"}, budget(8192)),
    "an effort within the bounds": (BUDGETS, {"reasoning_effort": "max"}, budget(24576)),
    "a budget": (BUDGETS, enabled(5000), budget(5000)),
    "a budget for a model that nobody knows": (UNKNOWN, enabled(5000), budget(5000)),
    "a budget whose thoughts are not shown": (BUDGETS, enabled(5000, display="omitted"), {"thinkingBudget": 5000}),
    "as it sees fit": (LEVELS, {"thinking": {"type": "adaptive"}}, {"includeThoughts": True}),
    "as it sees fit, with an effort": (
        LEVELS, {"thinking": {"type": "adaptive"}, "reasoning_effort": "low"}, level("LOW")
    ),
    "not to reason": (BUDGETS, {"reasoning_effort": "none"}, {"thinkingBudget": 0}),
    "not to reason, where it does not anyway": (LITE, {"reasoning_effort": "none"}, None),
    "not to reason, by the finer member": (LITE, {"thinking": {"type": "disabled"}}, {"thinkingBudget": 0}),
}  # fmt: skip


@pytest.mark.parametrize(("model", "members", "config"), CASES.values(), ids=CASES.keys())
def test_what_is_sent(model: str, members: dict[str, Any], config: object) -> None:
    built = build(members, model=model)
    assert built.config.get("thinkingConfig") == config
    assert built.notes == []


CHANGED: dict[str, tuple[str, dict[str, Any], object, str]] = {
    "a level that the model does not know": (LEVELS, {"reasoning_effort": "xhigh"}, level("HIGH"), "is high instead"),
    "a level below all": (PRO, {"reasoning_effort": "minimal"}, level("LOW"), "is low instead of minimal"),
    "an effort that nobody knows": (LEVELS, {"reasoning_effort": "silly"}, None, "reasoning_effort is not sent"),
    "a budget for a model with levels": (LEVELS, enabled(9000), level("MEDIUM"), "budget_tokens is sent as a level"),
    "a budget out of bounds": (ALWAYS, enabled(64), budget(128), "is 128 instead of 64"),
    "a model with levels that cannot be kept from it": (
        LEVELS, {"reasoning_effort": "none"}, {"thinkingLevel": "MINIMAL"}, "cannot be kept from reasoning"
    ),
    "a model with budgets that cannot be kept from it": (
        ALWAYS, {"thinking": {"type": "disabled"}}, {"thinkingBudget": 128}, "cannot be kept from reasoning"
    ),
}  # fmt: skip


@pytest.mark.parametrize(("model", "members", "config", "note"), CHANGED.values(), ids=CHANGED.keys())
def test_what_is_changed_is_noted(model: str, members: dict[str, Any], config: object, note: str) -> None:
    built = build(members, model=model)
    assert built.config.get("thinkingConfig") == config
    assert built.said(note)
    with pytest.raises(ParamUnsupported):
        build(members, model=model, strict=True)

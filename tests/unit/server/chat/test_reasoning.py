"""Efforts and budgets."""

import pytest

from server.chat.reasoning import EFFORT_BUDGETS, budget_of, effort_of


@pytest.mark.parametrize(
    ("budget_tokens", "effort"),
    [
        (0, "low"),
        (1_024, "low"),
        (8_191, "low"),
        (8_192, "medium"),
        (24_575, "medium"),
        (24_576, "high"),
        (10**6, "high"),
    ],
)
def test_the_effort_of_a_budget(budget_tokens: int, effort: str) -> None:
    assert effort_of(budget_tokens) == effort


@pytest.mark.parametrize("effort", ["low", "medium", "high"])
def test_there_and_back(effort: str) -> None:
    budget_tokens = budget_of(effort)
    assert budget_tokens is not None
    assert effort_of(budget_tokens) == effort


def test_more_effort_is_never_less_budget() -> None:
    budgets = list(EFFORT_BUDGETS.values())
    assert budgets == sorted(budgets)
    assert budgets[0] >= 1_024


@pytest.mark.parametrize("effort", ["none", "", "utmost"])
def test_what_has_no_budget(effort: str) -> None:
    assert budget_of(effort) is None

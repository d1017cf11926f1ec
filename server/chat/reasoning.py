"""How much to reason, in the two ways in use: as an effort in words, and as a budget in tokens.

The budgets of `low`, `medium` and `high` are those that Google documents for its OpenAI face; 1,024 is the least that
Anthropic takes. The words are OpenAI's.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

EFFORT_BUDGETS: Final[Mapping[str, int]] = MappingProxyType(
    {"minimal": 1_024, "low": 1_024, "medium": 8_192, "high": 24_576, "xhigh": 32_768, "max": 65_536}
)
"""The budget in tokens of each effort; `none` has none."""

_WORDS: Final = (("high", EFFORT_BUDGETS["high"]), ("medium", EFFORT_BUDGETS["medium"]))


def budget_of(effort: str) -> int | None:
    """The budget of an effort in tokens; None for `none` and for words that are not known."""
    return EFFORT_BUDGETS.get(effort)


def effort_of(budget_tokens: int) -> str:
    """The effort of a budget: `low`, `medium` or `high`, the words that every model with an effort has."""
    return next((word for word, tokens in _WORDS if budget_tokens >= tokens), "low")

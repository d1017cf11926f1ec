"""The documented limits."""

import pytest

from server.chat.principal import Plan
from server.chat.rates import Window
from server.limits.plans import PLAN_LIMITS


@pytest.mark.parametrize(
    ("plan", "per_minute", "per_day"),
    [(Plan.FREE, 20, 1_000), (Plan.PRO, 60, 10_000), (Plan.ENTERPRISE, None, None)],
    ids=lambda value: getattr(value, "value", str(value)),
)
def test_a_plan_allows_what_is_documented(plan: Plan, per_minute: int | None, per_day: int | None) -> None:
    limits = PLAN_LIMITS[plan]
    assert (limits.get(Window.MINUTE), limits.get(Window.DAY)) == (per_minute, per_day)


def test_every_plan_is_decided() -> None:
    assert set(PLAN_LIMITS) == set(Plan)

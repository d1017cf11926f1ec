"""Admission by plan: who is refused, with which words, and what is told of the standing."""

import asyncio
from collections.abc import Callable

import pytest

from server.chat.principal import Plan, Principal
from server.chat.rates import Moment, Standing
from server.errors import RateLimited
from server.limits.admission import Admission
from server.limits.memory import MemoryRates
from server.limits.plans import PLAN_LIMITS

NOON = 20_000 * 86_400 + 43_200


class Time:
    """A clock that a test turns."""

    def __init__(self) -> None:
        self.second = 0.0

    def __call__(self) -> Moment:
        return Moment(self.second, NOON + self.second)


async def _nothing_yet(*_: object) -> int:
    return 0


def build(now: Callable[[], Moment], count_of: Callable[..., object] = _nothing_yet) -> Admission:
    return Admission(MemoryRates(count_of), PLAN_LIMITS, now)  # type: ignore[arg-type]  # counts in any way


def of_plan(plan: Plan, key_id: str = "key_1") -> Principal:
    return Principal("usr_1", "ws_1", plan, key_id)


async def outcomes(admission: Admission, count: int, plan: Plan) -> list[bool]:
    async def one(number: int) -> bool:
        try:
            await admission.admit(of_plan(plan, f"key_{number % 3}"), lambda standing: None)
        except RateLimited:
            return False
        return True

    return await asyncio.gather(*(one(number) for number in range(count)))


@pytest.mark.parametrize(("plan", "admitted"), [(Plan.FREE, 20), (Plan.PRO, 60), (Plan.ENTERPRISE, 200)], ids=str)
async def test_calls_side_by_side_over_several_keys_admit_exactly_the_limit(plan: Plan, admitted: int) -> None:
    assert sum(await outcomes(build(Time()), 200, plan)) == admitted


async def test_a_refusal_tells_plan_window_wait_and_what_to_do() -> None:
    time = Time()
    admission = build(time)
    await outcomes(admission, 20, Plan.FREE)
    time.second = 47.5
    with pytest.raises(RateLimited) as caught:
        await admission.admit(of_plan(Plan.FREE), lambda standing: None)
    assert caught.value.message == (
        "The free plan allows 20 model calls per minute for each user, over all keys, and they are used up. "
        "Try again in 13 s, or ask the operator of this gateway for another plan."
    )
    assert caught.value.retry_after_s == 12.5
    assert caught.value.details == {"plan": "free", "window": "minute", "limit": "20", "resetsInS": "13"}


async def test_a_used_up_day_is_told_as_such_and_the_hint_is_a_minute_at_most() -> None:
    async def all_but_one(*_: object) -> int:
        return 999

    admission = build(Time(), all_but_one)
    assert sum(await outcomes(admission, 5, Plan.FREE)) == 1
    with pytest.raises(RateLimited, match=r"1,000 model calls per day \(UTC\)") as caught:
        await admission.admit(of_plan(Plan.FREE), lambda standing: None)
    assert (caught.value.retry_after_s, caught.value.details["resetsInS"]) == (60.0, "43200")


async def test_the_tightest_window_is_told_on_success_and_on_refusal() -> None:
    told: list[Standing] = []
    admission = build(Time())
    for _ in range(20):
        await admission.admit(of_plan(Plan.FREE), told.append)
    with pytest.raises(RateLimited):
        await admission.admit(of_plan(Plan.FREE), told.append)
    assert [standing.remaining for standing in told] == [*range(19, -1, -1), 0]
    assert {standing.quota.limit for standing in told} == {20}


async def test_nothing_is_told_of_a_plan_without_limits() -> None:
    told: list[Standing] = []
    await build(Time()).admit(of_plan(Plan.ENTERPRISE), told.append)
    assert told == []

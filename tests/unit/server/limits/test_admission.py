"""Admission by plan and by key: who is refused, with which words, what is told, and what tokens are held for whom."""

import asyncio
from collections.abc import Sequence
from datetime import datetime

import pytest

from server.chat.principal import KeyLimits, Plan, Principal
from server.chat.rates import Grant, Measure, Moment, Standing, Used
from server.errors import RateLimited
from server.limits.admission import Admission
from server.limits.plans import PLAN_LIMITS
from server.state.memory import MemoryRates

NOON = 20_000 * 86_400 + 43_200


class Time:
    """A clock that a test turns."""

    def __init__(self) -> None:
        self.second = 0.0

    def __call__(self) -> Moment:
        return Moment(self.second, NOON + self.second)


async def _nothing_yet(subject: str, start: datetime, end: datetime) -> Used:
    return Used()


def build(now: Time | None = None, count_of: object = _nothing_yet) -> Admission:
    return Admission(MemoryRates(count_of, now or Time()), PLAN_LIMITS)  # type: ignore[arg-type]  # counts in any way


def of_plan(plan: Plan, key_id: str = "key_1", limits: KeyLimits | None = None) -> Principal:
    return Principal("usr_1", "ws_1", plan, key_id, limits=limits or KeyLimits())


def ignore(standings: Sequence[Standing]) -> None:
    return


async def admit(admission: Admission, principal: Principal, tokens: int = 0) -> Grant | None:
    return await admission.admit(principal, lambda: tokens, ignore)


async def outcomes(admission: Admission, count: int, plan: Plan, limits: KeyLimits | None = None) -> list[bool]:
    async def one(number: int) -> bool:
        try:
            await admit(admission, of_plan(plan, f"key_{number % 3}", limits))
        except RateLimited:
            return False
        return True

    return await asyncio.gather(*(one(number) for number in range(count)))


@pytest.mark.parametrize(
    ("plan", "admitted"), [(Plan.FREE, 20), (Plan.PRO, 60), (Plan.ENTERPRISE, 200)], ids=lambda case: str(case)
)
async def test_calls_side_by_side_over_several_keys_admit_exactly_the_limit(plan: Plan, admitted: int) -> None:
    assert sum(await outcomes(build(), 200, plan)) == admitted


@pytest.mark.parametrize(
    ("plan", "limits", "is_free"),
    [
        (Plan.ENTERPRISE, None, True),
        (Plan.ENTERPRISE, KeyLimits(), True),
        (Plan.ENTERPRISE, KeyLimits(tokens_per_day=1), False),
        (Plan.FREE, None, False),
    ],
    ids=["a plan without limits", "a key without limits", "a key with a limit", "a plan with limits"],
)
async def test_who_is_free_of_limits_needs_no_grant(plan: Plan, limits: KeyLimits | None, is_free: bool) -> None:
    principal = of_plan(plan, "key_1", limits)
    assert build().is_free(principal) is is_free
    assert (await admit(build(), principal) is None) is is_free


async def test_a_refusal_tells_plan_window_wait_and_what_to_do() -> None:
    time = Time()
    admission = build(time)
    await outcomes(admission, 20, Plan.FREE)
    time.second = 47.5
    with pytest.raises(RateLimited) as caught:
        await admit(admission, of_plan(Plan.FREE))
    assert caught.value.message == (
        "The free plan allows 20 model calls per minute for each user, over all keys, and they are used up. "
        "Try again in 13 s, or ask the operator of this gateway for another plan."
    )
    assert caught.value.retry_after_s == 12.5
    assert caught.value.details == {
        "scope": "plan", "measure": "requests", "plan": "free", "window": "minute", "limit": "20", "resetsInS": "13"
    }  # fmt: skip
    assert admission.refused == {("plan", "requests", "minute"): 1}


async def test_a_used_up_day_is_told_as_such_and_the_hint_is_a_minute_at_most() -> None:
    async def all_but_one(*_: object) -> Used:
        return Used(999)

    admission = build(count_of=all_but_one)
    assert sum(await outcomes(admission, 5, Plan.FREE)) == 1
    with pytest.raises(RateLimited, match=r"1,000 model calls per day \(UTC\)") as caught:
        await admit(admission, of_plan(Plan.FREE))
    assert (caught.value.retry_after_s, caught.value.details["resetsInS"]) == (60.0, "43200")


async def test_where_limits_stand_is_told_on_success_and_on_refusal() -> None:
    told: list[Sequence[Standing]] = []
    admission = build()
    for _ in range(20):
        await admission.admit(of_plan(Plan.FREE), lambda: 0, told.append)
    with pytest.raises(RateLimited):
        await admission.admit(of_plan(Plan.FREE), lambda: 0, told.append)
    assert [standings[0].remaining for standings in told] == [*range(19, -1, -1), 0]
    assert {len(standings) for standings in told} == {2}


async def test_nothing_is_told_and_nothing_granted_where_there_are_no_limits() -> None:
    told: list[Sequence[Standing]] = []
    assert await build().admit(of_plan(Plan.ENTERPRISE), lambda: 1 // 0, told.append) is None
    assert told == []


KEY_CASES = [
    ("calls of a minute", KeyLimits(requests_per_minute=3), 3, "3 model calls per minute", "requests", "minute"),
    ("calls of a day", KeyLimits(requests_per_day=3), 3, r"3 model calls per day \(UTC\)", "requests", "day"),
    ("tokens of a minute", KeyLimits(tokens_per_minute=1_000), 3, "1,000 tokens per minute", "tokens", "minute"),
    ("tokens of a day", KeyLimits(tokens_per_day=1_000), 3, r"1,000 tokens per day \(UTC\)", "tokens", "day"),
]


@pytest.mark.parametrize("plan", [Plan.PRO, Plan.ENTERPRISE], ids=lambda plan: plan.value)
@pytest.mark.parametrize(
    ("limits", "admitted", "says", "measure", "window"),
    [case[1:] for case in KEY_CASES],
    ids=[case[0] for case in KEY_CASES],
)
async def test_a_keys_own_limits_come_on_top(
    plan: Plan, limits: KeyLimits, admitted: int, says: str, measure: str, window: str
) -> None:
    admission, principal = build(), of_plan(plan, limits=limits)
    for _ in range(admitted):
        await admit(admission, principal, 300)
    with pytest.raises(RateLimited, match=f"This gateway key allows {says}") as caught:
        await admit(admission, principal, 300)
    details = caught.value.details
    assert (details["scope"], details["measure"], details["window"]) == ("key", measure, window)
    assert admission.refused == {("key", measure, window): 1}
    # Another key of the same user is not held back by it.
    await admit(admission, of_plan(plan, "key_2"), 300)


async def test_the_plan_holds_over_keys_with_limits_of_their_own() -> None:
    admission = build()
    assert sum(await outcomes(admission, 60, Plan.FREE, KeyLimits(requests_per_minute=9))) == 20
    assert sum(await outcomes(build(), 60, Plan.FREE, KeyLimits(requests_per_minute=5))) == 15


async def test_tokens_are_held_until_they_are_settled_and_nothing_is_held_at_rest() -> None:
    admission = build()
    principal = of_plan(Plan.PRO, limits=KeyLimits(tokens_per_minute=1_000, tokens_per_day=5_000))
    first, second = await admit(admission, principal, 400), await admit(admission, principal, 600)
    assert (admission.open_count, admission.held_tokens) == (2, 1_000)
    with pytest.raises(RateLimited, match="0 are left, and this call may need 1"):
        await admit(admission, principal, 1)
    assert first is not None
    assert second is not None
    admission.settle(first, 0)
    admission.settle(second, 250)
    assert (admission.open_count, admission.held_tokens) == (0, 0)
    third = await admit(admission, principal, 750)
    assert third is not None
    with pytest.raises(RateLimited):
        await admit(admission, principal, 1)


async def test_a_call_larger_than_the_limit_waits_for_an_empty_window_and_then_passes() -> None:
    time = Time()
    admission, principal = build(time), of_plan(Plan.ENTERPRISE, limits=KeyLimits(tokens_per_minute=1_000))
    small = await admit(admission, principal, 10)
    assert small is not None
    admission.settle(small, 10)
    with pytest.raises(RateLimited):
        await admit(admission, principal, 100_000)
    time.second = 60.0
    large = await admit(admission, principal, 100_000)
    assert large is not None
    assert [quota.amount for quota in large.quotas if quota.measure is Measure.TOKENS] == [1_000]


async def test_what_a_call_may_need_is_worked_out_only_for_keys_with_limits_of_tokens() -> None:
    principal = of_plan(Plan.FREE, limits=KeyLimits(requests_per_minute=5))
    assert await build().admit(principal, lambda: 1 // 0, ignore) is not None


async def test_a_call_that_is_answered_already_takes_no_tokens() -> None:
    admission = build()
    caller = of_plan(Plan.ENTERPRISE, limits=KeyLimits(requests_per_minute=3, tokens_per_minute=100))
    for left in (2, 1, 0):
        standings = admission.admit_answered(caller)
        assert standings is not None
        assert [(one.quota.measure, one.remaining) for one in standings] == [
            (Measure.REQUESTS, left),
            (Measure.TOKENS, 100),
        ]
    assert (admission.open_count, admission.held_tokens) == (0, 0)
    for _ in range(2):
        assert admission.admit_answered(caller) is None  # and it has cost nothing
    assert admission.refused == {}
    with pytest.raises(RateLimited):
        await admit(admission, caller)


async def test_who_has_no_limits_stands_nowhere() -> None:
    assert build().admit_answered(of_plan(Plan.ENTERPRISE)) == ()


async def test_a_day_that_is_not_known_yet_is_waited_for() -> None:
    admission = build()
    caller = of_plan(Plan.FREE)
    assert admission.admit_answered(caller) is None
    await admit(admission, caller)
    assert admission.admit_answered(caller) is not None

"""Counting in memory agrees with counting the obvious way, and forgets only what no longer counts."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from server.chat.rates import Moment, Quota, Window
from server.limits.counters import DAY_S, Counters
from tests.unit.server.limits.naive import Naive

MIDNIGHT = 20_000 * DAY_S
NOON = MIDNIGHT + DAY_S / 2


def at(second: float, start: float = NOON) -> Moment:
    return Moment(1_000 + second, start + second)


def free(subject: str = "usr_1") -> list[Quota]:
    return [Quota(subject, Window.MINUTE, 20), Quota(subject, Window.DAY, 1000)]


def minute(limit: int, subject: str = "usr_1") -> list[Quota]:
    return [Quota(subject, Window.MINUTE, limit)]


def test_the_first_call_is_admitted_and_the_one_above_the_limit_is_not() -> None:
    counters = Counters()
    verdicts = [counters.take(free(), at(0)) for _ in range(21)]
    assert [verdict.is_admitted for verdict in verdicts] == [True] * 20 + [False]
    assert [verdict.tightest.remaining for verdict in verdicts] == [*range(19, -1, -1), 0]


def test_a_place_is_free_again_after_exactly_a_minute_and_not_before() -> None:
    counters = Counters()
    counters.take(minute(1), at(0))
    refused = counters.take(minute(1), at(59.5))
    assert (refused.is_admitted, refused.tightest.resets_in_s) == (False, 0.5)
    assert counters.take(minute(1), at(60)).is_admitted


def test_a_refused_call_costs_nothing_in_any_window() -> None:
    counters = Counters()
    quotas = [Quota("usr_1", Window.MINUTE, 1), Quota("usr_1", Window.DAY, 2)]
    assert counters.take(quotas, at(0)).is_admitted
    assert not any(counters.take(quotas, at(second)).is_admitted for second in range(1, 60))
    assert counters.take(quotas, at(60)).is_admitted
    refused = counters.take(quotas, at(120))
    assert not refused.is_admitted
    assert refused.tightest.quota.window is Window.DAY


def test_the_day_ends_at_midnight_in_utc() -> None:
    counters = Counters()
    quotas = [Quota("usr_1", Window.DAY, 1)]
    assert counters.take(quotas, at(-0.25, MIDNIGHT)).tightest.resets_in_s == 0.25
    assert not counters.take(quotas, at(-0.25, MIDNIGHT)).is_admitted
    assert counters.take(quotas, at(0, MIDNIGHT)).is_admitted


def test_a_clock_that_steps_back_over_midnight_gives_nothing_back() -> None:
    counters = Counters()
    quotas = [Quota("usr_1", Window.DAY, 1)]
    assert counters.take(quotas, Moment(1, MIDNIGHT)).is_admitted
    refused = counters.take(quotas, Moment(2, MIDNIGHT - 1))
    assert (refused.is_admitted, refused.tightest.resets_in_s) == (False, DAY_S + 1)
    assert not counters.take(quotas, Moment(3, MIDNIGHT + 1)).is_admitted
    assert counters.take(quotas, Moment(4, MIDNIGHT - 7 * DAY_S)).is_admitted


def test_a_lower_plan_counts_what_the_higher_one_admitted() -> None:
    counters = Counters()
    for second in range(40):
        counters.take(minute(60), at(second))
    refused = counters.take(minute(20), at(40))
    assert (refused.is_admitted, refused.tightest.resets_in_s) == (False, 20 + 60 - 40)
    assert not counters.take(minute(20), at(79.9)).is_admitted
    assert counters.take(minute(20), at(80)).is_admitted


@pytest.mark.parametrize(
    ("minute_limit", "day_limit", "second", "expected"),
    [
        (20, 1000, 0.0, Window.MINUTE),
        (20, 5, 0.0, Window.DAY),
        (1, 1, 0.0, Window.DAY),
        (1, 1, DAY_S / 2 - 30, Window.MINUTE),
    ],
    ids=["the least left", "the day may be it", "both used up: the later one", "shortly before midnight"],
)
def test_the_tightest_quota_is_told(minute_limit: int, day_limit: int, second: float, expected: Window) -> None:
    quotas = [Quota("usr_1", Window.MINUTE, minute_limit), Quota("usr_1", Window.DAY, day_limit)]
    for order in (quotas, quotas[::-1]):
        assert Counters().take(order, at(second)).tightest.quota.window is expected


def test_subjects_do_not_share() -> None:
    counters = Counters()
    assert counters.take(minute(1), at(0)).is_admitted
    assert counters.take(minute(1, "usr_2"), at(0)).is_admitted


def test_a_call_that_one_of_two_subjects_may_not_make_costs_neither() -> None:
    counters = Counters()
    both = [Quota("usr_1", Window.MINUTE, 20), Quota("key_1", Window.MINUTE, 1)]
    counters.take(both, at(0))
    refused = counters.take(both, at(1))
    assert not refused.is_admitted
    assert refused.tightest.quota.subject == "key_1"
    assert counters.take(both[:1], at(2)).tightest.remaining == 18


@pytest.mark.parametrize(("idle_s", "kept"), [(59.9, 101), (60.0, 100)], ids=["just seen", "idle for a minute"])
def test_only_idle_subjects_are_forgotten(idle_s: float, kept: int) -> None:
    counters = Counters(max_subjects=100)
    for number in range(100):
        counters.take(minute(5, f"usr_{number}"), at(number / 100_000))
    counters.take(minute(5, "usr_new"), at(idle_s))
    assert len(counters) == kept


def test_a_flood_of_subjects_is_forgotten_once_it_is_over() -> None:
    counters = Counters(max_subjects=10)
    for number in range(500):
        counters.take(minute(5, f"usr_{number}"), at(0))
    assert len(counters) == 500
    counters.take(minute(5, "usr_new"), at(60))
    assert len(counters) == 10


def test_what_the_books_know_is_added_once_and_only_to_its_day() -> None:
    counters = Counters()
    quotas = [Quota("usr_1", Window.DAY, 10)]
    counters.take(quotas, at(0))
    tally = counters.tally("usr_1", at(0))
    tally.learn(tally.day - 1, 5)
    assert not tally.knows_day
    tally.learn(tally.day, 5)
    tally.learn(tally.day, 5)
    assert counters.take(quotas, at(1)).tightest.remaining == 3
    assert counters.tally("usr_1", at(DAY_S)).knows_day
    assert counters.take(quotas, at(DAY_S)).tightest.remaining == 9


GAPS = st.one_of(st.just(0), st.integers(0, 5), st.sampled_from([15, 29, 30, 31, 59, 60, 61, 43_200, 86_400]))
STEPS = st.lists(st.tuples(GAPS, st.sampled_from(["usr_1", "usr_2"]), st.sampled_from([1, 3, 5])), max_size=120)


@settings(max_examples=300, deadline=None)
@given(steps=STEPS, day_limit=st.integers(1, 12))
def test_every_verdict_is_the_one_of_counting_the_obvious_way(
    steps: list[tuple[int, str, int]], day_limit: int
) -> None:
    counters, naive, second = Counters(), Naive(), 0.0
    for gap, subject, limit in steps:
        second += gap / 2
        quotas = [Quota(subject, Window.MINUTE, limit), Quota(subject, Window.DAY, day_limit)]
        now = at(second)
        verdict = counters.take(quotas, now)
        assert verdict.is_admitted == naive.take(quotas, now)
        left = {quota: max(quota.limit - naive.used(quota, now), 0) for quota in quotas}
        blocking = verdict.tightest
        assert blocking.remaining == left[blocking.quota] == min(left.values())
        if not verdict.is_admitted:
            then = at(second + blocking.resets_in_s)
            assert naive.used(blocking.quota, then) < blocking.quota.limit
            before = at(second + blocking.resets_in_s - 0.5)
            assert naive.used(blocking.quota, before) >= blocking.quota.limit


def test_no_minute_ever_holds_more_than_the_limit() -> None:
    chance, counters = random.Random(1), Counters()
    second, admitted = 0.0, list[float]()
    for _ in range(20_000):
        second += chance.expovariate(1.0)
        if counters.take(minute(20), at(second)).is_admitted:
            admitted.append(second)
    assert min(later - first for first, later in zip(admitted, admitted[20:], strict=False)) >= 60 - 1e-9

"""Counting in memory agrees with counting the obvious way, and forgets only what no longer counts."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from server.chat.rates import Grant, Measure, Moment, Quota, Window
from server.state import counters as counting
from server.state.counters import DAY_S, Counters
from tests.unit.server.state.naive import Naive

MIDNIGHT = 20_000 * DAY_S
NOON = MIDNIGHT + DAY_S / 2


def at(second: float, start: float = NOON) -> Moment:
    return Moment(1_000 + second, start + second)


def minute(limit: int, subject: str = "usr_1") -> list[Quota]:
    return [Quota(subject, Window.MINUTE, limit)]


def tokens(limit: int, amount: int, window: Window = Window.MINUTE) -> list[Quota]:
    return [Quota("key_1", window, limit, Measure.TOKENS, amount)]


def test_a_clock_that_steps_back_over_midnight_gives_nothing_back() -> None:
    counters = Counters()
    quotas = [Quota("usr_1", Window.DAY, 1)]
    assert counters.take(quotas, Moment(1, MIDNIGHT)).is_admitted
    refused = counters.take(quotas, Moment(2, MIDNIGHT - 1))
    assert (refused.is_admitted, refused.standings[0].resets_in_s) == (False, DAY_S + 1)
    assert not counters.take(quotas, Moment(3, MIDNIGHT + 1)).is_admitted
    assert counters.take(quotas, Moment(4, MIDNIGHT - 7 * DAY_S)).is_admitted


def test_a_call_that_one_of_two_subjects_may_not_make_costs_neither() -> None:
    counters = Counters()
    both = [Quota("usr_1", Window.MINUTE, 20), Quota("key_1", Window.MINUTE, 1)]
    counters.take(both, at(0))
    refused = counters.take(both, at(1))
    assert refused.refused_by is not None
    assert refused.refused_by.quota.subject == "key_1"
    assert counters.take(both[:1], at(2)).standings[0].remaining == 18


@pytest.mark.parametrize(("idle_s", "kept"), [(59.9, 101), (60.0, 100)], ids=["just seen", "idle for a minute"])
def test_only_idle_subjects_are_forgotten(idle_s: float, kept: int) -> None:
    counters = Counters(max_subjects=100)
    for number in range(100):
        counters.take(minute(5, f"usr_{number}"), at(number / 100_000))
    counters.take(minute(5, "usr_new"), at(idle_s))
    assert len(counters) == kept


def test_a_subject_is_kept_as_long_as_its_longest_window() -> None:
    counters = Counters(max_subjects=1)
    counters.take([Quota("usr_1", Window.HOUR, 1)], at(0))
    counters.take(minute(1, "usr_2"), at(3599))
    assert len(counters) == 2
    counters.take(minute(1, "usr_3"), at(3600))
    assert len(counters) == 2


def test_a_flood_of_subjects_is_forgotten_once_it_is_over_and_is_bounded_before() -> None:
    counters = Counters(max_subjects=10)
    for number in range(500):
        counters.take(minute(5, f"usr_{number}"), at(0))
    assert len(counters) == 100
    counters.take(minute(5, "usr_new"), at(60))
    assert len(counters) == 10


def test_what_the_books_know_is_added_once_and_only_to_its_day() -> None:
    counters = Counters()
    quotas = [Quota("usr_1", Window.DAY, 10)]
    counters.take(quotas, at(0))
    day = counters.tally("usr_1", at(0)).day(Measure.REQUESTS, at(0))
    day.learn(day.day - 1, 5)
    assert not day.knows_all
    day.learn(day.day, 5)
    day.learn(day.day, 5)
    assert counters.take(quotas, at(1)).standings[0].remaining == 3
    assert counters.take(quotas, at(DAY_S)).standings[0].remaining == 9
    assert day.knows_all


def test_days_that_are_forgotten_are_asked_for_anew_and_minutes_stay() -> None:
    counters = Counters()
    quotas = [Quota("usr_1", Window.DAY, 10), Quota("usr_1", Window.MINUTE, 10)]
    counters.take(quotas, at(0))
    counters.forget_days()
    assert not counters.tally("usr_1", at(1)).day(Measure.REQUESTS, at(1)).knows_all
    assert [standing.remaining for standing in counters.take(quotas, at(1)).standings] == [9, 8]


def test_settling_twice_counts_the_last_time() -> None:
    counters = Counters()
    grant = counters.take(tokens(100, 50), at(0)).grant
    assert grant is not None
    for used in (10, 80, 30):
        counting.settle(grant, used)
    assert counters.take(tokens(100, 1), at(1)).standings[0].remaining == 69
    counting.cancel(grant)
    assert counters.take(tokens(100, 1), at(1)).standings[0].remaining == 98


def test_what_a_call_adds_to_days_is_told() -> None:
    counters = Counters()
    quotas = [Quota("usr_1", Window.DAY, 10), *tokens(100, 50, Window.DAY), *tokens(100, 50)]
    grant = counters.take(quotas, at(0)).grant
    assert grant is not None
    assert list(counting.of_days(grant, 30)) == [
        ("usr_1", Measure.REQUESTS, 20_000, 1),
        ("key_1", Measure.TOKENS, 20_000, 30),
    ]


GAPS = st.one_of(st.just(0), st.integers(0, 5), st.sampled_from([15, 29, 30, 31, 59, 60, 61, 43_200, 86_400]))
STEPS = st.lists(
    st.tuples(GAPS, st.sampled_from(["usr_1", "usr_2"]), st.sampled_from([1, 3, 5]), st.integers(0, 20)), max_size=120
)


@settings(max_examples=300, deadline=None)
@given(steps=STEPS, day_limit=st.integers(1, 12))
def test_every_verdict_is_the_one_of_counting_the_obvious_way(
    steps: list[tuple[int, str, int, int]], day_limit: int
) -> None:
    counters, naive, second = Counters(), Naive(), 0.0
    grants: list[tuple[Grant, int]] = []
    for gap, subject, limit, amount in steps:
        second += gap / 2
        quotas = [Quota(subject, Window.MINUTE, limit), Quota(subject, Window.DAY, day_limit)]
        quotas.append(Quota(subject, Window.MINUTE, 20, Measure.TOKENS, amount))
        now = at(second)
        verdict = counters.take(quotas, now)
        taken = naive.take(quotas, now)
        assert verdict.is_admitted is (taken is not None)
        left = [max(quota.limit - naive.used(quota, now), 0) for quota in quotas]
        assert [standing.remaining for standing in verdict.standings] == left
        if verdict.grant is not None and taken is not None:
            grants.append((verdict.grant, taken))
        if verdict.refused_by is not None:
            blocking = verdict.refused_by
            then = at(second + blocking.resets_in_s)
            assert naive.used(blocking.quota, then) + blocking.quota.amount <= blocking.quota.limit
            before = at(second + blocking.resets_in_s - 0.5)
            assert naive.used(blocking.quota, before) + blocking.quota.amount > blocking.quota.limit
        if amount % 3 == 0 and grants:
            grant, number = grants.pop(amount % len(grants))
            counting.settle(grant, amount)
            naive.settle(number, amount)


def test_no_minute_ever_holds_more_than_the_limit() -> None:
    chance, counters = random.Random(1), Counters()
    second, admitted = 0.0, list[float]()
    for _ in range(20_000):
        second += chance.expovariate(1.0)
        if counters.take(minute(20), at(second)).is_admitted:
            admitted.append(second)
    assert min(later - first for first, later in zip(admitted, admitted[20:], strict=False)) >= 60 - 1e-9

"""A latency that rises at once and fades with time."""

import math

import pytest

from server.routing.load.peak import FADE_S, PeakLatency


def test_nothing_was_seen_at_first() -> None:
    assert PeakLatency().at(1e9) == 0.0


def test_a_slow_answer_is_seen_at_once() -> None:
    latency = PeakLatency()
    latency.observe((0.1,), (100.0,))
    latency.observe((2.0,), (100.0,))
    assert latency.at(100.0) == 2.0


def test_quick_answers_bring_it_down_with_time_and_not_with_their_number() -> None:
    often, seldom = PeakLatency(), PeakLatency()
    for latency in (often, seldom):
        latency.observe((2.0,), (100.0,))
    for step in range(1, 1_001):
        often.observe((0.1,), (100.0 + step / 100.0,))
    for step in range(1, 11):
        seldom.observe((0.1,), (100.0 + step,))
    assert often.at(110.0) == pytest.approx(seldom.at(110.0), rel=1e-6)
    assert 0.1 < often.at(110.0) < 1.0


def test_what_nobody_asks_any_more_fades() -> None:
    latency = PeakLatency()
    latency.observe((2.0,), (100.0,))
    assert latency.at(100.0 + FADE_S) == pytest.approx(2.0 / math.e)
    assert latency.at(200.0) < 0.001


def test_many_answers_count_as_if_each_had_been_told_when_it_came() -> None:
    latencies_s = [0.1, 2.0, 0.1, 0.2, 1.5, 3.0, 0.1, 0.1]
    times_s = [100.0, 100.0, 100.0, 101.0, 101.0, 104.0, 104.0, 110.0]
    one_by_one, together = PeakLatency(), PeakLatency()
    for latency_s, time_s in zip(latencies_s, times_s, strict=True):
        one_by_one.observe((latency_s,), (time_s,))
    together.observe(latencies_s, times_s)
    assert together.at(111.0) == pytest.approx(one_by_one.at(111.0))
    assert together.at(110.0) == pytest.approx(0.1 + 2.9 * math.exp(-6.0 / FADE_S))


def test_a_clock_that_goes_back_changes_nothing() -> None:
    latency = PeakLatency()
    latency.observe((2.0,), (100.0,))
    assert latency.at(50.0) == 2.0


def test_a_wait_that_was_given_up_only_counts_if_it_was_long() -> None:
    latency = PeakLatency()
    latency.observe((1.0,), (100.0,))
    latency.at_least(0.2, 100.0)
    assert latency.at(100.0) == 1.0
    latency.at_least(3.0, 100.0)
    assert latency.at(100.0) == 3.0

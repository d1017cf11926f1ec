"""Measurements: what counts, and how it fades."""

import pytest

from server.routing.measured import NOTHING, Measurements


def test_nothing_was_seen_at_first() -> None:
    assert Measurements().at(1e9) == NOTHING


def test_means_and_rates() -> None:
    seen = Measurements()
    seen.answered((0.1, 0.3), (0.0, 0.0))
    seen.called(0.0, has_failed=True)
    found = seen.at(0.0)
    assert (found.calls, found.answers, found.latency_ms) == (3.0, 2.0, 200.0)
    assert found.error_rate == pytest.approx(1 / 3)


def test_a_call_without_an_answer_and_without_a_failure_only_counts() -> None:
    seen = Measurements()
    seen.called(0.0, has_failed=False)
    found = seen.at(0.0)
    assert (found.calls, found.answers, found.latency_ms, found.error_rate) == (1.0, 0.0, 0.0, 0.0)


def test_what_was_seen_a_half_life_ago_weighs_half() -> None:
    seen = Measurements(half_life_s=10.0)
    seen.answered((0.1,), (0.0,))
    assert seen.at(10.0).calls == pytest.approx(0.5)
    seen.answered((0.4,), (10.0,))
    found = seen.at(10.0)
    assert found.latency_ms == pytest.approx(300.0)
    assert found.calls == pytest.approx(1.5)
    seen.called(20.0, has_failed=True)
    found = seen.at(20.0)
    assert found.calls == pytest.approx(1.75)
    assert found.answers == pytest.approx(0.75)
    assert found.error_rate == pytest.approx(1 / 1.75)
    assert found.latency_ms == pytest.approx(300.0)


def test_many_answers_count_as_if_each_had_been_told_when_it_came() -> None:
    latencies_s = [0.1, 0.5, 0.2, 0.2, 7.0, 0.3]
    times_s = [0.0, 0.0, 3.0, 3.0, 3.5, 40.0]
    one_by_one, together = Measurements(half_life_s=10.0), Measurements(half_life_s=10.0)
    for seen in (one_by_one, together):
        seen.called(-5.0, has_failed=True)
    for latency_s, time_s in zip(latencies_s, times_s, strict=True):
        one_by_one.answered((latency_s,), (time_s,))
    together.answered(latencies_s, times_s)
    for now_s in (40.0, 50.0):
        expected, found = one_by_one.at(now_s), together.at(now_s)
        assert found.calls == pytest.approx(expected.calls)
        assert found.answers == pytest.approx(expected.answers)
        assert found.latency_ms == pytest.approx(expected.latency_ms)
        assert found.error_rate == pytest.approx(expected.error_rate)


def test_answers_of_years_fade_and_break_nothing() -> None:
    seen = Measurements(half_life_s=1.0)
    seen.answered((1.0, 2.0, 3.0), (0.0, 1e8, 2e8))
    assert (seen.at(2e8).calls, seen.at(2e8).latency_ms) == (1.0, 3_000.0)
    assert seen.at(1e10).calls == 0.0


def test_a_clock_that_goes_back_changes_nothing() -> None:
    seen = Measurements()
    seen.answered((1.0,), (100.0,))
    seen.answered((3.0,), (50.0,))
    seen.called(50.0, has_failed=True)
    found = seen.at(50.0)
    assert (found.calls, found.answers, found.latency_ms) == (3.0, 2.0, 2_000.0)

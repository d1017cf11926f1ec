"""When a second candidate is asked: what was seen, what is assumed, and how often it may be."""

import random

import pytest

from server.routing.dispatch.pace import FRACTION, LEAST_S, LEAST_SAMPLES, MOST_SAVED, TOGETHER, USUAL_S, Hedging, Pace
from tests.unit.server.routing.scripted import candidate


def test_the_quantile_is_within_a_bucket_of_the_truth() -> None:
    chance, pace = random.Random(5), Pace()
    times = [chance.lognormvariate(-1.0, 0.6) for _ in range(300)]
    pace.saw(times)
    truth = sorted(times)[284]
    assert truth <= pace.quantile_s() * 1.0001
    assert pace.quantile_s() <= truth * 1.16


@pytest.mark.parametrize("took_s", [0.0, 1e-9, 0.0011, 1.0, 1e9])
def test_any_time_is_taken(took_s: float) -> None:
    pace = Pace()
    pace.saw([took_s])
    assert 0.001 < pace.quantile_s() < 1_000


def test_times_at_the_bounds_of_buckets_and_between_are_told_apart() -> None:
    pace = Pace()
    pace.saw([0.0005, 0.001, 0.00114, 0.00116, 0.0014, 1e9])
    assert (pace.count, pace.counts[:3], pace.counts[-1]) == (6, [3, 1, 1], 1)


def test_newer_calls_count_more() -> None:
    pace = Pace()
    for _ in range(1_000):
        pace.saw([0.1])
    for _ in range(400):
        pace.saw([5.0])
    assert pace.quantile_s() >= 5.0
    assert pace.count < 400


def seen(count: int, took_s: float) -> Hedging:
    hedging = Hedging()
    for _ in range(count):
        hedging.saw(candidate("a"), took_s, is_stream=True)
    return hedging


def test_a_usual_time_stands_for_what_was_not_seen() -> None:
    few = seen(LEAST_SAMPLES - 1, 0.5)
    assert few.after_s(candidate("a"), is_stream=True) == USUAL_S[True]
    enough = seen(LEAST_SAMPLES, 0.5)
    assert 0.5 <= enough.after_s(candidate("a"), is_stream=True) <= 0.58
    assert enough.after_s(candidate("b"), is_stream=True) == USUAL_S[True]
    assert enough.after_s(candidate("a"), is_stream=False) == USUAL_S[False]


def test_nobody_is_hedged_at_once() -> None:
    assert seen(100, 0.002).after_s(candidate("a"), is_stream=True) == LEAST_S


def test_a_tenth_of_the_calls_may_be_hedged() -> None:
    hedging = Hedging()
    taken = 0
    for _ in range(1_000):
        taken += hedging.take()
        hedging.saw(candidate("a"), 1.0, is_stream=True)
    assert 1_000 * FRACTION - 2 <= taken <= 1_000 * FRACTION + 2
    assert hedging.hedge_count == taken


def test_what_is_saved_is_bounded_and_what_was_not_needed_comes_back() -> None:
    hedging = seen(10_000, 1.0)
    taken = sum(hedging.take() for _ in range(100))
    assert taken == MOST_SAVED
    hedging.give_back()
    assert [hedging.take(), hedging.take()] == [True, False]
    assert hedging.refused_count > 0


def test_without_a_fraction_nobody_is_hedged() -> None:
    hedging = Hedging(0.0)
    hedging.saw(candidate("a"), 1.0, is_stream=True)
    assert not hedging.take()


def test_only_so_many_calls_are_noted_before_they_are_taken_in() -> None:
    hedging, a, b = Hedging(), candidate("a"), candidate("b")
    for count in range(1, 3 * TOGETHER):
        hedging.saw(a if count % 3 else b, 0.5 if count % 3 else 5.0, is_stream=True)
        assert len(hedging.seen) == count % TOGETHER
    assert 0.5 <= hedging.after_s(a, is_stream=True) <= 0.58
    assert hedging.seen == []
    assert 5.0 <= hedging.after_s(b, is_stream=True) <= 5.8


def test_series_are_bounded() -> None:
    hedging = Hedging(max_series=2)
    for name in "abc":
        for _ in range(LEAST_SAMPLES):
            hedging.saw(candidate(name), 0.5, is_stream=True)
    assert hedging.after_s(candidate("a"), is_stream=True) == USUAL_S[True]
    assert hedging.after_s(candidate("c"), is_stream=True) < 1.0


def test_the_one_that_was_seen_last_is_seen_as_any_other() -> None:
    hedging, a, b, c = Hedging(max_series=2), candidate("a"), candidate("b"), candidate("c")
    for each in (*[a] * LEAST_SAMPLES, b, c, a):  # the last but one takes the place of the first
        hedging.saw(each, 0.5, is_stream=True)
    assert hedging.after_s(a, is_stream=True) == USUAL_S[True]
    for _ in range(LEAST_SAMPLES):
        hedging.saw(a, 0.5, is_stream=True)
        hedging.saw(a, 0.2, is_stream=False)
    assert 0.5 <= hedging.after_s(a, is_stream=True) <= 0.58
    assert 0.2 <= hedging.after_s(a, is_stream=False) <= 0.24

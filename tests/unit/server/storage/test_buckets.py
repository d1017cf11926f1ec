"""Percentiles from buckets are as near to the exact ones as is said."""

import math
import random

import pytest

from server.storage.buckets import ERROR, LAST, bucket_of, percentile_ms, time_of


def test_every_time_is_near_to_what_stands_for_its_bucket() -> None:
    times = [*range(1, 20_000), *(int(1.01**power) for power in range(1000, 1600))]
    worst = max(abs(time_of(bucket_of(time)) - time) / time for time in times)
    assert worst <= ERROR + 1e-9


@pytest.mark.parametrize(
    ("time_ms", "bucket"), [(-3, 0), (0, 0), (1, 1), (2, 9), (10**30, LAST)], ids=lambda value: str(value)[:8]
)
def test_the_ends_have_buckets_too(time_ms: int, bucket: int) -> None:
    assert bucket_of(time_ms) == bucket


def test_longer_times_are_never_in_a_lower_bucket() -> None:
    buckets = [bucket_of(time_ms) for time_ms in range(5000)]
    assert buckets == sorted(buckets)


@pytest.mark.parametrize("share", [0.5, 0.95, 0.99, 1.0, 0.0])
@pytest.mark.parametrize("count", [1, 2, 3, 100, 1000])
def test_a_percentile_is_within_the_error_of_the_exact_one(share: float, count: int) -> None:
    chance = random.Random(count)
    times = [int(chance.lognormvariate(5, 2)) for _ in range(count)]
    exact = sorted(times)[max(0, math.ceil(share * count) - 1)]
    buckets: dict[int, int] = {}
    for time_ms in times:
        buckets[bucket_of(time_ms)] = buckets.get(bucket_of(time_ms), 0) + 1
    assert abs(percentile_ms(buckets, share) - exact) <= exact * ERROR + 0.5


def test_a_percentile_of_nothing_is_zero() -> None:
    assert percentile_ms({}, 0.5) == 0

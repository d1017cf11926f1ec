"""Times in buckets of equal ratio, from which percentiles can be told whatever was summed up. Pure.

Bucket 0 holds times below 1 ms. Bucket n holds those from just over RATIO ** (n - 2) up to RATIO ** (n - 1) ms, and
stands for the value that is at most `ERROR` of any of them away. So a percentile is told within 5 % of the exact one,
and then to whole milliseconds.
"""

import math
from collections.abc import Mapping

RATIO = 1.1
ERROR = (RATIO - 1) / (RATIO + 1)
"""How far a percentile can be from the exact one before it is rounded, as a share of it: 0.048."""

LAST = 256
"""What is longer than any time of a request falls in here: 1e10 ms."""

_LOG_RATIO = math.log(RATIO)
_MIDDLE = 2 * RATIO / (RATIO + 1)


def _worked_out(time_ms: int) -> int:
    return min(math.ceil(math.log(time_ms) / _LOG_RATIO) + 1, LAST)


_USUAL = (0, *map(_worked_out, range(1, 1024)))


def bucket_of(time_ms: int) -> int:
    """The bucket of a time in whole milliseconds."""
    if time_ms < 1:
        return 0
    return _USUAL[time_ms] if time_ms < len(_USUAL) else _worked_out(time_ms)


def time_of(bucket: int) -> float:
    """The time that stands for a bucket, in milliseconds."""
    return 0.0 if bucket < 1 else _MIDDLE * math.pow(RATIO, bucket - 2)


def percentile_ms(times: Mapping[int, int], share: float) -> int:
    """The time that `share` (0 to 1) of all are not longer than, in whole milliseconds; 0 where there are none.

    `times` are counts by bucket.
    """
    rank = max(1, math.ceil(share * sum(times.values())))
    seen = 0
    for bucket in sorted(times):
        seen += times[bucket]
        if seen >= rank:
            return round(time_of(bucket))
    return 0

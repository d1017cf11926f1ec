"""Where limits stand as what clients read: the `x-ratelimit-*` headers, in the GitHub kind and in OpenAI's.

Waiting until the reset is always enough: what is not whole is rounded up.
"""

import math
from collections.abc import Sequence

from server.chat.rates import Measure, Standing, tightest

_MINUTE_S = 60
_HOUR_S = 3600
_MS_PER_S = 1000


def rate_metadata(standings: Sequence[Standing]) -> list[tuple[str, str]]:
    """Names and values, of the tightest window of calls and of that of tokens, as far as there are such limits.

    `x-ratelimit-reset` is in seconds since 1970, `…-reset-requests` and `…-reset-tokens` are durations as `6m0s`.
    """
    told: list[tuple[str, str]] = []
    for measure in Measure:
        measured = [standing for standing in standings if standing.quota.measure is measure]
        if measured:
            told += _of(tightest(measured), measure)
    return told


def _of(standing: Standing, measure: Measure) -> list[tuple[str, str]]:
    limit, remaining = str(standing.quota.limit), str(standing.remaining)
    told = [
        (f"x-ratelimit-limit-{measure.value}", limit),
        (f"x-ratelimit-remaining-{measure.value}", remaining),
        (f"x-ratelimit-reset-{measure.value}", duration(standing.resets_in_s)),
    ]
    if measure is Measure.REQUESTS:
        told += [
            ("x-ratelimit-limit", limit),
            ("x-ratelimit-remaining", remaining),
            ("x-ratelimit-reset", str(math.ceil(standing.epoch_s + standing.resets_in_s))),
        ]
    return told


def duration(span_s: float) -> str:
    """A span of time as OpenAI writes it: `12ms`, `59s`, `6m0s`, `1h0m0s`."""
    if span_s < 1 and (span_ms := math.ceil(span_s * _MS_PER_S)) < _MS_PER_S:
        return f"{max(span_ms, 0)}ms"
    whole_s = math.ceil(span_s)
    minutes, seconds = divmod(whole_s, _MINUTE_S)
    if not minutes:
        return f"{seconds}s"
    hours, minutes = divmod(minutes, _HOUR_S // _MINUTE_S)
    return f"{hours}h{minutes}m{seconds}s" if hours else f"{minutes}m{seconds}s"

"""A standing as what clients read: the `x-ratelimit-*` headers, in the GitHub kind and in OpenAI's.

Waiting until the reset is always enough: what is not whole is rounded up.
"""

import math

from server.chat.rates import Standing

_MINUTE_S = 60
_HOUR_S = 3600
_MS_PER_S = 1000


def rate_metadata(standing: Standing) -> tuple[tuple[str, str], ...]:
    """Names and values. `x-ratelimit-reset` is in seconds since 1970, `…-reset-requests` a duration as `6m0s`."""
    limit, remaining = str(standing.quota.limit), str(standing.remaining)
    return (
        ("x-ratelimit-limit", limit),
        ("x-ratelimit-remaining", remaining),
        ("x-ratelimit-reset", str(math.ceil(standing.epoch_s + standing.resets_in_s))),
        ("x-ratelimit-limit-requests", limit),
        ("x-ratelimit-remaining-requests", remaining),
        ("x-ratelimit-reset-requests", duration(standing.resets_in_s)),
    )


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

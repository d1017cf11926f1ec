"""What clients read of a standing."""

import pytest

from server.chat.rates import Quota, Standing, Window
from server.limits.metadata import duration, rate_metadata


def test_the_headers_of_both_kinds_say_the_same() -> None:
    standing = Standing(Quota("usr_1", Window.MINUTE, 20), 19, 59.25, 1_769_608_800.5)
    assert dict(rate_metadata(standing)) == {
        "x-ratelimit-limit": "20",
        "x-ratelimit-remaining": "19",
        "x-ratelimit-reset": "1769608860",
        "x-ratelimit-limit-requests": "20",
        "x-ratelimit-remaining-requests": "19",
        "x-ratelimit-reset-requests": "1m0s",
    }


@pytest.mark.parametrize(
    ("span_s", "text"),
    [
        (-1.0, "0ms"),
        (0.0, "0ms"),
        (0.0111, "12ms"),
        (0.9991, "1s"),
        (1.0, "1s"),
        (58.01, "59s"),
        (60.0, "1m0s"),
        (360.0, "6m0s"),
        (3599.5, "1h0m0s"),
        (86_400.0, "24h0m0s"),
        (61_261.0, "17h1m1s"),
    ],
    ids=str,
)
def test_durations_are_written_as_openai_does(span_s: float, text: str) -> None:
    assert duration(span_s) == text

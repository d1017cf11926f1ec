"""What clients read of a standing."""

import pytest

from server.chat.rates import Measure, Quota, Standing, Window
from server.limits.metadata import duration, rate_metadata


def test_the_headers_of_both_kinds_say_the_same() -> None:
    standing = Standing(Quota("usr_1", Window.MINUTE, 20), 19, 59.25, 1_769_608_800.5)
    assert dict(rate_metadata([standing])) == {
        "x-ratelimit-limit": "20",
        "x-ratelimit-remaining": "19",
        "x-ratelimit-reset": "1769608860",
        "x-ratelimit-limit-requests": "20",
        "x-ratelimit-remaining-requests": "19",
        "x-ratelimit-reset-requests": "1m0s",
    }


def test_calls_and_tokens_are_told_apart_each_by_its_tightest_window() -> None:
    told = rate_metadata(
        [
            Standing(Quota("usr_1", Window.MINUTE, 20), 19, 59.0, 0.0),
            Standing(Quota("key_1", Window.DAY, 100), 3, 3600.0, 0.0),
            Standing(Quota("key_1", Window.MINUTE, 9_000, Measure.TOKENS), 8_000, 20.0, 0.0),
            Standing(Quota("key_1", Window.DAY, 90_000, Measure.TOKENS), 500, 3600.0, 0.0),
        ]
    )
    assert dict(told) == {
        "x-ratelimit-limit": "100",
        "x-ratelimit-remaining": "3",
        "x-ratelimit-reset": "3600",
        "x-ratelimit-limit-requests": "100",
        "x-ratelimit-remaining-requests": "3",
        "x-ratelimit-reset-requests": "1h0m0s",
        "x-ratelimit-limit-tokens": "90000",
        "x-ratelimit-remaining-tokens": "500",
        "x-ratelimit-reset-tokens": "1h0m0s",
    }
    assert len(told) == 9


def test_where_there_are_only_limits_of_tokens_nothing_is_told_of_calls() -> None:
    told = dict(rate_metadata([Standing(Quota("key_1", Window.MINUTE, 9, Measure.TOKENS), 8, 20.0, 0.0)]))
    assert list(told) == ["x-ratelimit-limit-tokens", "x-ratelimit-remaining-tokens", "x-ratelimit-reset-tokens"]


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

"""Every spelling of when to ask again."""

import pytest

from server.providers.retry_after import parse_retry_after

NOW = 1_763_800_000.0
DATE = "Sat, 22 Nov 2025 08:26:40 GMT"
LATER = "Sat, 22 Nov 2025 08:26:45 GMT"


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "2"}, 2.0),
        ({"retry-after": " 2 "}, 2.0),
        ({"retry-after": "1.5"}, 1.5),
        ({"retry-after": "0"}, 0.0),
        ({"retry-after": "-5"}, 0.0),
        ({"retry-after": "1e9"}, 60.0),
        ({"retry-after": "inf"}, 60.0),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "abc"}, None),
        ({"retry-after": ""}, None),
        ({"retry-after": LATER}, 5.0),
        ({"retry-after": "Saturday, 22-Nov-25 08:26:45 GMT"}, 5.0),
        ({"retry-after": "Sat Nov 22 08:26:45 2025"}, 5.0),
        ({"retry-after": "Sat, 22 Nov 2025 09:26:45 +0100"}, 5.0),
        ({"retry-after": "Sat, 22 Nov 2025 08:00:00 GMT"}, 0.0),
        ({"retry-after": "Sat, 22 Nov 2125 08:00:00 GMT"}, 60.0),
        ({"retry-after": "Sat, 99 Nov 2025 08:00:00 GMT"}, None),
        ({"retry-after-ms": "1500"}, 1.5),
        ({"retry-after-ms": "1500", "retry-after": "9"}, 1.5),
        ({"retry-after-ms": "soon", "retry-after": "9"}, 9.0),
        ({"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "6m0s"}, 60.0),
        ({"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "120ms"}, 0.12),
        ({"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "1.5s"}, 1.5),
        ({"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "7"}, 7.0),
        ({"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": f"{NOW + 8:.0f}"}, 8.0),
        ({"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "soon"}, None),
        ({"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": ""}, None),
        ({"x-ratelimit-remaining-requests": "3", "x-ratelimit-reset-requests": "7"}, None),
        ({"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": f"{(NOW + 8) * 1000:.0f}"}, 8.0),
        ({"x-ratelimit-remaining": "0", "x-ratelimit-reset": f"{(NOW + 8) * 1000:.0f}"}, 8.0),
        ({"x-ratelimit-remaining": "0", "x-ratelimit-reset": "9"}, 9.0),
        ({"x-ratelimit-remaining": "1", "x-ratelimit-reset": "9"}, None),
        ({"x-ratelimit-reset": "9"}, None),
        (
            {
                "x-ratelimit-remaining-requests": "0",
                "x-ratelimit-reset-requests": "2s",
                "x-ratelimit-remaining-tokens": "0",
                "x-ratelimit-reset-tokens": "1m",
            },
            60.0,
        ),
    ],
)
def test_reads(headers: dict[str, str], seconds: float | None) -> None:
    assert parse_retry_after(headers, NOW) == seconds


def test_a_date_counts_from_the_answers_own() -> None:
    assert parse_retry_after({"retry-after": LATER, "date": DATE}) == 5.0
    assert parse_retry_after({"retry-after": LATER}) is None

"""What an account may still use, in the spellings of providers."""

from datetime import datetime

import pytest

from server.providers.remaining import TOLD_BY, USUAL_RESET_S, Remaining, remaining_requests, remaining_tokens

NOW_S = 1_795_000_000.0
DATE = "2026-11-18T10:06:50Z"
DATE_S = datetime.fromisoformat(DATE).timestamp()

CASES: list[tuple[str, dict[str, str], Remaining | None]] = [
    ("nothing is told", {}, None),
    ("a duration", {"x-ratelimit-remaining-requests": "3", "x-ratelimit-reset-requests": "1m0.5s"}, Remaining(3, 60.5)),
    ("milliseconds", {"x-ratelimit-remaining-requests": "3", "x-ratelimit-reset-requests": "5ms"}, Remaining(3, 0.005)),
    ("seconds", {"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "7.5"}, Remaining(0, 7.5)),
    ("seconds since 1970",
     {"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "1795000009"}, Remaining(0, 9.0)),
    ("a date",
     {"anthropic-ratelimit-requests-remaining": "0", "anthropic-ratelimit-requests-reset": "2026-11-18T09:06:50Z"},
     Remaining(0, 0.0)),
    ("no end of the window", {"x-ratelimit-remaining-requests": "1"}, Remaining(1, USUAL_RESET_S)),
    ("an end that nobody can read", {"x-ratelimit-remaining-requests": "1", "x-ratelimit-reset-requests": "soon"},
     Remaining(1, USUAL_RESET_S)),
    ("an end that is no number", {"x-ratelimit-remaining-requests": "1", "x-ratelimit-reset-requests": "nan"},
     Remaining(1, USUAL_RESET_S)),
    ("an end that has passed", {"x-ratelimit-remaining-requests": "1", "x-ratelimit-reset-requests": "-4"},
     Remaining(1, 0.0)),
    ("more than matters", {"x-ratelimit-remaining-requests": "11"}, None),
    ("a number that is none", {"x-ratelimit-remaining-requests": "many"}, None),
    ("digits of another alphabet", {"x-ratelimit-remaining-requests": "٣"}, None),
    ("a number below nothing", {"x-ratelimit-remaining-requests": "-1"}, None),
]  # fmt: skip


@pytest.mark.parametrize(("headers", "expected"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_what_is_left(headers: dict[str, str], expected: Remaining | None) -> None:
    assert remaining_requests(headers, 10, NOW_S) == expected


@pytest.mark.parametrize("name", ["x-ratelimit-remaining-tokens", "anthropic-ratelimit-tokens-remaining"])
def test_tokens_have_names_of_their_own(name: str) -> None:
    headers = {name: "900", "anthropic-ratelimit-tokens-reset": DATE, "x-ratelimit-reset-tokens": "20"}
    found = remaining_tokens(headers, 1_000, DATE_S - 20)
    assert found == Remaining(900, 20.0)
    assert remaining_requests(headers, 1_000, NOW_S) is None


def test_whether_anything_is_told() -> None:
    assert not TOLD_BY.isdisjoint({"date": "today", "anthropic-ratelimit-tokens-remaining": "9"})
    assert TOLD_BY.isdisjoint({"date": "today", "x-ratelimit-limit-requests": "9"})

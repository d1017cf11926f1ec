"""What an account may still use before its window ends, as answers of providers tell it. Pure.

Two spellings are in use: `x-ratelimit-remaining-requests` with `x-ratelimit-reset-requests` as a duration or in
seconds, and `anthropic-ratelimit-requests-remaining` with `anthropic-ratelimit-requests-reset` as a date; both for
tokens too.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Final, NamedTuple

from server.providers.retry_after import parse_duration

USUAL_RESET_S: Final = 1.0
"""When a window ends of which that is not told."""

_EPOCH_FROM_S: Final = 1e9


class Remaining(NamedTuple):
    """What is left in one window, and in how many seconds the window ends."""

    left: int
    reset_s: float


class _Names(NamedTuple):
    left: str
    reset: str


_REQUESTS: Final = (
    _Names("x-ratelimit-remaining-requests", "x-ratelimit-reset-requests"),
    _Names("anthropic-ratelimit-requests-remaining", "anthropic-ratelimit-requests-reset"),
)
_TOKENS: Final = (
    _Names("x-ratelimit-remaining-tokens", "x-ratelimit-reset-tokens"),
    _Names("anthropic-ratelimit-tokens-remaining", "anthropic-ratelimit-tokens-reset"),
)
TOLD_BY: Final = frozenset(names.left for names in (*_REQUESTS, *_TOKENS))
"""The headers, in lower case, one of which comes where anything is told."""


def remaining_requests(headers: Mapping[str, str], at_most: float, now_s: float) -> Remaining | None:
    """How many requests are left if that is `at_most` so many; None for more, and where nothing readable is told.

    Header names are in lower case; `now_s` is in seconds since 1970.
    """
    return _remaining(headers, _REQUESTS, at_most, now_s)


def remaining_tokens(headers: Mapping[str, str], at_most: float, now_s: float) -> Remaining | None:
    """The same for tokens."""
    return _remaining(headers, _TOKENS, at_most, now_s)


def _remaining(
    headers: Mapping[str, str], spellings: tuple[_Names, ...], at_most: float, now_s: float
) -> Remaining | None:
    for names in spellings:
        text = headers.get(names.left)
        if text is not None:
            left = int(text) if text.isascii() and text.isdigit() else None
            if left is None or left > at_most:
                return None
            return Remaining(left, _reset_s(headers.get(names.reset, "").strip(), now_s))
    return None


def _reset_s(text: str, now_s: float) -> float:
    """Seconds until a window ends, 0 or more."""
    try:
        seconds = float(text)
    except ValueError:
        seconds = _of_words(text, now_s)
    if seconds >= _EPOCH_FROM_S:
        seconds -= now_s
    return max(seconds, 0.0) if seconds == seconds else USUAL_RESET_S  # NaN is no time


def _of_words(text: str, now_s: float) -> float:
    duration = parse_duration(text)
    if duration is not None:
        return duration
    try:
        return datetime.fromisoformat(text).timestamp() - now_s
    except (ValueError, OverflowError):
        return USUAL_RESET_S

"""When a provider wants to be asked again, in each spelling in use. Pure: `now` is the answer's own date."""

import math
import re
from collections.abc import Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Final

MAX_RETRY_AFTER_S: Final = 60.0

_DURATION: Final = re.compile(r"(?:([0-9.]+)h)?(?:([0-9.]+)m(?!s))?(?:([0-9.]+)s)?(?:([0-9.]+)ms)?")
_UNITS_S: Final = (3600.0, 60.0, 1.0, 0.001)
_WINDOWS: Final = ("-requests", "-tokens", "")
_EPOCH_FROM_S: Final = 1e9
_EPOCH_FROM_MS: Final = 1e12


def parse_retry_after(headers: Mapping[str, str], now_s: float | None = None) -> float | None:
    """Seconds from 0 to 60 until a new try makes sense, None if the answer does not say it in a way we can read.

    Read in this order: `retry-after-ms`; `retry-after` as seconds, whole or not, or as an HTTP date; the reset of the
    `x-ratelimit-*` windows that have nothing left, named or not, as `6m0s`, as seconds or as an epoch in seconds or
    milliseconds. A time of day counts from `now_s`, seconds since 1970, else from the answer's `date` header; without
    either it says nothing. What lies in the past is 0. Header names are in lower case.
    """
    now_s = _date(headers.get("date", "")) if now_s is None else now_s
    milliseconds = _number(headers.get("retry-after-ms", ""))
    if milliseconds is not None:
        return _clamped(milliseconds / 1000)
    seconds = _moment(headers.get("retry-after", ""), now_s)
    if seconds is not None:
        return _clamped(seconds)
    resets = [_reset(headers, window, now_s) for window in _WINDOWS]
    known = [reset for reset in resets if reset is not None]
    return _clamped(max(known)) if known else None


def _clamped(seconds: float) -> float:
    return min(max(seconds, 0.0), MAX_RETRY_AFTER_S)


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return None if math.isnan(number) else number


def _moment(text: str, now_s: float | None) -> float | None:
    """Seconds from now, of a number of seconds or a date."""
    number = _number(text)
    if number is not None:
        return number
    date_s = _date(text)
    return None if date_s is None or now_s is None else date_s - now_s


def _date(text: str) -> float | None:
    """An HTTP date as seconds since 1970."""
    try:
        date = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp()


def _reset(headers: Mapping[str, str], window: str, now_s: float | None) -> float | None:
    """Seconds until a window that has nothing left opens again."""
    if _number(headers.get(f"x-ratelimit-remaining{window}", "")) != 0:
        return None
    text = headers.get(f"x-ratelimit-reset{window}", "").strip()
    number = _number(text)
    if number is not None and number >= _EPOCH_FROM_MS:
        number /= 1000.0
    if number is not None and number >= _EPOCH_FROM_S:
        return None if now_s is None else number - now_s
    return number if number is not None else parse_duration(text)


def parse_duration(text: str) -> float | None:
    """Seconds of a duration as `1h2m3.5s` or `120ms`; None for anything else."""
    match = _DURATION.fullmatch(text)
    if not text or match is None:
        return None
    parts = [_number(group or "0") for group in match.groups()]
    return sum((part or 0.0) * unit for part, unit in zip(parts, _UNITS_S, strict=True))

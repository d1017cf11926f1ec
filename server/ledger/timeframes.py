"""Stretches of time as they are asked for: a timeframe up to now, or the last days in UTC. Pure."""

from datetime import UTC, datetime, timedelta

from msgspec import Struct

from server.errors import RequestInvalid
from server.storage.spans import Grain

DEFAULT_TIMEFRAME = "24h"
DEFAULT_DAYS = 7
MAX_DAYS = 365

_TIMEFRAMES = {"24h": timedelta(hours=24), "7d": timedelta(days=7), "30d": timedelta(days=30)}


class Timeframe(Struct, frozen=True):
    """The time from `start` to now. Times are counted by `grain`, from `times_start` on, which is not after `start`."""

    start: datetime
    grain: Grain
    times_start: datetime


def read_timeframe(asked: str, now: datetime) -> Timeframe:
    """The timeframe of that name: 24 hours from a full minute on, days from a full hour. Raises RequestInvalid."""
    length = _TIMEFRAMES.get(asked or DEFAULT_TIMEFRAME)
    if length is None:
        raise RequestInvalid(f"timeframe must be one of {', '.join(_TIMEFRAMES)}.", param="timeframe")
    start = (now - length).replace(second=0, microsecond=0)
    if length == _TIMEFRAMES["24h"]:
        return Timeframe(start, Grain.HOURS, start.replace(minute=0))
    start = start.replace(minute=0)
    if length == _TIMEFRAMES["30d"]:
        return Timeframe(start, Grain.DAYS, start.replace(hour=0))
    return Timeframe(start, Grain.HOURS, start)


def first_day(asked: int | None, now: datetime) -> datetime:
    """The beginning of the first of so many days, today being the last. Raises RequestInvalid."""
    days = DEFAULT_DAYS if asked is None else asked
    if not 1 <= days <= MAX_DAYS:
        raise RequestInvalid(f"days must be 1 to {MAX_DAYS}.", param="days")
    return now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=days - 1)

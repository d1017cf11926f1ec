"""Timeframes and days: which there are, and where they begin."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from server.errors import RequestInvalid
from server.ledger.timeframes import Timeframe, first_day, read_timeframe
from server.storage.spans import Grain

NOW = datetime(2026, 1, 28, 14, 33, 7, 5, tzinfo=UTC)


def at(day: int, hour: int = 0, minute: int = 0) -> datetime:
    """A moment of January."""
    return datetime(2026, 1, 1, hour, minute, tzinfo=UTC) + timedelta(days=day - 1)


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ("24h", Timeframe(at(27, 14, 33), Grain.HOURS, at(27, 14))),
        ("7d", Timeframe(at(21, 14), Grain.HOURS, at(21, 14))),
        ("30d", Timeframe(at(-2, 14), Grain.DAYS, at(-2))),
    ],
    ids=["24 hours from a full minute", "7 days from a full hour", "30 days, with percentiles of whole days"],
)  # fmt: skip
def test_a_timeframe_begins_with_a_full_span(asked: str, expected: Timeframe) -> None:
    assert read_timeframe(asked, NOW) == expected


def test_the_timeframe_is_24_hours_when_none_is_named() -> None:
    assert read_timeframe("", NOW) == read_timeframe("24h", NOW)


@pytest.mark.parametrize("asked", ["1h", "24", "24H", " 24h", "7days", "0", "'; DROP TABLE operations;--"])
def test_another_timeframe_is_refused_naming_those_there_are(asked: str) -> None:
    with pytest.raises(RequestInvalid, match="timeframe must be one of 24h, 7d, 30d") as caught:
        read_timeframe(asked, NOW)
    assert caught.value.param == "timeframe"


@pytest.mark.parametrize(
    ("asked", "expected"),
    [(1, datetime(2026, 1, 28, tzinfo=UTC)), (None, datetime(2026, 1, 22, tzinfo=UTC)),
     (365, datetime(2025, 1, 29, tzinfo=UTC))],
    ids=["today alone", "a week when none is named", "a year"],
)  # fmt: skip
def test_days_begin_at_midnight_and_end_today(asked: int | None, expected: datetime) -> None:
    assert first_day(asked, NOW) == expected


def test_days_are_those_of_utc() -> None:
    there = datetime(2026, 1, 29, 0, 30, tzinfo=timezone(timedelta(hours=5)))
    assert first_day(1, there) == datetime(2026, 1, 28, tzinfo=UTC)


@pytest.mark.parametrize("asked", [0, -1, 366, 2**31 - 1])
def test_too_few_and_too_many_days_are_refused(asked: int) -> None:
    with pytest.raises(RequestInvalid, match="days must be 1 to 365") as caught:
        first_day(asked, NOW)
    assert caught.value.param == "days"

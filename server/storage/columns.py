"""Column types that mean the same on every database.

Times are integers of microseconds since 1970 in UTC: exact, comparable, indexable, and free of the drivers' notions of
time zones. Lists of short strings are JSON text.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from sqlalchemy import BigInteger, Text
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DAY_S = 86_400
_US_PER_S = 1_000_000


def to_micros(moment: datetime) -> int:
    """A timezone-aware time as whole microseconds since 1970 UTC; a naive one is refused with ValueError."""
    if moment.tzinfo is None:
        raise ValueError("a time without a time zone cannot be stored")
    since = moment - _EPOCH
    # Written out: dividing two spans costs three times as much, and this runs several times for every request.
    return (since.days * _DAY_S + since.seconds) * _US_PER_S + since.microseconds


def from_micros(micros: int) -> datetime:
    """The UTC time of that many microseconds since 1970."""
    return _EPOCH + timedelta(microseconds=micros)


def to_json(strings: tuple[str, ...]) -> str:
    """Strings as the text of a JSON array."""
    return msgspec.json.encode(strings).decode() if strings else "[]"


class UtcMicros(TypeDecorator[datetime]):
    """A timezone-aware `datetime`, kept as a 64-bit integer."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:
        """Python to database."""
        return None if value is None else to_micros(value)

    def process_result_value(self, value: Any | None, dialect: Dialect) -> datetime | None:
        """Database to Python."""
        return None if value is None else from_micros(value)


class StringTuple(TypeDecorator[tuple[str, ...]]):
    """A tuple of strings, kept as a JSON array in a text column."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: tuple[str, ...] | None, dialect: Dialect) -> str | None:
        """Python to database."""
        return None if value is None else to_json(value)

    def process_result_value(self, value: Any | None, dialect: Dialect) -> tuple[str, ...] | None:
        """Database to Python."""
        return None if value is None else msgspec.json.decode(value, type=tuple[str, ...])


class FloatTuple(TypeDecorator[tuple[float, ...]]):
    """A tuple of numbers, kept as a JSON array in a text column."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: tuple[float, ...] | None, dialect: Dialect) -> str | None:
        """Python to database."""
        return None if value is None else msgspec.json.encode(value).decode()

    def process_result_value(self, value: Any | None, dialect: Dialect) -> tuple[float, ...] | None:
        """Database to Python."""
        return None if value is None else msgspec.json.decode(value, type=tuple[float, ...])

"""A stretch of time as the fewest pieces of whole days, hours and minutes, and what is left of it. Pure.

What is left, less than a minute at either end, is to be read from the rows. So are the minutes before `minutes_from`,
of which no sums are kept any more: that makes it less than an hour at either end.
"""

from collections.abc import Iterator
from datetime import datetime
from enum import Enum

from msgspec import Struct

from server.storage.columns import to_micros
from server.storage.rollups import DAY_US, HOUR_US, MINUTE_US


class Grain(Enum):
    """Where the sums of a piece are."""

    ROWS = 0
    MINUTES = 1
    HOURS = 2
    DAYS = 3


class Piece(Struct, frozen=True):
    """A stretch from `start_us` on and before `end_us`, in microseconds since 1970 UTC; None is without end."""

    grain: Grain
    start_us: int | None
    end_us: int | None


class Stretch(Struct, frozen=True):
    """From `start` on and before `end`; None is without end."""

    start: datetime | None = None
    end: datetime | None = None

    def pieces(self, minutes_from: datetime) -> tuple[Piece, ...]:
        """The pieces, in order; none for a stretch that is empty."""
        start_us = None if self.start is None else to_micros(self.start)
        end_us = None if self.end is None else to_micros(self.end)
        return tuple(_split(start_us, end_us, Grain.DAYS, to_micros(minutes_from)))


ALL_TIME = Stretch()

_LENGTHS_US = {Grain.MINUTES: MINUTE_US, Grain.HOURS: HOUR_US, Grain.DAYS: DAY_US}


def _split(start_us: int | None, end_us: int | None, grain: Grain, minutes_from_us: int) -> Iterator[Piece]:
    """What is whole in the grain as one piece, and both ends in the next finer one."""
    if start_us is not None and end_us is not None and start_us >= end_us:
        return
    if grain is Grain.MINUTES and (start_us is None or start_us < minutes_from_us):
        grain = Grain.ROWS
    if grain is Grain.ROWS:
        yield Piece(grain, start_us, end_us)
        return
    length_us = _LENGTHS_US[grain]
    first_us = None if start_us is None else -(-start_us // length_us) * length_us
    last_us = None if end_us is None else end_us // length_us * length_us
    finer = Grain(grain.value - 1)
    if first_us is not None and last_us is not None and first_us >= last_us:
        yield from _split(start_us, end_us, finer, minutes_from_us)
        return
    if start_us is not None and start_us != first_us:
        yield from _split(start_us, first_us, finer, minutes_from_us)
    yield Piece(grain, first_us, last_us)
    if end_us is not None and end_us != last_us:
        yield from _split(last_us, end_us, finer, minutes_from_us)

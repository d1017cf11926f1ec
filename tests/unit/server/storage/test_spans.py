"""A stretch of time is cut into pieces that cover it exactly, and into few of them."""

import random
from datetime import UTC, datetime, timedelta

import pytest

from server.storage.columns import to_micros
from server.storage.rollups import DAY_US, HOUR_US, MINUTE_US
from server.storage.spans import ALL_TIME, Grain, Stretch

NOW = datetime(2026, 1, 28, 14, 33, 7, tzinfo=UTC)
MIDNIGHT = NOW.replace(hour=0, minute=0, second=0)
LONG_AGO = NOW - timedelta(days=10_000)
LENGTHS_US = {Grain.DAYS: DAY_US, Grain.HOURS: HOUR_US, Grain.MINUTES: MINUTE_US, Grain.ROWS: 1}

CASES = [
    ("all time is one piece", ALL_TIME, "D"),
    ("whole days", Stretch(MIDNIGHT - timedelta(days=7), MIDNIGHT), "D"),
    ("from midnight on", Stretch(MIDNIGHT), "D"),
    ("up to midnight", Stretch(None, MIDNIGHT), "D"),
    ("some hours of a day", Stretch(MIDNIGHT, MIDNIGHT + timedelta(hours=3)), "H"),
    ("a span that goes over an hour", Stretch(MIDNIGHT - timedelta(minutes=5), MIDNIGHT + timedelta(minutes=5)), "M"),
    ("less than a minute", Stretch(NOW, NOW + timedelta(seconds=9)), "R"),
    ("a long one that begins and ends anywhere", Stretch(NOW - timedelta(days=9), NOW), "RMHDHMR"),
    ("one without an end", Stretch(NOW), "RMHD"),
    ("one without a beginning", Stretch(None, NOW), "DHMR"),
    ("nothing", Stretch(NOW, NOW), ""),
    ("one that ends before it begins", Stretch(NOW, NOW - timedelta(days=3)), ""),
]


@pytest.mark.parametrize(("stretch", "grains"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_the_coarsest_grain_is_taken(stretch: Stretch, grains: str) -> None:
    assert "".join(piece.grain.name[0] for piece in stretch.pieces(LONG_AGO)) == grains


def test_minutes_that_are_kept_no_more_are_read_from_the_rows() -> None:
    stretch = Stretch(NOW - timedelta(days=9), NOW)
    assert "".join(piece.grain.name[0] for piece in stretch.pieces(NOW - timedelta(days=2))) == "RHDHMR"
    assert "".join(piece.grain.name[0] for piece in stretch.pieces(NOW + timedelta(days=2))) == "RHDHR"


@pytest.mark.parametrize("seed", range(50))
def test_the_pieces_join_and_each_is_whole_in_its_grain(seed: int) -> None:
    chance = random.Random(seed)
    start = NOW - timedelta(seconds=chance.randrange(10 ** chance.randrange(1, 8)), microseconds=chance.randrange(2))
    stretch = Stretch(start, NOW + timedelta(seconds=chance.randrange(10 ** chance.randrange(1, 8))))
    pieces = stretch.pieces(NOW - timedelta(days=chance.randrange(3)))
    assert stretch.end is not None
    edges = [to_micros(start), *(piece.end_us for piece in pieces)]
    assert [piece.start_us for piece in pieces] == edges[:-1]
    assert edges[-1] == to_micros(stretch.end)
    for piece in pieces:
        assert piece.start_us is not None
        assert piece.end_us is not None
        assert (piece.start_us % LENGTHS_US[piece.grain], piece.end_us % LENGTHS_US[piece.grain]) == (0, 0)
    rows_us = [(piece.end_us or 0) - (piece.start_us or 0) for piece in pieces if piece.grain is Grain.ROWS]
    assert sum(rows_us) < 4 * HOUR_US

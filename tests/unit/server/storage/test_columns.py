"""Times and string lists survive the way into the database and back."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from sqlalchemy.dialects import sqlite

from server.storage.columns import FloatTuple, StringTuple, UtcMicros, from_micros, to_micros


@pytest.mark.parametrize(
    ("moment", "micros"),
    [
        pytest.param(datetime(1970, 1, 1, tzinfo=UTC), 0, id="the epoch is zero"),
        pytest.param(datetime(2026, 1, 11, 0, 0, 0, 1, tzinfo=UTC), 1768089600000001, id="microseconds are exact"),
        pytest.param(
            datetime(1970, 1, 1, 2, tzinfo=timezone(timedelta(hours=2))), 0, id="another zone is turned into UTC"
        ),
        pytest.param(
            datetime(1969, 12, 31, 23, 59, 59, tzinfo=UTC), -1_000_000, id="times before the epoch are negative"
        ),
    ],
)
def test_times_are_exact_both_ways(moment: datetime, micros: int) -> None:
    assert to_micros(moment) == micros
    assert from_micros(micros) == moment


def test_a_time_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="without a time zone"):
        to_micros(datetime(2026, 1, 1))


@pytest.mark.parametrize("strings", [(), ("a",), ('quote " and \\', "ключ")])
def test_string_tuples_are_json_both_ways(strings: tuple[str, ...]) -> None:
    column, dialect = StringTuple(), sqlite.dialect()
    assert column.process_result_value(column.process_bind_param(strings, dialect), dialect) == strings


@pytest.mark.parametrize("numbers", [(), (0.4, 0.35, 0.25), (1.0, 0.0, 0.1)])
def test_number_tuples_are_exact_both_ways(numbers: tuple[float, ...]) -> None:
    column, dialect = FloatTuple(), sqlite.dialect()
    assert column.process_result_value(column.process_bind_param(numbers, dialect), dialect) == numbers


def test_null_stays_none() -> None:
    dialect = sqlite.dialect()
    assert UtcMicros().process_bind_param(None, dialect) is None
    assert UtcMicros().process_result_value(None, dialect) is None
    assert StringTuple().process_bind_param(None, dialect) is None
    assert StringTuple().process_result_value(None, dialect) is None
    assert FloatTuple().process_bind_param(None, dialect) is None
    assert FloatTuple().process_result_value(None, dialect) is None

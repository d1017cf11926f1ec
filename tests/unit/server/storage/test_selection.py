"""What a filter asks for is the same for rows and for sums, but for where the model stands."""

from datetime import UTC, datetime

import pytest

from server.storage.selection import EVERY_OPERATION, OperationFilter, condition_values, row_condition, sums_condition

NOW = datetime(2026, 1, 28, tzinfo=UTC)


@pytest.mark.parametrize(
    ("only", "takes_all"),
    [
        (EVERY_OPERATION, True),
        (OperationFilter(start=NOW, end=NOW), True),
        (OperationFilter(is_ok=False), False),
        (OperationFilter(status=200, start=NOW), False),
    ],
    ids=["nothing is asked", "only a time", "failures", "a status since a time"],
)
def test_a_filter_knows_whether_it_takes_all(only: OperationFilter, *, takes_all: bool) -> None:
    assert only.takes_all == takes_all


def test_without_a_filter_the_condition_is_always_true() -> None:
    assert row_condition(EVERY_OPERATION) == sums_condition(EVERY_OPERATION) == "1 = 1"


def test_what_is_asked_for_is_bound_and_never_written_out() -> None:
    only = OperationFilter(provider="a'b", model="c", status=200, is_ok=False, key_id="key_1")
    assert sums_condition(only) == (
        "provider = :provider AND status = :status AND key_id = :key_id AND model = :model AND outcome <> 'ok'"
    )
    assert "model_requested = :model" in row_condition(only)
    assert condition_values(only) == {"provider": "a'b", "model": "c", "status": 200, "key_id": "key_1"}

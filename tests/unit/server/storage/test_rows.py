"""Request records as rows: a value for every column, as databases take it."""

from datetime import datetime

import pytest
from msgspec.structs import replace

from server.storage.rows import MAX_MODEL_CHARS, attempt_row, operation_row
from server.storage.tables import ATTEMPTS, OPERATIONS
from tests.unit.server.storage.random_records import records

MADE = records(11, 50)
SERVED = next(each for each in MADE if each.cost_nanousd and each.attempts)
UNKNOWN = next(each for each in MADE if each.usage is None)


def test_a_row_has_a_value_for_every_column() -> None:
    assert {len(operation_row(each, "prices/1")) for each in MADE} == {len(OPERATIONS.columns)}
    assert len(attempt_row("req_1", SERVED.attempts[0], "prices/1")) == len(ATTEMPTS.columns)


def test_values_stand_in_their_columns() -> None:
    row = dict(zip(OPERATIONS.columns.keys(), operation_row(SERVED, "prices/1"), strict=True))
    for name in ("request_id", "workspace_id", "outcome", "status", "latency_ms", "first_token_ms", "cost_nanousd"):
        assert row[name] == getattr(SERVED, name)
    assert SERVED.usage is not None
    assert (row["input_tokens"], row["reasoning_tokens"]) == (SERVED.usage.input_tokens, SERVED.usage.reasoning_tokens)
    assert (row["price_version"], row["notes"]) == ("prices/1", "[]")


def test_what_is_not_known_is_null() -> None:
    row = dict(zip(OPERATIONS.columns.keys(), operation_row(UNKNOWN, "prices/1"), strict=True))
    names = ("input_tokens", "reasoning_tokens", "is_estimated", "cost_nanousd", "price_version")
    assert [row[name] for name in names] == [None] * len(names)


def test_what_strangers_wrote_has_no_nul_and_a_model_is_cut() -> None:
    odd = replace(SERVED, client_request_id="a\x00b", model_requested="\x00", model="m" * 300, notes=("n",))
    row = dict(zip(OPERATIONS.columns.keys(), operation_row(odd, "prices/1"), strict=True))
    found = row["client_request_id"], row["model_requested"], row["model"], row["notes"]
    assert found == ("a\ufffdb", "\ufffd", "m" * MAX_MODEL_CHARS, '["n"]')
    attempt = replace(SERVED.attempts[0], detail="\x00!")
    assert attempt_row("req_1", attempt, "prices/1")[-1] == "\ufffd!"


def test_a_time_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="without a time zone"):
        operation_row(replace(SERVED, created_at=datetime(2026, 1, 1)), "prices/1")

"""Records are values: equal when they say the same, and never changed once made."""

from dataclasses import FrozenInstanceError, replace
from datetime import UTC, datetime

import pytest

from server.chat.records import AttemptRecord

RECORD = AttemptRecord(1, "prov_1", "openai", "m", "ok", 200, datetime(2026, 1, 1, tzinfo=UTC), 12)


def test_equal_records_are_equal() -> None:
    assert replace(RECORD) == RECORD
    assert replace(RECORD, outcome="UPSTREAM_RESET") != RECORD


def test_a_record_cannot_be_changed() -> None:
    with pytest.raises(FrozenInstanceError):
        RECORD.outcome = "other"  # type: ignore[misc]


def test_what_was_not_seen_is_absent_and_not_zero() -> None:
    assert (RECORD.usage, RECORD.cost_nanousd, RECORD.first_token_ms) == (None, None, None)

"""Records are values: equal when they say the same, and never changed once made."""

from datetime import UTC, datetime

import pytest
from msgspec.structs import replace

from server.chat.records import AttemptRecord, OperationRecord, OperationStart, bare, bare_start
from server.chat.usage import Usage

NOW = datetime(2026, 1, 1, tzinfo=UTC)
RECORD = AttemptRecord(1, "prov_1", "openai", "m", "ok", 200, NOW, 12)


def test_equal_records_are_equal() -> None:
    assert replace(RECORD) == RECORD
    assert replace(RECORD, outcome="UPSTREAM_RESET") != RECORD


def test_a_record_cannot_be_changed() -> None:
    with pytest.raises(AttributeError, match="immutable"):
        RECORD.outcome = "other"  # type: ignore[misc]


def test_what_was_not_seen_is_absent_and_not_zero() -> None:
    assert (RECORD.usage, RECORD.cost_nanousd, RECORD.first_token_ms) == (None, None, None)


def test_a_bare_record_has_what_limits_and_bills_need_and_nothing_of_the_request() -> None:
    attempt = AttemptRecord(1, "prov_1", "openai", "gpt-4", "UPSTREAM_UNAVAILABLE", 503, NOW, 5, detail="you said: hi")
    record = OperationRecord(
        "req_1", "ws_1", "usr_1", "key_1", "rest", "mine", "auto", "gpt-4", "openai", "prov_1", "default", "expert",
        False, False, 200, "ok", Usage(3), 7, 9, 1, NOW, ("seed is not sent",), (attempt,),
    )  # fmt: skip
    stripped = bare(record)
    assert (stripped.client_request_id, stripped.model_requested, stripped.complexity, stripped.notes) == (
        None,
        "",
        "",
        (),
    )
    assert stripped.attempts == (replace(attempt, detail=""),)
    assert replace(
        stripped, client_request_id="mine", model_requested="auto", complexity="expert", notes=record.notes,
        attempts=record.attempts,
    ) == record  # fmt: skip


def test_a_bare_start_has_nothing_of_the_request_either() -> None:
    start = OperationStart(
        "req_1", "ws_1", "usr_1", "key_1", "rest", "mine", "auto", "default", "expert", True, False, NOW, "prov_1",
        "openai", "gpt-4", 2, (replace(RECORD, detail="you said: hi"),),
    )  # fmt: skip
    stripped = bare_start(start)
    assert (stripped.client_request_id, stripped.model_requested, stripped.complexity) == (None, "", "")
    assert stripped.earlier == (RECORD,)
    assert (stripped.request_id, stripped.model, stripped.number) == ("req_1", "gpt-4", 2)

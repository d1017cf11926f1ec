"""Request records as rows: a value for every column, as databases take it."""

from datetime import datetime

import pytest
from msgspec.structs import replace

from server.chat.records import AttemptRecord, OperationRecord
from server.chat.usage import Usage
from server.storage.columns import to_micros
from server.storage.rows import COMMON, MAX_MODEL_CHARS, OWN, USUAL, Row, attempt_row, grouped, whole
from server.storage.tables import ATTEMPTS, OPERATIONS
from tests.unit.server.storage.random_records import only_of, records

MADE = records(11, 50)
SERVED = next(each for each in MADE if each.cost_nanousd and each.attempts)
ATTEMPT = only_of(SERVED)
ALONE = replace(SERVED, attempts=(ATTEMPT,))
UNKNOWN = next(each for each in MADE if each.usage is None)


def row_of(operation: OperationRecord) -> Row:
    """Its row, with a value for each column."""
    [row] = whole(grouped([operation], "prices/1"))
    return row


def has_attempt_rows(row: Row) -> bool:
    return row[-3] is None


def test_a_row_has_a_value_for_every_column() -> None:
    assert {len(row_of(each)) for each in MADE} == {len(OPERATIONS.columns)}
    assert len(attempt_row("req_1", SERVED.attempts[0], "prices/1")) == len(ATTEMPTS.columns)


def test_values_stand_in_their_columns() -> None:
    row = dict(zip(OPERATIONS.columns.keys(), row_of(SERVED), strict=True))
    for name in ("request_id", "workspace_id", "outcome", "status", "latency_ms", "first_token_ms", "cost_nanousd"):
        assert row[name] == getattr(SERVED, name)
    assert SERVED.usage is not None
    assert (row["input_tokens"], row["reasoning_tokens"]) == (SERVED.usage.input_tokens, SERVED.usage.reasoning_tokens)
    assert (row["price_version"], row["notes"]) == ("prices/1", "[]")


def test_what_is_not_known_is_null() -> None:
    row = dict(zip(OPERATIONS.columns.keys(), row_of(UNKNOWN), strict=True))
    names = ("input_tokens", "reasoning_tokens", "is_estimated", "cost_nanousd", "price_version")
    assert [row[name] for name in names] == [None] * len(names)


def test_what_strangers_wrote_has_no_nul_and_a_model_is_cut() -> None:
    odd = replace(SERVED, client_request_id="a\x00b", model_requested="\x00", model="m" * 300, notes=("n",))
    row = dict(zip(OPERATIONS.columns.keys(), row_of(odd), strict=True))
    found = row["client_request_id"], row["model_requested"], row["model"], row["notes"]
    assert found == ("a\ufffdb", "\ufffd", "m" * MAX_MODEL_CHARS, '["n"]')
    attempt = replace(SERVED.attempts[0], detail="\x00!")
    assert attempt_row("req_1", attempt, "prices/1")[-1] == "\ufffd!"


def test_an_only_attempt_that_says_no_more_than_its_operation_has_no_row_of_its_own() -> None:
    row = row_of(ALONE)
    named = dict(zip(OPERATIONS.columns.keys(), row, strict=True))
    assert not has_attempt_rows(row)
    assert (named["call_started_at"], named["call_latency_ms"]) == (to_micros(ATTEMPT.started_at), ATTEMPT.latency_ms)


@pytest.mark.parametrize(
    "attempts",
    [
        pytest.param((), id="none"),
        pytest.param((ATTEMPT, replace(ATTEMPT, number=2)), id="two"),
        pytest.param((replace(ATTEMPT, number=2),), id="another number"),
        pytest.param((replace(ATTEMPT, provider_id="prov_9"),), id="another entry"),
        pytest.param((replace(ATTEMPT, provider="mistral"),), id="another provider"),
        pytest.param((replace(ATTEMPT, model="gpt-9"),), id="another model"),
        pytest.param((replace(ATTEMPT, outcome="UPSTREAM_TIMEOUT"),), id="another outcome"),
        pytest.param((replace(ATTEMPT, status=None),), id="another status"),
        pytest.param((replace(ATTEMPT, usage=Usage(1)),), id="another usage"),
        pytest.param((replace(ATTEMPT, usage=None),), id="no usage"),
        pytest.param((replace(ATTEMPT, cost_nanousd=1),), id="another cost"),
        pytest.param((replace(ATTEMPT, price_version="workspace/1"),), id="another price"),
        pytest.param((replace(ATTEMPT, detail="slow"),), id="a detail"),
    ],
)
def test_all_other_attempts_are_rows(attempts: tuple[AttemptRecord, ...]) -> None:
    row = row_of(replace(SERVED, attempts=attempts))
    assert has_attempt_rows(row)
    assert row[-3:] == (None, None, None)


def test_an_attempt_whose_models_name_is_cut_in_the_operation_is_a_row() -> None:
    long = replace(SERVED, model="m" * 201, attempts=(replace(ATTEMPT, model="m" * 201),))
    assert has_attempt_rows(row_of(long))


def test_a_time_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="without a time zone"):
        row_of(replace(SERVED, created_at=datetime(2026, 1, 1)))


def test_rows_that_agree_in_what_most_agree_in_are_a_group() -> None:
    alike = [replace(ALONE, request_id=f"req_{number}", latency_ms=number) for number in range(5)]
    other = replace(ALONE, request_id="req_9", status=201)
    [(common, own), (other_common, _)] = grouped([*alike[:3], other, *alike[3:]], "prices/1")
    assert [each[0] for each in own] == [each.request_id for each in alike]
    assert (len(common), len(other_common)) == (len(COMMON) + 1,) * 2


@pytest.mark.parametrize(
    ("change", "is_usual"),
    [
        pytest.param({}, True, id="what is usual"),
        pytest.param({"client_request_id": "mine"}, False, id="an id of the client's"),
        pytest.param({"usage": Usage(1, 0, 0, 1, 1)}, False, id="reasoning"),
        pytest.param({"first_token_ms": 0}, False, id="a first token at once"),
        pytest.param({"saved_nanousd": 0}, False, id="nothing saved"),
        pytest.param({"usage": None, "cost_nanousd": None}, False, id="no usage"),
    ],
)
def test_what_is_usual_is_not_kept(change: dict[str, object], is_usual: bool) -> None:
    plain = replace(SERVED, usage=Usage(3, 0, 0, 4), first_token_ms=None, saved_nanousd=None, attempts=())
    [(common, [own])] = grouped([replace(plain, **change)], "prices/1")
    assert (common[0], len(own)) == (is_usual, len(OWN) if is_usual else len(OWN) + len(USUAL))


def test_whole_rows_are_sorted_by_their_ids_whatever_their_groups() -> None:
    made = sorted(MADE, key=lambda each: each.request_id)
    assert [row[0] for row in whole(grouped(made, "prices/1"))] == [each.request_id for each in made]

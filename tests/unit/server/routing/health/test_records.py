"""What is kept of entries stays in bounds, and is dropped with the credential that it was about."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from server.chat.deployment import Candidate
from server.routing.failure import FailureClass
from server.routing.health.breaker import FAILURES_IN_A_ROW
from server.routing.health.records import MAX_MODELS, EntryRecord, ModelRecord, Records
from server.routing.health.rest import Rest
from tests.unit.server.routing.worlds import entry

OPENAI = entry("o", "openai")

Doubted = Callable[[EntryRecord, ModelRecord], None]


def test_an_entry_is_made_once_and_found_again() -> None:
    records = Records()
    assert records.find(OPENAI) is None
    made = records.get(OPENAI, 1.0)
    assert records.find(OPENAI) is records.get(OPENAI, 2.0) is records.by_id("o", 2.0) is made
    assert (records.all(), made.provider) == ((made,), "openai")


def test_another_address_or_credential_is_another_entry() -> None:
    records = Records()
    made = records.get(OPENAI, 1.0)
    for changed in (replace(OPENAI, api_key="sk-new"), replace(OPENAI, base_url="https://new.example/v1")):
        assert records.find(changed) is None
        assert records.get(changed, 2.0) is not made
        assert len(records) == 1


def test_those_asked_longest_ago_go_first() -> None:
    records = Records(max_entries=3)
    for name in "abcad":
        records.get(entry(name, "openai"), 1.0)
    assert [name for name in "abcd" if records.find(entry(name, "openai"))] == ["a", "c", "d"]


def test_what_others_told_of_belongs_to_the_first_who_asks() -> None:
    records = Records(max_entries=2)
    told = records.by_id("o", 1.0)
    assert records.by_id("o", 2.0) is told
    assert records.find(OPENAI) is told
    assert told.provider == "openai"
    assert records.find(replace(OPENAI, api_key="sk-new")) is None
    for name in "abc":
        records.by_id(name, 1.0)
    assert len(records) == 2


def test_an_entry_keeps_so_many_models_and_no_more() -> None:
    record = EntryRecord(OPENAI, 0.0)
    first = record.model("first")
    for number in range(MAX_MODELS * 3):
        record.model(f"model-{number}")
        assert record.model("first") is first
    assert len(record.models) == MAX_MODELS


def test_who_was_asked_last_is_known_as_long_as_its_records_are_kept() -> None:
    records = Records(max_entries=2)
    one, other = Candidate(OPENAI, "gpt-4o"), Candidate(entry("p", "openai"), "gpt-4o")
    entry_one, model_one = records.of(one, 1.0)
    assert records.asked == (one, entry_one, model_one)
    assert (records.find(OPENAI), entry_one.models["gpt-4o"]) == (entry_one, model_one)
    records.of(other, 2.0)
    assert records.asked is not None
    assert records.asked[0] is other
    assert records.of(one, 3.0) == (entry_one, model_one)
    records.get(replace(OPENAI, api_key="sk-new"), 4.0)
    assert records.asked is None
    assert records.of(one, 5.0)[0] is not entry_one


def trusted(record: EntryRecord, name: str, now_s: float = 1.0) -> ModelRecord:
    model = record.model(name)
    for breaker in (record.breaker, model.breaker):
        breaker.succeeded(now_s)
    record.trust(model)
    return model


def test_answers_of_a_trusted_model_are_counted_where_they_belong() -> None:
    record = EntryRecord(OPENAI, 0.0)
    first, second = trusted(record, "first"), trusted(record, "second")
    assert record.trusted == [first, second]
    assert first.counted_until_s > 1.0
    first.answers, second.answers = 3, 4
    record.doubt()
    assert record.trusted == []
    assert (first.is_trusted, second.is_trusted, first.answers, second.answers) == (False, False, 0, 0)
    windows = (record.breaker.window, first.breaker.window, second.breaker.window)
    assert [window.sums(1.0) for window in windows] == [(9, 0), (4, 0), (5, 0)]


def rested(record: EntryRecord, model: ModelRecord) -> None:
    record.rest = Rest(FailureClass.LIMITED, 0.0, 5.0)


def model_rested(record: EntryRecord, model: ModelRecord) -> None:
    model.rest = Rest(FailureClass.LIMITED, 0.0, 5.0)


def opened(record: EntryRecord, model: ModelRecord) -> None:
    for _ in range(FAILURES_IN_A_ROW):
        model.breaker.failed(1.0)


def forgotten(record: EntryRecord, model: ModelRecord) -> None:
    for number in range(MAX_MODELS):
        record.model(f"other-{number}")


@pytest.mark.parametrize("doubted", [rested, model_rested, opened, forgotten])
def test_nobody_is_trusted_against_whom_something_is_held_or_who_is_not_kept(doubted: Doubted) -> None:
    record = EntryRecord(OPENAI, 0.0)
    model = record.model("first")
    doubted(record, model)
    record.trust(model)
    assert not model.is_trusted
    assert record.trusted == []


def test_a_model_that_is_not_kept_any_more_is_not_trusted_any_more() -> None:
    record = EntryRecord(OPENAI, 0.0)
    first = trusted(record, "first")
    forgotten(record, first)
    assert not first.is_trusted

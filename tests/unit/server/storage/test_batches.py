"""What is written of a batch: each record once, in the order of their ids, and the rest of those that are new."""

from server.storage.batches import Batch
from server.storage.rows import whole
from tests.unit.server.storage.random_records import only_of, records

MADE = records(12, 40)
IDS = sorted(each.request_id for each in MADE)


def test_each_record_is_a_row_once_and_in_order() -> None:
    rows = whole(Batch([*reversed(MADE), *MADE[:7]], "prices/1").rows())
    assert [row[0] for row in rows] == IDS


def test_the_first_of_two_with_one_id_counts() -> None:
    batch = Batch([MADE[0], type(MADE[0])(*[getattr(MADE[0], name) for name in MADE[0].__struct_fields__])], "prices/1")
    assert batch._operations[0] is MADE[0]


def test_attempts_and_sums_are_those_of_new_records() -> None:
    batch = Batch(MADE, "prices/1")
    batch.rows()
    new = MADE[::2]
    attempts, minutes, *_ = batch.also(frozenset(each.request_id for each in new))
    several = [each for each in new if each.attempts and each.attempts != (only_of(each),)]
    expected = [(each.request_id, attempt.number) for each in several for attempt in each.attempts]
    assert [row[:2] for row in attempts.rows] == expected
    assert len(several) < sum(bool(each.attempts) for each in new)
    assert sum(row[9] for row in minutes.rows) == len(new)


def test_nothing_new_adds_nothing() -> None:
    batch = Batch(MADE, "prices/1")
    batch.rows()
    assert [list(addition.rows) for addition in batch.also(frozenset())] == [[]] * 8

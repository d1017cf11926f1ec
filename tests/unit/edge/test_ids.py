"""Request ids of the edge."""

import re

from edge.ids import ManyIds, new_request_id, request_id


def test_ids_are_prefixed_short_and_all_different() -> None:
    ids = {new_request_id() for _ in range(1000)}
    assert len(ids) == 1000
    assert all(re.fullmatch(r"req_[0-9a-hjkmnp-tv-z]{26}", each) for each in ids)


def test_many_ids_are_as_the_others_and_all_different() -> None:
    many, before = ManyIds(), new_request_id()[:14].encode()
    ids = [many.next() for _ in range(5_000)]
    assert len(set(ids)) == len(ids)
    assert all(re.fullmatch(rb"req_[0-9a-hjkmnp-tv-z]{26}", each) for each in ids)
    assert before <= ids[0][:14] <= ids[-1][:14] <= new_request_id()[:14].encode()


def test_ids_sort_by_the_time_they_were_made() -> None:
    ids = [request_id(unix_ms, 2**80 - 1 - unix_ms) for unix_ms in (0, 1, 1_000, 1_763_800_000_000, 2**48 - 1)]
    assert ids == sorted(ids)


def test_randomness_matters_and_the_layout_is_that_of_uuid_7() -> None:
    alphabet = "0123456789abcdefghjkmnpqrstvwxyz"
    number = 0
    for char in request_id(5, 2**80 - 1).removeprefix("req_"):
        number = number * 32 + alphabet.index(char)
    assert (number >> 80, number >> 76 & 0xF, number >> 62 & 0b11) == (5, 7, 2)
    assert request_id(5, 1) != request_id(5, 2)

"""Ids: prefixed, sortable, never the same twice."""

import re
import time

import pytest

from server.storage.ids import is_id, new_id


def test_an_id_is_its_prefix_and_26_characters() -> None:
    assert re.fullmatch(r"usr_[0-9a-hjkmnp-tv-z]{26}", new_id("usr_"))


def test_ids_sort_by_the_time_they_were_made() -> None:
    first = new_id("req_")
    made_ns = time.time_ns()
    while time.time_ns() // 1_000_000 == made_ns // 1_000_000:
        pass
    assert first < new_id("req_")


def test_ten_thousand_ids_are_all_different() -> None:
    assert len({new_id("key_") for _ in range(10_000)}) == 10_000


def test_the_body_is_a_version_7_uuid_of_now() -> None:
    alphabet = "0123456789abcdefghjkmnpqrstvwxyz"
    number = 0
    for character in new_id(""):
        number = number * 32 + alphabet.index(character)
    assert number >> 76 & 0xF == 7
    assert number >> 62 & 0b11 == 0b10
    assert abs((number >> 80) / 1000 - time.time()) < 5


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        pytest.param(new_id("ws_"), True, id="a real id is one"),
        pytest.param("ws_123", True, id="a documented example is one"),
        pytest.param("usr_123", False, id="another prefix is not"),
        pytest.param("ws_" + "a" * 100, False, id="a long text is not"),
        pytest.param("ws_\x00", False, id="a control character is not"),
        pytest.param("ws_é", False, id="a letter beyond ASCII is not"),
    ],
)
def test_malformed_ids_are_told_apart_before_any_look_up(text: str, *, is_one: bool) -> None:
    assert is_id(text, "ws_") is is_one

"""Ids sort by time, look alike, and say nothing but when they were made."""

import re

import pytest

from server.chat.ids import Ids, new_id, same_id

_MS = 1_000_000
_START_NS = 1_700_000_000_000 * _MS


def made(now_ns: int, random: bytes = b"\x00" * 8) -> str:
    return new_id("req_", now_ns=lambda: now_ns, random_bits=lambda bits: int.from_bytes(random) & (1 << bits) - 1)


def made_of_many(now_ns: int, random: bytes = b"\x00") -> str:
    return Ids("req_", now_ns=lambda: now_ns, random_bytes=lambda count: random * count).next()


@pytest.mark.parametrize("random", [b"\x00", b"\xff"], ids=["no bit of chance", "all bits of chance"])
@pytest.mark.parametrize("rest_ns", [0, 1, 243, 245, 15_624, 15_626, 500_000, 999_999])
@pytest.mark.parametrize("milliseconds", [0, 1, 1023, 1024, 1_700_000_000_000, 2**48 - 1])
def test_ids_that_are_made_one_after_the_other_are_those_that_are_made_alone(
    milliseconds: int, rest_ns: int, random: bytes
) -> None:
    now_ns = milliseconds * _MS + rest_ns
    assert made_of_many(now_ns, random) == made(now_ns, random * 8)


def test_ids_made_one_after_the_other_follow_the_clock() -> None:
    moments = [_START_NS + step for step in (0, 250, _MS, 1_023 * _MS, 1_024 * _MS, 10**15)]
    clock = iter(moments)
    ids = Ids("req_", now_ns=lambda: next(clock), random_bytes=bytes)
    assert [ids.next() for _ in moments] == [made(moment) for moment in moments]


def test_all_random_bits_of_ids_made_one_after_the_other_are_random() -> None:
    alphabet, made_ids = "0123456789abcdefghjkmnpqrstvwxyz", Ids("", now_ns=lambda: _START_NS)
    chars = [{each[place] for each in (made_ids.next() for _ in range(2_000))} for place in range(13, 26)]
    assert chars == [set("89ab"), *[set(alphabet)] * 12]


def test_many_ids_made_one_after_the_other_are_all_different() -> None:
    ids = Ids("req_", now_ns=lambda: _START_NS)
    assert len({ids.next() for _ in range(10_000)}) == 10_000


@pytest.mark.parametrize("prefix", ["req_", "chatcmpl-", ""])
def test_an_id_is_its_prefix_and_26_characters_of_crockford_base32(prefix: str) -> None:
    assert re.fullmatch(re.escape(prefix) + "[0-7][0-9a-hjkmnp-tv-z]{25}", new_id(prefix))


@pytest.mark.parametrize(
    "later_ns", [250, 1_000, _MS, 1_000 * _MS, 10**18], ids=["a quarter us", "1 us", "1 ms", "1 s", "30 years"]
)
def test_a_later_id_sorts_behind_whatever_the_random_bits_are(later_ns: int) -> None:
    assert made(_START_NS, b"\xff" * 8) < made(_START_NS + later_ns, b"\x00" * 8)


def test_ids_of_one_instant_differ_by_their_random_bits() -> None:
    assert made(_START_NS, b"\x00" * 8) != made(_START_NS, b"\x00" * 7 + b"\x01")


def test_the_layout_is_that_of_a_version_7_uuid() -> None:
    alphabet = "0123456789abcdefghjkmnpqrstvwxyz"
    number = 0
    for character in made(_START_NS + 999_999, b"\xff" * 8).removeprefix("req_"):
        number = number << 5 | alphabet.index(character)
    assert number >> 80 == _START_NS // _MS
    assert (number >> 76 & 0xF, number >> 64 & 0xFFF, number >> 62 & 0b11) == (7, 4095, 0b10)
    assert number & (1 << 62) - 1 == (1 << 62) - 1


def test_many_ids_are_all_different() -> None:
    assert len({new_id("req_") for _ in range(10_000)}) == 10_000


def test_the_same_thing_has_the_same_id_behind_another_prefix() -> None:
    request_id = new_id("req_")
    assert same_id("chatcmpl-", request_id) == "chatcmpl-" + request_id.removeprefix("req_")

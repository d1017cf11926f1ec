"""Text to field values: what each type takes, and what it refuses."""

import math
from typing import Any

import pytest
from google.protobuf import json_format, message_factory

from edge.transcoder.json_scalars import Mismatch
from edge.transcoder.profile import CANONICAL, PERPETUO
from edge.transcoder.text_values import compile_put, compile_text, is_textual
from tests.unit.edge.transcoder.shelf import message


def put(name: str, *texts: str) -> Any:
    field = message().fields_by_name[name]
    made = message_factory.GetMessageClass(message())()
    for text in texts:
        compile_put(field, PERPETUO)(made, text)
    return made


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("id", "", ""),
        ("id", "é\x00", "é\x00"),
        ("count", "-12", -12),
        ("big", "9223372036854775807", 2**63 - 1),
        ("small", "4294967295", 2**32 - 1),
        ("ratio", "-2.5e3", -2500.0),
        ("ratio", "Infinity", math.inf),
        ("single", "1.5", 1.5),
        ("flag", "true", True),
        ("flag", "false", False),
        ("blob", "YWJj", b"abc"),
        ("blob", "_-8=", b"\xff\xef"),
        ("color", "COLOR_BLUE", 5),
        ("color", "blue", 5),
        ("color", "5", 5),
        ("maybe", "0", 0),
        ("cost_nanousd", "0.000000001", 1),
        ("cost_nanousd", "2", 2_000_000_000),
    ],
)
def test_text_becomes_a_value(name: str, text: str, expected: object) -> None:
    assert getattr(put(name, text), name) == expected


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("count", ""),
        ("count", "1.5"),
        ("count", " 1"),
        ("count", "1_0"),
        ("count", "+1"),
        ("count", "٣"),
        ("count", "2147483648"),
        ("count", "9" * 5000),
        ("small", "-1"),
        ("ratio", "nan"),
        ("ratio", "1e999"),
        ("ratio", "1_0.0"),
        ("single", "1e39"),
        ("flag", "1"),
        ("flag", "True"),
        ("flag", ""),
        ("blob", "*"),
        ("color", "Blue"),
        ("color", "4"),
        ("color", ""),
        ("color", "05"),
        ("at", "yesterday"),
        ("at", "0000-01-01T00:00:00Z"),
        ("at", ""),
        ("wait", "13h"),
        ("wait", "3.5"),
        ("mask", "a..b"),
        ("wrapped_big", "x"),
        ("cost_nanousd", "1e30"),
    ],
)
def test_other_text_is_refused(name: str, text: str) -> None:
    with pytest.raises(Mismatch):
        put(name, text)


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("at", "2026-01-31T12:00:00.5Z", "2026-01-31T12:00:00.500Z"),
        ("wait", "3.5s", "3.500s"),
        ("mask", "inner.deeper,cost_nanousd,bigName", "inner.deeper,costNanousd,bigName"),
        ("wrapped", "", ""),
        ("wrapped_big", "-3", "-3"),
    ],
)
def test_messages_of_one_value_are_textual(name: str, text: str, expected: str) -> None:
    made = json_format.MessageToDict(put(name, text), preserving_proto_field_name=True)
    assert made[name] == expected


def test_putting_again_replaces_a_single_message_and_appends_to_a_repeated_field() -> None:
    assert list(put("mask", "a,b", "c").mask.paths) == ["c"]
    assert list(put("tags", "a,b", "").tags) == ["a,b", ""]
    assert [each.value for each in put("wrapped_list", "1", "2").wrapped_list] == [1, 2]
    assert list(put("colors", "red", "5").colors) == [1, 5]


def test_a_zero_is_present_where_presence_counts() -> None:
    assert put("maybe", "0").HasField("maybe")
    assert put("wait", "0s").HasField("wait")
    assert put("wrapped", "").HasField("wrapped")


@pytest.mark.parametrize(
    ("name", "expected"),
    [("id", True), ("at", True), ("wrapped_list", True), ("inner", False), ("anything", False), ("labels", False)],
)
def test_only_single_values_are_textual(name: str, expected: bool) -> None:
    assert is_textual(message().fields_by_name[name]) is expected


def test_short_enum_names_belong_to_our_profile() -> None:
    convert = compile_text(message().fields_by_name["color"], CANONICAL)
    assert convert("COLOR_RED") == 1
    with pytest.raises(Mismatch, match="one of COLOR_RED, COLOR_BLUE"):
        convert("red")

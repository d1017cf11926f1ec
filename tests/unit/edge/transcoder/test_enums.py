"""Enum values under both profiles."""

import pytest

from edge.transcoder.enums import compile_enum, enum_prefix
from edge.transcoder.profile import CANONICAL, PERPETUO
from tests.unit.edge.transcoder.everything import POOL

POLICY = POOL.FindEnumTypeByName("test.v1.ContentPolicy")
LOOSE = POOL.FindEnumTypeByName("test.v1.Loose")


def test_a_prefix_that_every_value_carries_is_found_and_none_otherwise() -> None:
    assert enum_prefix(POLICY) == "CONTENT_POLICY_"
    assert enum_prefix(LOOSE) == ""


@pytest.mark.parametrize(
    ("profile", "printed"),
    [
        pytest.param(CANONICAL, "CONTENT_POLICY_OPEN", id="proto3 JSON prints the declared name"),
        pytest.param(PERPETUO, "open", id="the documented REST prints the short one"),
    ],
)
def test_a_value_is_printed_as_the_profile_says(profile: object, printed: str) -> None:
    names = compile_enum(POLICY, CANONICAL if profile is CANONICAL else PERPETUO)
    assert names.name_of[1] == printed


def test_the_documented_rest_reads_both_spellings_and_proto3_json_only_its_own() -> None:
    assert {name: compile_enum(POLICY, PERPETUO).number_of.get(name) for name in ("24h", "CONTENT_POLICY_24H")} == {
        "24h": 2,
        "CONTENT_POLICY_24H": 2,
    }
    assert "24h" not in compile_enum(POLICY, CANONICAL).number_of


def test_choices_leave_out_the_unspecified_zero_but_keep_a_zero_that_means_something() -> None:
    assert compile_enum(POLICY, PERPETUO).choices == ("open", "24h", "negative")
    assert compile_enum(LOOSE, PERPETUO).choices == ("zero", "one")


def test_only_proto2_enums_are_closed() -> None:
    assert compile_enum(POLICY, PERPETUO).is_closed is False
    label = POOL.FindEnumTypeByName("google.protobuf.FieldDescriptorProto.Label")
    assert compile_enum(label, PERPETUO).is_closed is True

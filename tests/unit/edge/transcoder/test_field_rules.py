"""Field options as rules, and options that do not fit, refused at start."""

import pytest

from edge.transcoder.field_rules import CodecError, check_type, field_rule, is_map, is_value
from edge.transcoder.profile import CANONICAL, PERPETUO
from tests.unit.edge.transcoder.everything import descriptor

OPTIONS = descriptor("Options").fields_by_name
EVERYTHING = descriptor().fields_by_name


def test_the_preferred_spelling_is_the_profiles_and_a_declared_member_beats_both() -> None:
    assert field_rule(EVERYTHING["int32_value"], CANONICAL).input_names == ("int32Value", "int32_value")
    assert field_rule(EVERYTHING["int32_value"], PERPETUO).input_names == ("int32_value", "int32Value")
    assert field_rule(OPTIONS["cost"], CANONICAL).output_name == "cost_usd"


def test_options_are_read_from_the_descriptor() -> None:
    assert field_rule(OPTIONS["schema"], PERPETUO).is_raw_json
    assert field_rule(OPTIONS["cost"], PERPETUO).is_dollars
    assert field_rule(OPTIONS["refusal"], PERPETUO).null_when_absent
    assert field_rule(OPTIONS["extra"], PERPETUO).is_extra
    assert not field_rule(OPTIONS["left_out"], PERPETUO).null_when_absent


@pytest.mark.parametrize(
    ("message", "complaint"),
    [
        pytest.param("WrongDollars", "needs a 64-bit integer", id="dollars in a string"),
        pytest.param("WrongRaw", "needs bytes", id="raw JSON in a string"),
        pytest.param("WrongNull", "needs a field with presence", id="null for a field that is never absent"),
        pytest.param("WrongExtra", "needs a repeated message", id="unknown members in strings"),
    ],
)
def test_an_option_that_does_not_fit_is_refused_and_named(message: str, complaint: str) -> None:
    field = descriptor(message).fields[0]
    with pytest.raises(CodecError, match=complaint) as caught:
        field_rule(field, PERPETUO)
    assert str(caught.value).startswith(field.full_name)


def test_a_union_is_refused_for_http_bodies() -> None:
    with pytest.raises(CodecError, match=r"test\.v1\.Union\.kind"):
        check_type(descriptor("Union"))
    check_type(descriptor())


def test_maps_and_values_are_told_apart() -> None:
    assert [name for name in EVERYTHING if is_map(EVERYTHING[name])] == [
        "counts",
        "by_int32",
        "by_uint64",
        "by_bool",
        "by_name",
        "policy_of",
        "value_of",
    ]
    assert [name for name in EVERYTHING if is_value(EVERYTHING[name])] == [
        "choice_null",
        "value",
        "null_value",
        "values",
    ]

"""Scalars from JSON values: bounds and what is refused."""

import math

import pytest

from edge.transcoder.json_scalars import (
    Convert,
    Mismatch,
    compile_map_key,
    compile_scalar,
    dollars_converter,
    kind_of,
    to_bool,
    to_bytes,
    to_double,
    to_float32,
    to_string,
)
from edge.transcoder.profile import PERPETUO
from tests.unit.edge.transcoder.everything import descriptor

FIELDS = descriptor().fields_by_name
COST = descriptor("Options").fields_by_name["cost"]
BUDGET = descriptor("Options").fields_by_name["budget"]


def of(field: str) -> Convert:
    return compile_scalar(FIELDS[field], PERPETUO)


def key_of(field: str) -> Convert:
    entry = FIELDS[field].message_type
    assert entry is not None
    return compile_map_key(entry.fields_by_name["key"])


@pytest.mark.parametrize(
    ("convert", "value", "expected"),
    [
        pytest.param(of("int32_value"), -(2**31), -(2**31), id="the lowest int32"),
        pytest.param(of("int64_value"), "9223372036854775807", 2**63 - 1, id="the highest int64 in a string"),
        pytest.param(of("uint64_value"), 2**64 - 1, 2**64 - 1, id="the highest uint64"),
        pytest.param(of("int32_value"), 1e3, 1000, id="an integral float"),
        pytest.param(of("int32_value"), "1.0", 1, id="an integral decimal in a string"),
        pytest.param(of("policy"), "open", 1, id="a short enum name"),
        pytest.param(of("policy"), "CONTENT_POLICY_24H", 2, id="a declared enum name"),
        pytest.param(of("policy"), 77, 77, id="an unknown enum number"),
        pytest.param(of("policy"), "-1", -1, id="an enum number in a string"),
        pytest.param(to_double, 1, 1.0, id="an integer for a double"),
        pytest.param(to_double, "-1.5e3", -1500.0, id="a double in a string"),
        pytest.param(to_double, "-Infinity", -math.inf, id="an infinity by name"),
        pytest.param(to_float32, 3.4028234663852886e38, 3.4028234663852886e38, id="the largest single"),
        pytest.param(to_float32, 3.4028235e38, 3.4028235e38, id="the largest single as it is printed"),
        pytest.param(to_bytes, "-_8=", b"\xfb\xff", id="URL-safe base64"),
        pytest.param(to_bytes, "+/8", b"\xfb\xff", id="standard base64 without padding"),
        pytest.param(to_bytes, "", b"", id="no bytes"),
        pytest.param(key_of("by_bool"), "true", True, id="a boolean key"),
        pytest.param(key_of("by_int32"), "-7", -7, id="an integer key"),
        pytest.param(key_of("counts"), "", "", id="an empty key"),
        pytest.param(dollars_converter(COST), 0.1, 100_000_000, id="ten cents"),
        pytest.param(dollars_converter(COST), 3, 3_000_000_000, id="whole dollars"),
        pytest.param(dollars_converter(COST), "-0.000000001", -1, id="the least amount, owed"),
        pytest.param(dollars_converter(COST), 1e-10, 0, id="less than the least amount"),
    ],
)
def test_a_value_is_converted(convert: Convert, value: object, expected: object) -> None:
    assert convert(value) == expected
    assert type(convert(value)) is type(expected)


def test_nan_is_read_by_name() -> None:
    assert math.isnan(to_double("NaN"))


@pytest.mark.parametrize(
    ("convert", "value", "message"),
    [
        pytest.param(of("int32_value"), 2**31, "number out of range", id="above int32"),
        pytest.param(of("uint32_value"), -1, "number out of range", id="below zero"),
        pytest.param(of("int64_value"), True, "got a boolean", id="a boolean for an integer"),
        pytest.param(of("int64_value"), 1.5, "an integer from", id="a fraction for an integer"),
        pytest.param(of("int64_value"), "1e999", "an integer from", id="an exponent beyond doubles"),
        pytest.param(of("int64_value"), "9" * 2000, "got a string", id="a string of 2000 digits"),
        pytest.param(of("int64_value"), "\uff11", "got a string", id="a digit of another script"),
        pytest.param(of("policy"), "shut", "one of open, 24h, negative, got another string", id="an unknown name"),
        pytest.param(of("policy"), "OPEN", "got another string", id="a name in the wrong case"),
        pytest.param(of("policy"), True, "got a boolean", id="a boolean for an enum"),
        pytest.param(of("policy"), 1.5, "got a number", id="a fraction for an enum"),
        pytest.param(of("policy"), 2**31, "got a number", id="an enum number above 32 bits"),
        pytest.param(to_bool, "true", "a boolean, got a string", id="true in quotes"),
        pytest.param(to_bool, 1, "a boolean, got a number", id="one for true"),
        pytest.param(to_string, 5, "a string, got a number", id="a number for a string"),
        pytest.param(to_double, True, "a number, got a boolean", id="a boolean for a number"),
        pytest.param(to_double, "inf", "a number, got a string", id="an infinity misspelt"),
        pytest.param(to_double, "1_0", "a number, got a string", id="an underscore in a number"),
        pytest.param(to_double, 10**400, "out of range", id="an integer above doubles"),
        pytest.param(to_double, math.nan, "a number", id="NaN as a value"),
        pytest.param(to_float32, 3.5e38, "single-precision", id="above singles"),
        pytest.param(to_bytes, "a", "base64", id="a cut base64 group"),
        pytest.param(to_bytes, "YQ\n", "base64", id="a newline in base64"),
        pytest.param(to_bytes, 5, "got a number", id="a number for bytes"),
        pytest.param(key_of("by_bool"), "True", '"true" or "false"', id="a boolean key in the wrong case"),
        pytest.param(key_of("by_int32"), "01", "an integer from", id="an integer key with a leading zero"),
        pytest.param(dollars_converter(COST), 1e10, "out of range", id="more dollars than fit"),
        pytest.param(dollars_converter(COST), "1e999999999", "out of range", id="an absurd exponent"),
        pytest.param(dollars_converter(BUDGET), -1, "out of range", id="a debt where there is none"),
        pytest.param(dollars_converter(COST), math.inf, "out of range", id="infinite dollars"),
        pytest.param(dollars_converter(COST), "NaN", "dollars, got a string", id="no number of dollars"),
        pytest.param(dollars_converter(COST), True, "dollars, got a boolean", id="a boolean of dollars"),
    ],
)
def test_a_value_is_refused(convert: Convert, value: object, message: str) -> None:
    with pytest.raises(Mismatch) as caught:
        convert(value)
    assert message in caught.value.message
    assert caught.value.message.startswith("Expected ")


def test_the_path_is_built_from_the_inside_out() -> None:
    mismatch = Mismatch("a boolean", 1)
    assert mismatch.path() is None
    mismatch.steps.extend(["c", 2, "b", "a"])
    assert mismatch.path() == "a.b[2].c"
    mismatch.steps.append(0)
    assert mismatch.path() == "[0].a.b[2].c"


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (None, "null"),
        (False, "a boolean"),
        (0, "a number"),
        (0.5, "a number"),
        ("x", "a string"),
        ([], "an array"),
        ({}, "an object"),
    ],
)
def test_a_value_is_named_by_its_kind(value: object, kind: str) -> None:
    assert kind_of(value) == kind

"""The JSON forms of google.protobuf's own messages."""

import pytest
from google.protobuf import duration_pb2, field_mask_pb2, struct_pb2, timestamp_pb2

from edge.transcoder.json_scalars import Mismatch
from edge.transcoder.json_wellknown import (
    field_mask_filler,
    field_mask_writer,
    fill_duration,
    fill_list_value,
    fill_struct,
    fill_timestamp,
    fill_value,
    write_duration,
    write_struct,
    write_timestamp,
    write_value,
)


@pytest.mark.parametrize(
    ("text", "seconds", "nanos", "printed"),
    [
        ("1970-01-01T00:00:00Z", 0, 0, "1970-01-01T00:00:00Z"),
        ("1969-12-31T16:00:00-08:00", 0, 0, "1970-01-01T00:00:00Z"),
        ("1970-01-01T05:30:00.5+05:30", 0, 500_000_000, "1970-01-01T00:00:00.500Z"),
        ("1970-01-01T00:00:00.000001Z", 0, 1_000, "1970-01-01T00:00:00.000001Z"),
        ("1969-12-31T23:59:59.999999999Z", -1, 999_999_999, "1969-12-31T23:59:59.999999999Z"),
        ("0001-01-01T00:00:00Z", -62_135_596_800, 0, "0001-01-01T00:00:00Z"),
        ("9999-12-31T23:59:59Z", 253_402_300_799, 0, "9999-12-31T23:59:59Z"),
    ],
)
def test_a_time_is_read_and_printed_in_utc(text: str, seconds: int, nanos: int, printed: str) -> None:
    message = timestamp_pb2.Timestamp()
    fill_timestamp(message, text)
    assert (message.seconds, message.nanos) == (seconds, nanos)
    assert write_timestamp(message) == printed == message.ToJsonString()


@pytest.mark.parametrize(
    "value",
    [
        "2020-01-01",
        "2020-01-01T00:00:00",
        "2020-01-01t00:00:00Z",
        "2020-01-01T00:00:00z",
        "2020-1-1T0:0:0Z",
        "2020-02-30T00:00:00Z",
        "2020-01-01T24:00:00Z",
        "2020-01-01T00:00:60Z",
        "2020-01-01T00:00:00.Z",
        "2020-01-01T00:00:00.1234567890Z",
        "2020-01-01T00:00:00+24:00",
        "0001-01-01T00:00:00+01:00",
        "9999-12-31T23:59:59-00:01",
        "\uff12020-01-01T00:00:00Z",
        0,
        None,
    ],
)
def test_a_time_that_is_none_is_refused(value: object) -> None:
    with pytest.raises(Mismatch, match="a time"):
        fill_timestamp(timestamp_pb2.Timestamp(), value)


@pytest.mark.parametrize(
    ("text", "seconds", "nanos", "printed"),
    [
        ("0s", 0, 0, "0s"),
        ("3.5s", 3, 500_000_000, "3.500s"),
        ("-0.000000001s", 0, -1, "-0.000000001s"),
        ("-1.5s", -1, -500_000_000, "-1.500s"),
        ("315576000000s", 315_576_000_000, 0, "315576000000s"),
    ],
)
def test_a_duration_is_read_and_printed(text: str, seconds: int, nanos: int, printed: str) -> None:
    message = duration_pb2.Duration()
    fill_duration(message, text)
    assert (message.seconds, message.nanos) == (seconds, nanos)
    assert write_duration(message) == printed == message.ToJsonString()


@pytest.mark.parametrize("value", ["3", "s", "+3s", ".5s", "3.s", "1e3s", "13h", "3.1234567890s", "315576000000.5s", 3])
def test_a_duration_that_is_none_is_refused(value: object) -> None:
    with pytest.raises(Mismatch, match="a duration"):
        fill_duration(duration_pb2.Duration(), value)


@pytest.mark.parametrize(
    "message",
    [
        timestamp_pb2.Timestamp(seconds=253_402_300_800),
        timestamp_pb2.Timestamp(nanos=-1),
    ],
    ids=["the year 10000", "negative nanoseconds"],
)
def test_a_time_without_a_json_form_is_not_printed(message: timestamp_pb2.Timestamp) -> None:
    with pytest.raises(ValueError, match="out of range"):
        write_timestamp(message)


def test_a_duration_of_mixed_signs_is_not_printed() -> None:
    with pytest.raises(ValueError, match="out of range"):
        write_duration(duration_pb2.Duration(seconds=1, nanos=-1))


def test_field_masks_are_camel_case_unless_told_otherwise() -> None:
    canonical, ours = field_mask_pb2.FieldMask(), field_mask_pb2.FieldMask()
    field_mask_filler(takes_snake_case=False)(canonical, "displayName,a.bC")
    field_mask_filler(takes_snake_case=True)(ours, "display_name,a.bC")
    assert list(canonical.paths) == list(ours.paths) == ["display_name", "a.b_c"]
    assert field_mask_writer(snake_case=False)(ours) == "displayName,a.bC"
    assert field_mask_writer(snake_case=True)(ours) == "display_name,a.b_c"
    with pytest.raises(Mismatch, match="field paths"):
        field_mask_filler(takes_snake_case=False)(canonical, "display_name")


@pytest.mark.parametrize("value", ["a,,b", " a", "a.", "1a", 5])
def test_a_field_mask_that_is_none_is_refused(value: object) -> None:
    with pytest.raises(Mismatch):
        field_mask_filler(takes_snake_case=True)(field_mask_pb2.FieldMask(), value)


def test_an_empty_mask_has_no_paths() -> None:
    message = field_mask_pb2.FieldMask()
    field_mask_filler(takes_snake_case=False)(message, "")
    assert list(message.paths) == []


def test_a_path_that_camel_case_cannot_carry_is_not_printed() -> None:
    with pytest.raises(ValueError, match="has no JSON form"):
        field_mask_writer(snake_case=False)(field_mask_pb2.FieldMask(paths=["a__b"]))


def test_any_json_goes_through_a_value_and_back() -> None:
    document: dict[str, object] = {"n": None, "b": True, "s": "x", "d": 1.5, "l": [1.0, []], "o": {"k": {}}}
    message = struct_pb2.Value()
    fill_value(message, document)
    assert write_value(message) == document
    plain = struct_pb2.Struct()
    fill_struct(plain, document)
    assert write_struct(plain) == document


def test_a_number_beyond_doubles_is_refused_with_its_path() -> None:
    with pytest.raises(Mismatch) as caught:
        fill_struct(struct_pb2.Struct(), {"a": [1, 10**400]})
    assert caught.value.path() == "a[1]"


def test_kinds_are_not_mixed_up() -> None:
    with pytest.raises(Mismatch, match="an object"):
        fill_struct(struct_pb2.Struct(), [])
    with pytest.raises(Mismatch, match="an array"):
        fill_list_value(struct_pb2.ListValue(), {})


def test_nan_in_a_value_is_not_printed() -> None:
    with pytest.raises(ValueError, match="JSON has not"):
        write_value(struct_pb2.Value(number_value=float("nan")))

"""The JSON forms of google.protobuf's own messages, in both directions, without recursion into other messages.

Timestamp is RFC 3339 in UTC, Duration is seconds with an `s`, FieldMask a comma list, Value and its kin the JSON
itself. Stricter than `json_format`, which takes dates without leading zeros and unbounded offsets. Any and the wrappers
need the codec of another type and so live with the compilers.
"""

import math
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from edge.transcoder.json_scalars import Mismatch, kind_of

Fill = Callable[[Any, object], None]
"""Puts a JSON value into a fresh message."""

Write = Callable[[Any], object]
"""Makes a JSON value of a message."""

_TIMESTAMP: Final = re.compile(
    r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(?:Z|([+-])([01]\d|2[0-3]):([0-5]\d))\Z", re.ASCII
)
_DURATION: Final = re.compile(r"(-?)(\d{1,12})(?:\.(\d{1,9}))?s\Z", re.ASCII)
_CAMEL_PATH: Final = re.compile(r"[A-Za-z][A-Za-z0-9]*(?:\.[A-Za-z][A-Za-z0-9]*)*\Z")
_SNAKE_PATH: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*)*\Z")
_UPPER: Final = re.compile(r"[A-Z]")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_SECONDS_PER_DAY: Final = 86_400
_NANOS_PER_S: Final = 1_000_000_000
_TIMESTAMP_BOUNDS_S: Final = (-62_135_596_800, 253_402_300_799)
_DURATION_BOUND_S: Final = 315_576_000_000


def fill_timestamp(message: Any, value: object) -> None:
    """RFC 3339 with `Z` or an offset and up to nine fractional digits."""
    match = _TIMESTAMP.match(value) if isinstance(value, str) else None
    if match is None:
        raise Mismatch("a time as 2026-01-31T12:00:00Z", value)
    clock, fraction, sign, hours, minutes = match.groups()
    try:
        moment = datetime.fromisoformat(clock).replace(tzinfo=UTC)
    except ValueError:
        raise Mismatch("a time that the calendar has", value) from None
    since = moment - _EPOCH
    seconds = since.days * _SECONDS_PER_DAY + since.seconds
    if sign:
        offset_s = (int(hours) * 60 + int(minutes)) * 60
        seconds -= offset_s if sign == "+" else -offset_s
    if not _TIMESTAMP_BOUNDS_S[0] <= seconds <= _TIMESTAMP_BOUNDS_S[1]:
        raise Mismatch("a time of the years 1 to 9999", value)
    message.seconds = seconds
    message.nanos = int((fraction or "0").ljust(9, "0"))


def write_timestamp(message: Any) -> str:
    """RFC 3339 ending in `Z` with 0, 3, 6 or 9 fractional digits. ValueError outside the years 1 to 9999."""
    seconds, nanos = message.seconds, message.nanos
    if not (_TIMESTAMP_BOUNDS_S[0] <= seconds <= _TIMESTAMP_BOUNDS_S[1] and 0 <= nanos < _NANOS_PER_S):
        raise ValueError("a Timestamp is out of range")
    moment = _EPOCH + timedelta(seconds=seconds)
    return f"{moment.replace(tzinfo=None).isoformat()}{_fraction(nanos)}Z"


def fill_duration(message: Any, value: object) -> None:
    """Seconds with up to nine fractional digits and an `s`."""
    match = _DURATION.match(value) if isinstance(value, str) else None
    if match is None:
        raise Mismatch("a duration in seconds as 3.5s", value)
    sign, whole, fraction = match.groups()
    seconds, nanos = int(whole), int((fraction or "0").ljust(9, "0"))
    if seconds + (nanos > 0) > _DURATION_BOUND_S:
        raise Mismatch("a duration of at most 10000 years", value)
    message.seconds = -seconds if sign else seconds
    message.nanos = -nanos if sign else nanos


def write_duration(message: Any) -> str:
    """Seconds with 0, 3, 6 or 9 fractional digits and an `s`. ValueError for mixed signs or beyond 10,000 years."""
    seconds, nanos = message.seconds, message.nanos
    mixed = (seconds < 0 < nanos) or (nanos < 0 < seconds)
    if mixed or abs(seconds) > _DURATION_BOUND_S or abs(nanos) >= _NANOS_PER_S:
        raise ValueError("a Duration is out of range")
    sign = "-" if seconds < 0 or nanos < 0 else ""
    return f"{sign}{abs(seconds)}{_fraction(abs(nanos))}s"


def _fraction(nanos: int) -> str:
    if not nanos:
        return ""
    text = f"{nanos:09d}"
    while text.endswith("000"):
        text = text[:-3]
    return f".{text}"


def camel_to_snake(path: str) -> str:
    """`displayName` as `display_name`."""
    return _UPPER.sub(lambda match: "_" + match.group().lower(), path)


def snake_to_camel(path: str) -> str:
    """`display_name` as `displayName`. ValueError for a path that would not come back the same."""
    camel = re.sub(r"_([a-z])", lambda match: match.group(1).upper(), path)
    if "_" in camel or camel_to_snake(camel) != path:
        raise ValueError(f"the field mask path {path!r} has no JSON form")
    return camel


def field_mask_filler(*, takes_snake_case: bool) -> Fill:
    """Comma-separated paths in lowerCamelCase; proto names too if told so."""

    def fill(message: Any, value: object) -> None:
        if not isinstance(value, str):
            raise Mismatch("a string of field paths", value)
        for path in value.split(",") if value else ():
            if _CAMEL_PATH.match(path):
                message.paths.append(camel_to_snake(path))
            elif takes_snake_case and _SNAKE_PATH.match(path):
                message.paths.append(path)
            else:
                raise Mismatch("field paths", message="Expected comma-separated field paths, got another string")

    return fill


def field_mask_writer(*, snake_case: bool) -> Write:
    """Comma-separated paths, as proto names or in lowerCamelCase."""

    def write(message: Any) -> str:
        return ",".join(message.paths if snake_case else [snake_to_camel(path) for path in message.paths])

    return write


def fill_value(message: Any, value: object) -> None:
    """Any JSON value into google.protobuf.Value."""
    if value is None:
        message.null_value = 0
    elif isinstance(value, bool):
        message.bool_value = value
    elif isinstance(value, str):
        message.string_value = value
    elif isinstance(value, (int, float)):
        message.number_value = _double(value)
    elif isinstance(value, list):
        message.list_value.SetInParent()
        fill_list_value(message.list_value, value)
    else:
        message.struct_value.SetInParent()
        fill_struct(message.struct_value, value)


def fill_struct(message: Any, value: object) -> None:
    """A JSON object into google.protobuf.Struct, which keeps neither order nor large integers."""
    if not isinstance(value, Mapping):
        raise Mismatch("an object", value)
    fields = message.fields
    for name, member in value.items():
        try:
            fill_value(fields[name], member)
        except Mismatch as mismatch:
            mismatch.steps.append(name)
            raise


def fill_list_value(message: Any, value: object) -> None:
    """A JSON array into google.protobuf.ListValue."""
    if not isinstance(value, list):
        raise Mismatch("an array", value)
    for index, item in enumerate(value):
        try:
            fill_value(message.values.add(), item)
        except Mismatch as mismatch:
            mismatch.steps.append(index)
            raise


def _double(value: int | float) -> float:
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise Mismatch("a number in the range of a double", message=f"Expected {kind_of(0.0)} in the range of a double")
    return number


def write_value(message: Any) -> object:
    """The JSON value of google.protobuf.Value; null if nothing is set. ValueError for NaN and infinities."""
    kind = message.WhichOneof("kind")
    if kind is None or kind == "null_value":
        return None
    if kind == "struct_value":
        return write_struct(message.struct_value)
    if kind == "list_value":
        return write_list_value(message.list_value)
    value: object = getattr(message, kind)
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError("a Value holds a number that JSON has not")
    return value


def write_struct(message: Any) -> object:
    """The JSON object of google.protobuf.Struct."""
    return {name: write_value(value) for name, value in message.fields.items()}


def write_list_value(message: Any) -> object:
    """The JSON array of google.protobuf.ListValue."""
    return [write_value(value) for value in message.values]


FILLERS: Final[Mapping[str, Fill]] = {
    "google.protobuf.Timestamp": fill_timestamp,
    "google.protobuf.Duration": fill_duration,
    "google.protobuf.Value": fill_value,
    "google.protobuf.Struct": fill_struct,
    "google.protobuf.ListValue": fill_list_value,
}

WRITERS: Final[Mapping[str, Write]] = {
    "google.protobuf.Timestamp": write_timestamp,
    "google.protobuf.Duration": write_duration,
    "google.protobuf.Value": write_value,
    "google.protobuf.Struct": write_struct,
    "google.protobuf.ListValue": write_list_value,
}

WRAPPERS: Final = frozenset(
    f"google.protobuf.{kind}Value"
    for kind in ("Double", "Float", "Int64", "UInt64", "Int32", "UInt32", "Bool", "String", "Bytes")
)
"""Messages that stand for the one scalar they hold."""

SPECIAL: Final = frozenset(FILLERS) | WRAPPERS | {"google.protobuf.FieldMask", "google.protobuf.Any"}
"""Messages whose JSON is not the object of their fields; inside Any they stand under `value`."""

"""One JSON value to one scalar field value, with bounds; the converters are chosen once per field.

They take what proto3 JSON takes and raise Mismatch with what was expected. The path is not theirs to know: whoever
walks the document adds steps to the Mismatch on its way out. Facts: the ProtoJSON page of the protobuf guides.
"""

import base64
import binascii
import math
import re
from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from typing import Final

from google.protobuf.descriptor import FieldDescriptor

from edge.transcoder.enums import EnumNames, compile_enum
from edge.transcoder.profile import Profile

Convert = Callable[[object], object]
"""From a JSON value to what the field takes."""

_INTEGER: Final = re.compile(r"-?(?:0|[1-9][0-9]*)\Z")
_NUMBER: Final = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?\Z")
_BASE64: Final = re.compile(r"[A-Za-z0-9+/_-]*={0,2}\Z")
_MAX_DIGITS: Final = 1000
# Halfway between the largest single and the next power of two; from here on rounding gives an infinity.
_FLOAT32_BOUND: Final = float.fromhex("0x1.ffffffp127")
_NANOUSD_PER_USD: Final = 1_000_000_000
_MAX_DOLLAR_DIGITS: Final = 12
_SPECIAL_FLOATS: Final = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}

INTEGER_BOUNDS: Final = {
    FieldDescriptor.CPPTYPE_INT32: (-(2**31), 2**31 - 1),
    FieldDescriptor.CPPTYPE_UINT32: (0, 2**32 - 1),
    FieldDescriptor.CPPTYPE_INT64: (-(2**63), 2**63 - 1),
    FieldDescriptor.CPPTYPE_UINT64: (0, 2**64 - 1),
}


class Mismatch(Exception):  # noqa: N818 - not an error of ours but of the value; it never leaves the codecs
    """A value that does not fit its place. `steps` is the way to it, innermost first: member names and indices."""

    def __init__(self, expected: str, got: object = None, *, message: str | None = None) -> None:
        super().__init__(expected)
        self.message = message or f"Expected {expected}, got {kind_of(got)}"
        self.steps: list[str | int] = []

    def path(self) -> str | None:
        """The way as `a.b[2].c`; None at the root."""
        text = ""
        for step in reversed(self.steps):
            if isinstance(step, int):
                text += f"[{step}]"
            else:
                text += f".{step}" if text else step
        return text or None


def kind_of(value: object) -> str:
    """The JSON kind of a value, for messages; never the value, which may be a secret."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "a boolean"
    if isinstance(value, (int, float)):
        return "a number"
    if isinstance(value, str):
        return "a string"
    return "an array" if isinstance(value, list) else "an object"


def compile_scalar(field: FieldDescriptor, profile: Profile) -> Convert:
    """The converter of a scalar or enum field, or of the key or value of a map."""
    if field.cpp_type in INTEGER_BOUNDS:
        return integer_converter(*INTEGER_BOUNDS[field.cpp_type])
    if field.enum_type is not None:
        return enum_converter(compile_enum(field.enum_type, profile))
    simple: dict[int, Convert] = {
        FieldDescriptor.TYPE_BOOL: to_bool,
        FieldDescriptor.TYPE_STRING: to_string,
        FieldDescriptor.TYPE_BYTES: to_bytes,
        FieldDescriptor.TYPE_DOUBLE: to_double,
        FieldDescriptor.TYPE_FLOAT: to_float32,
    }
    return simple[field.type]


def compile_map_key(field: FieldDescriptor) -> Convert:
    """The converter of a map's key, which in JSON is always a string."""
    if field.type == FieldDescriptor.TYPE_BOOL:
        return _bool_key
    if field.type == FieldDescriptor.TYPE_STRING:
        return to_string
    return integer_converter(*INTEGER_BOUNDS[field.cpp_type])


def integer_converter(lowest: int, highest: int) -> Convert:
    """Numbers, and strings that hold one, whose value is an integer from `lowest` to `highest`."""
    expected = f"an integer from {lowest} to {highest}"

    def convert(value: object) -> int:
        number = value if type(value) is int else _integer_of(value, expected)
        if lowest <= number <= highest:
            return number
        raise Mismatch(expected, message=f"Expected {expected}, got a number out of range")

    return convert


def _integer_of(value: object, expected: str) -> int:
    if isinstance(value, str) and len(value) <= _MAX_DIGITS and _NUMBER.match(value):
        if _INTEGER.match(value):
            return int(value)
        value = float(value)
    if isinstance(value, float) and value.is_integer():
        return int(value)
    raise Mismatch(expected, value)


def enum_converter(names: EnumNames) -> Convert:
    """Names as the profile spells them or as declared, and numbers; unknown numbers too, unless the enum is closed."""
    shown = ", ".join(names.choices[:20])
    expected = f"one of {shown}" if shown else f"a value of {names.full_name}"
    to_number = integer_converter(*INTEGER_BOUNDS[FieldDescriptor.CPPTYPE_INT32])

    def convert(value: object) -> int:
        if isinstance(value, str):
            known = names.number_of.get(value)
            if known is not None:
                return known
            if not _INTEGER.match(value):
                raise Mismatch(expected, message=f"Expected {expected}, got another string")
        try:
            number = to_number(value)
        except Mismatch:
            raise Mismatch(expected, value) from None
        assert isinstance(number, int)
        if names.is_closed and number not in names.name_of:
            raise Mismatch(expected, message=f"Expected {expected}, got an unknown number")
        return number

    return convert


def to_bool(value: object) -> bool:
    """The literals true and false; neither numbers nor strings."""
    if value is True or value is False:
        return value
    raise Mismatch("a boolean", value)


def to_string(value: object) -> str:
    """A string."""
    if isinstance(value, str):
        return value
    raise Mismatch("a string", value)


def to_bytes(value: object) -> bytes:
    """Base64 in the standard or the URL-safe alphabet, padded or not."""
    if not isinstance(value, str):
        raise Mismatch("a base64 string", value)
    bare = value.rstrip("=")
    if not _BASE64.match(value) or len(bare) % 4 == 1:
        raise Mismatch("a base64 string", message="Expected a base64 string, got other characters or a cut one")
    try:
        return base64.urlsafe_b64decode(bare + "=" * (-len(bare) % 4))
    except binascii.Error:
        raise Mismatch("a base64 string", value) from None


def to_double(value: object) -> float:
    """A number, a string that holds one, or "NaN", "Infinity", "-Infinity"."""
    if type(value) is float and math.isfinite(value):
        return value
    if type(value) is int:
        return _finite_float(value)
    if isinstance(value, str):
        special = _SPECIAL_FLOATS.get(value)
        if special is not None:
            return special
        if len(value) <= _MAX_DIGITS and _NUMBER.match(value):
            return _finite_float(value)
    raise Mismatch("a number", value)


def _finite_float(value: int | str) -> float:
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if math.isinf(number):
        raise Mismatch("a number", message="Expected a number, got one out of range")
    return number


def to_float32(value: object) -> float:
    """As to_double, of what rounds to a finite single-precision number."""
    number = to_double(value)
    if math.isfinite(number) and abs(number) >= _FLOAT32_BOUND:
        raise Mismatch("a number", message="Expected a single-precision number, got one out of range")
    return number


def dollars_converter(field: FieldDescriptor) -> Convert:
    """For an integer field of nano-dollars: a number of dollars, rounded half to even to whole nano-dollars."""
    lowest, highest = INTEGER_BOUNDS[field.cpp_type]

    def convert(value: object) -> int:
        if isinstance(value, bool) or not isinstance(value, (int, float, str)):
            raise Mismatch("a number of dollars", value)
        if isinstance(value, str) and not (len(value) <= _MAX_DIGITS and _NUMBER.match(value)):
            raise Mismatch("a number of dollars", value)
        try:
            dollars = Decimal(str(value))
        except (InvalidOperation, ValueError):
            raise Mismatch("a number of dollars", value) from None
        if dollars.is_finite() and dollars.adjusted() < _MAX_DOLLAR_DIGITS:
            amount = int((dollars * _NANOUSD_PER_USD).to_integral_value())
            if lowest <= amount <= highest:
                return amount
        raise Mismatch("a number of dollars", message="Expected a number of dollars, got one out of range")

    return convert


def _bool_key(value: object) -> bool:
    if value == "true":
        return True
    if value == "false":
        return False
    raise Mismatch('"true" or "false" as the name')

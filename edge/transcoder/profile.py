"""How JSON and query parameters are spelt: the switches between proto3 JSON as published and the documented REST.

A profile holds facts, no behaviour; the codecs and the query parser read it once, when they are compiled. Accepted by
every profile: proto and JSON field names in input. Refused by every profile: one member given twice.
"""

from msgspec import Struct

MAX_JSON_DEPTH = 64


class Profile(Struct, frozen=True):
    """One way of writing messages as JSON and of reading them back."""

    name: str
    snake_case: bool
    """Output member names: proto field names when true, lowerCamelCase JSON names when false."""
    int64_as_number: bool
    """64-bit integers are printed as JSON numbers instead of strings."""
    emit_implicit_zero: bool
    """Fields without presence, and empty repeated and map fields, are printed even when they hold their default."""
    refuse_unknown_members: bool
    """An unknown JSON member is an error that names it; otherwise it is ignored."""
    short_enum_names: bool
    """Enum values are printed, and also read, in lower case without the prefix of their type: `PLAN_FREE` as `free`."""
    strict_query: bool
    """An unknown or already bound query parameter is an error; otherwise it is ignored."""
    max_depth: int = MAX_JSON_DEPTH
    """Deepest nesting of arrays and objects that is read, in levels."""


CANONICAL = Profile(
    name="canonical",
    snake_case=False,
    int64_as_number=False,
    emit_implicit_zero=False,
    refuse_unknown_members=True,
    short_enum_names=False,
    strict_query=False,
)
"""proto3 JSON exactly as published."""

PERPETUO = Profile(
    name="perpetuo",
    snake_case=True,
    int64_as_number=True,
    emit_implicit_zero=True,
    refuse_unknown_members=True,
    short_enum_names=True,
    strict_query=False,
)
"""The documented REST: snake_case names, numbers that stay numbers, zero and false values present."""

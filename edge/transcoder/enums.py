"""The names under which enum values stand in JSON, paths and query parameters.

proto3 JSON prints the name as declared. The documented REST prints it in lower case without the prefix that every value
of a type carries (`PLAN_FREE` of `Plan` is `free`). Input takes both, and the number. Nothing here reads a request.
"""

import re
from collections.abc import Mapping

from google.protobuf.descriptor import EnumDescriptor
from msgspec import Struct

from edge.transcoder.profile import Profile

_WORD_START = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


class EnumNames(Struct, frozen=True):
    """One enum type under one profile."""

    full_name: str
    number_of: Mapping[str, int]
    """Every accepted spelling. Names are case-sensitive."""
    name_of: Mapping[int, str]
    """The spelling that is printed; of aliases the first."""
    is_closed: bool
    """A number without a name is refused in input (proto2)."""
    choices: tuple[str, ...]
    """The printed names in the order of declaration, for messages, without an unspecified zero."""


def enum_prefix(enum: EnumDescriptor) -> str:
    """What every value's name starts with, such as `CONTENT_POLICY_` of `ContentPolicy`; empty if one does not."""
    prefix = _WORD_START.sub("_", enum.name).upper() + "_"
    fits = all(value.name.startswith(prefix) and len(value.name) > len(prefix) for value in enum.values)
    return prefix if fits else ""


def compile_enum(enum: EnumDescriptor, profile: Profile) -> EnumNames:
    """The names of `enum` as `profile` writes and reads them."""
    prefix_length = len(enum_prefix(enum))
    number_of = {value.name: value.number for value in enum.values}
    name_of: dict[int, str] = {}
    for value in enum.values:
        shown = value.name[prefix_length:].lower() if profile.short_enum_names else value.name
        number_of.setdefault(shown, value.number)
        name_of.setdefault(value.number, shown)
    return EnumNames(
        full_name=enum.full_name,
        number_of=number_of,
        name_of=name_of,
        is_closed=enum.is_closed,
        choices=tuple(name for number, name in name_of.items() if number or not name.lower().endswith("unspecified")),
    )

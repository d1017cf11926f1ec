"""Example values for messages and fields: written by hand where somebody did, else made from the descriptor.

What is made by rule fits its schema but says little; what is written says what a caller would see. Written examples are
looked up by binding (`POST /auth/login`), by message (`User`) and by field (`User.email`, else `email`).
"""

from collections.abc import Collection, Mapping
from typing import Any, Final

import msgspec
from google.protobuf.descriptor import Descriptor, FieldDescriptor

from edge.transcoder.enums import compile_enum
from edge.transcoder.field_rules import FieldRule, field_rule, is_map, is_value
from edge.transcoder.json_wellknown import WRAPPERS
from edge.transcoder.openapi_schema import DocumentError, Way, is_union
from edge.transcoder.profile import Profile

_INT64: Final = (FieldDescriptor.CPPTYPE_INT64, FieldDescriptor.CPPTYPE_UINT64)
_SCALARS: Final[Mapping[int, Any]] = {
    FieldDescriptor.CPPTYPE_INT32: 1,
    FieldDescriptor.CPPTYPE_INT64: 1,
    FieldDescriptor.CPPTYPE_UINT32: 1,
    FieldDescriptor.CPPTYPE_UINT64: 1,
    FieldDescriptor.CPPTYPE_DOUBLE: 0.5,
    FieldDescriptor.CPPTYPE_FLOAT: 0.5,
    FieldDescriptor.CPPTYPE_BOOL: True,
}
_WELL_KNOWN: Final[Mapping[str, Any]] = {
    "google.protobuf.Timestamp": "2026-01-28T14:00:00Z",
    "google.protobuf.Duration": "3.5s",
    "google.protobuf.FieldMask": "name",
    "google.protobuf.Struct": {},
    "google.protobuf.ListValue": [],
    "google.protobuf.Value": None,
    "google.protobuf.Any": {"@type": "type.googleapis.com/google.protobuf.Empty"},
}


class BindingExample(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What one binding takes and answers; what is not set comes from the messages. Answers are without envelope."""

    request: Any = msgspec.UNSET
    answer: Any = msgspec.UNSET
    event: Any = msgspec.UNSET


class Written(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The examples that somebody wrote."""

    bindings: dict[str, BindingExample] = {}
    messages: dict[str, Any] = {}
    fields: dict[str, Any] = {}


class Examples:
    """Gives examples and remembers which of the written ones were of use."""

    def __init__(self, written: Written, profile: Profile) -> None:
        self._written = written
        self._profile = profile
        self._used: set[str] = set()

    def of_binding(self, selector: str) -> BindingExample:
        """What was written for a binding, such as `POST /auth/login`."""
        self._used.add(selector)
        return self._written.bindings.get(selector, BindingExample())

    def of_message(self, descriptor: Descriptor, way: Way, omit: Collection[str] = ()) -> Any:
        """A JSON value that fits the schema of the message met in that way, without the fields in `omit`."""
        return self._message(descriptor, way, omit, ())

    def of_field(self, field: FieldDescriptor, way: Way) -> Any:
        """A JSON value that fits the schema of the field."""
        return self._field(field, way, ())

    def of_text(self, field: FieldDescriptor) -> Any:
        """What was written for a field that stands in a path or a query; UNSET if nothing was."""
        return self._written_field(field)

    def check_use(self) -> None:
        """DocumentError that names what was written for nothing that is served."""
        all_names = {*self._written.bindings, *self._written.messages, *self._written.fields}
        if unused := sorted(all_names - self._used):
            raise DocumentError(f"examples for what is not served: {', '.join(unused)}")

    def _message(self, descriptor: Descriptor, way: Way, omit: Collection[str], above: tuple[str, ...]) -> Any:
        name = descriptor.full_name
        if descriptor.name in self._written.messages:
            self._used.add(descriptor.name)
            return self._without(self._written.messages[descriptor.name], descriptor, omit)
        if name in _WELL_KNOWN:
            return _WELL_KNOWN[name]
        if name in WRAPPERS:
            return self._element(descriptor.fields_by_name["value"], way, above)
        if is_union(descriptor):
            return self._field(descriptor.fields[0], way, above)
        members = {}
        for field in descriptor.fields:
            rule = field_rule(field, self._profile)
            if field.name not in omit and self._is_shown(field, rule, way, (*above, name)):
                members[rule.output_name] = self._field(field, way, (*above, name))
        return members

    def _without(self, value: Any, descriptor: Descriptor, omit: Collection[str]) -> Any:
        if not omit:
            return value
        names = {field_rule(descriptor.fields_by_name[name], self._profile).output_name for name in omit}
        return {name: item for name, item in value.items() if name not in names}

    def _is_shown(self, field: FieldDescriptor, rule: FieldRule, way: Way, above: tuple[str, ...]) -> bool:
        """Not what would hold itself; of what may be absent from a request, only that for which somebody wrote."""
        if rule.is_extra or (_is_inside(field, above) and not field.is_repeated):
            return False
        return not (way.is_request and field.has_presence) or self._written_field(field) is not msgspec.UNSET

    def _field(self, field: FieldDescriptor, way: Way, above: tuple[str, ...]) -> Any:
        written = self._written_field(field)
        if written is not msgspec.UNSET:
            return written
        if is_map(field):
            assert field.message_type is not None
            value = field.message_type.fields_by_name["value"]
            return {} if _is_inside(field, above) else {"name": self._field(value, way, above)}
        if field.is_repeated and _is_inside(field, above):
            return []
        element = self._element(field, way, above)
        return [element] if field.is_repeated else element

    def _written_field(self, field: FieldDescriptor) -> Any:
        owner = field.containing_type
        assert owner is not None
        for name in (f"{owner.name}.{field.name}", field.name):
            if name in self._written.fields:
                self._used.add(name)
                return self._written.fields[name]
        return msgspec.UNSET

    def _element(self, field: FieldDescriptor, way: Way, above: tuple[str, ...]) -> Any:
        rule = field_rule(field, self._profile)
        if field.message_type is not None:
            return self._message(field.message_type, way, (), above)
        if rule.is_raw_json:
            return {}
        if rule.is_dollars:
            return 0.000012
        if field.enum_type is not None and is_value(field):
            return None
        if field.enum_type is not None:
            choices = compile_enum(field.enum_type, self._profile).choices
            return choices[0] if choices else None
        if field.type == FieldDescriptor.TYPE_BYTES:
            return "AAEC"
        if field.cpp_type in _INT64 and not self._profile.int64_as_number:
            return "1"
        return _SCALARS.get(field.cpp_type, field.name)


def _is_inside(field: FieldDescriptor, above: Collection[str]) -> bool:
    """Whether a field, or a map's values, hold one of the message types that it stands in."""
    held = field.message_type
    if held is not None and is_map(field):
        held = held.fields_by_name["value"].message_type
    return held is not None and held.full_name in above

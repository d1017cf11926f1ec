"""JSON schemas of messages, as the codecs of one profile write and read them.

A message is described anew for each way of meeting it: in a request or in an answer, through our codec or as raw JSON
that passes unread, where less can be promised. References are made by key and named at the end, when it is known which
of the ways a message is met in. Facts: descriptors, the options of `perpetuo.rest.v1`, comments.
"""

import copy
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final

from google.api import field_behavior_pb2
from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor
from msgspec import Struct
from perpetuo.rest.v1 import annotations_pb2 as rest_options

from edge.transcoder.comments import Comments, prose
from edge.transcoder.enums import compile_enum
from edge.transcoder.field_rules import FieldRule, field_rule
from edge.transcoder.json_wellknown import WRAPPERS
from edge.transcoder.profile import Profile

Schema = dict[str, Any]
SCHEMA_PATH: Final = "#/components/schemas/"

_INT64: Final = (FieldDescriptor.CPPTYPE_INT64, FieldDescriptor.CPPTYPE_UINT64)
_SCALARS: Final[Mapping[int, Schema]] = {
    FieldDescriptor.CPPTYPE_INT32: {"type": "integer", "format": "int32"},
    FieldDescriptor.CPPTYPE_INT64: {"type": "integer", "format": "int64"},
    FieldDescriptor.CPPTYPE_UINT32: {"type": "integer", "format": "uint32", "minimum": 0},
    FieldDescriptor.CPPTYPE_UINT64: {"type": "integer", "format": "uint64", "minimum": 0},
    FieldDescriptor.CPPTYPE_DOUBLE: {"type": "number", "format": "double"},
    FieldDescriptor.CPPTYPE_FLOAT: {"type": "number", "format": "float"},
    FieldDescriptor.CPPTYPE_BOOL: {"type": "boolean"},
    FieldDescriptor.CPPTYPE_STRING: {"type": "string"},
}
_WELL_KNOWN: Final[Mapping[str, Schema]] = {
    "google.protobuf.Timestamp": {"type": "string", "format": "date-time"},
    "google.protobuf.Duration": {"type": "string", "pattern": r"^-?[0-9]+(\.[0-9]{1,9})?s$"},
    "google.protobuf.FieldMask": {"type": "string"},
    "google.protobuf.Struct": {"type": "object"},
    "google.protobuf.ListValue": {"type": "array", "items": {}},
    "google.protobuf.Value": {},
    "google.protobuf.Any": {"type": "object", "properties": {"@type": {"type": "string"}}},
}


class DocumentError(Exception):
    """What is served cannot be described in OpenAPI. Raised when the document is made, never for a request."""


class Way(Struct, frozen=True):
    """How a message is met."""

    is_request: bool
    is_raw: bool
    """As JSON that passes unread: what may be left out may also be null, and only plain members are sure."""


REQUEST: Final = Way(is_request=True, is_raw=False)
ANSWER: Final = Way(is_request=False, is_raw=False)
RAW_REQUEST: Final = Way(is_request=True, is_raw=True)
RAW_ANSWER: Final = Way(is_request=False, is_raw=True)


@dataclass(slots=True)
class _Component:
    descriptor: Descriptor | EnumDescriptor
    way: Way | None
    schema: Schema


class Schemas:
    """Makes schemas and collects those that are referred to."""

    def __init__(self, profile: Profile, comments: Comments) -> None:
        self._profile = profile
        self._comments = comments
        self._components: dict[str, _Component] = {}

    @property
    def profile(self) -> Profile:
        """How names and values are spelt."""
        return self._profile

    def text_of(self, name: str) -> str:
        """The comment of what has this full name, as running text; empty if it has none."""
        return prose(self._comments.get(name, ""))

    def of_message(self, descriptor: Descriptor, way: Way) -> Schema:
        """A reference to the message's schema, or the schema itself of one that stands for a plain value."""
        if descriptor.full_name in _WELL_KNOWN:
            return copy.deepcopy(_WELL_KNOWN[descriptor.full_name])
        if descriptor.full_name in WRAPPERS:
            field = descriptor.fields_by_name["value"]
            return nullable(self._element(field, field_rule(field, self._profile), way))
        if is_union(descriptor):
            return self._union(descriptor, way)
        key = f"{descriptor.full_name} {way.is_request:d}{way.is_raw:d}"
        if key not in self._components:
            component = self._components[key] = _Component(descriptor, way, {})
            component.schema = self.of_object(descriptor, way)
        return {"$ref": key}

    def of_object(self, descriptor: Descriptor, way: Way, omit: Collection[str] = ()) -> Schema:
        """The schema of a message with its members spelt out, but for the fields named in `omit`."""
        properties: Schema = {}
        required: list[str] = []
        is_open = False
        for field in descriptor.fields:
            rule = field_rule(field, self._profile)
            if rule.is_extra:
                is_open = True
            elif field.name not in omit:
                properties[rule.output_name] = self.of_field(field, way)
                if self._is_sure(field, rule, way):
                    required.append(rule.output_name)
        schema: Schema = {"type": "object"}
        if text := self.text_of(descriptor.full_name):
            schema["description"] = text
        if properties:
            schema["properties"] = properties
        if required:
            schema["required"] = required
        if is_open or (way == REQUEST and self._profile.refuse_unknown_members):
            schema["additionalProperties"] = is_open
        return schema

    def of_field(self, field: FieldDescriptor, way: Way) -> Schema:
        """The schema of a field's value, with its comment: the whole array or object of one that is repeated."""
        rule = field_rule(field, self._profile)
        schema = self.of_value(field, way)
        may_be_null = way.is_raw and not _is_plain(field)
        if may_be_null or (rule.null_when_absent and not way.is_request):
            schema = nullable(schema)
        if text := self.text_of(field.full_name):
            schema["description"] = text
        return schema

    def of_value(self, field: FieldDescriptor, way: Way) -> Schema:
        """The same without what is said about it."""
        rule = field_rule(field, self._profile)
        if rule.is_map:
            assert field.message_type is not None
            return {"type": "object", "additionalProperties": self.of_value(field.message_type.fields[1], way)}
        if field.is_repeated:
            return {"type": "array", "items": self._element(field, rule, way)}
        return self._element(field, rule, way)

    def resolve(self, document: Schema) -> tuple[Schema, Schema]:
        """The document with its references named, and the components that they refer to, by name.

        Raises:
            DocumentError: two messages of different packages have one name.
        """
        names = self._names()
        if len(set(names.values())) != len(names):
            raise DocumentError(f"two schemas have one name: {sorted(names.values())}")
        components = {names[key]: _renamed(component.schema, names) for key, component in self._components.items()}
        return _renamed(document, names), dict(sorted(components.items()))

    def _is_sure(self, field: FieldDescriptor, rule: FieldRule, way: Way) -> bool:
        """Whether the member is always there: declared so, or written so by the codec."""
        if field_behavior_pb2.REQUIRED in field.GetOptions().Extensions[field_behavior_pb2.field_behavior]:
            return True
        if way.is_request:
            return False
        if way.is_raw:
            return _is_plain(field)
        return rule.null_when_absent or (self._profile.emit_implicit_zero and not field.has_presence)

    def _element(self, field: FieldDescriptor, rule: FieldRule, way: Way) -> Schema:
        if field.message_type is not None:
            return self.of_message(field.message_type, way)
        if rule.is_raw_json:
            return {}
        if rule.is_dollars:
            return {"type": "number"}
        if field.enum_type is not None:
            return self._enum(field.enum_type)
        if field.type == FieldDescriptor.TYPE_BYTES:
            return {"type": "string", "contentEncoding": "base64"}
        if field.cpp_type in _INT64 and not self._profile.int64_as_number:
            return {"type": "string", "format": _SCALARS[field.cpp_type]["format"]}
        return dict(_SCALARS[field.cpp_type])

    def _enum(self, enum: EnumDescriptor) -> Schema:
        if enum.full_name == "google.protobuf.NullValue":
            return {"type": "null"}
        key = enum.full_name
        if key not in self._components:
            names = compile_enum(enum, self._profile)
            lines = [self.text_of(key), ""] if self.text_of(key) else []
            for value in enum.values:
                if names.name_of[value.number] in names.choices:
                    text = self.text_of(f"{key}.{value.name}")
                    lines.append(f"- `{names.name_of[value.number]}`: {text}".rstrip(": "))
            schema = {"type": "string", "description": "\n".join(lines), "enum": list(names.choices)}
            self._components[key] = _Component(enum, None, schema)
        return {"$ref": key}

    def _union(self, descriptor: Descriptor, way: Way) -> Schema:
        """The alternatives by kind. One of raw JSON is left out beside others: it would say that anything goes."""
        raw = {field.name for field in descriptor.fields if field_rule(field, self._profile).is_raw_json}
        fields = [field for field in descriptor.fields if field.name not in raw or len(raw) == len(descriptor.fields)]
        alternatives = [self._alternative(field, way) for field in fields]
        return {"anyOf": alternatives} if len(alternatives) > 1 else alternatives[0]

    def _alternative(self, field: FieldDescriptor, way: Way) -> Schema:
        """One alternative: a message whose only field is repeated stands for the array."""
        inner = field.message_type
        if inner is not None and len(inner.fields) == 1 and inner.fields[0].is_repeated:
            return self.of_value(inner.fields[0], way)
        return self.of_value(field, way)

    def _names(self) -> dict[str, str]:
        ways: dict[str, set[Way]] = {}
        for component in self._components.values():
            if component.way is not None:
                ways.setdefault(component.descriptor.full_name, set()).add(component.way)
        return {
            key: _short_name(component.descriptor) + _suffix(component.way, ways.get(component.descriptor.full_name))
            for key, component in self._components.items()
        }


def is_union(descriptor: Descriptor) -> bool:
    """True for a message that stands for one of several JSON values."""
    return any(oneof.GetOptions().Extensions[rest_options.json_union] for oneof in descriptor.oneofs)


def nullable(schema: Schema) -> Schema:
    """The schema of the same or null."""
    if "anyOf" in schema:
        return {**schema, "anyOf": [*schema["anyOf"], {"type": "null"}]}
    if "$ref" in schema:
        return {"anyOf": [schema, {"type": "null"}]}
    if isinstance(schema.get("type"), str) and schema["type"] != "null":
        return {**schema, "type": [schema["type"], "null"]}
    return dict(schema)


def _is_plain(field: FieldDescriptor) -> bool:
    """Neither repeated nor able to be absent."""
    return not field.is_repeated and not field.has_presence


def _short_name(descriptor: Descriptor | EnumDescriptor) -> str:
    package = descriptor.file.package
    return str(descriptor.full_name).removeprefix(f"{package}." if package else "").replace(".", "_")


def _suffix(way: Way | None, ways: set[Way] | None) -> str:
    """What tells apart the schemas of one message: `Input` in requests if answers have it too, `Raw` likewise."""
    if way is None or ways is None:
        return ""
    is_other_raw = way.is_raw and any(other.is_request == way.is_request and not other.is_raw for other in ways)
    is_other_input = way.is_request and any(not other.is_request for other in ways)
    return ("Raw" if is_other_raw else "") + ("Input" if is_other_input else "")


def _renamed(value: Any, names: Mapping[str, str]) -> Any:
    if isinstance(value, list):
        return [_renamed(item, names) for item in value]
    if not isinstance(value, dict):
        return value
    renamed = {key: _renamed(item, names) for key, item in value.items()}
    key = value.get("$ref")
    if isinstance(key, str) and key in names:
        renamed["$ref"] = SCHEMA_PATH + names[key]
    return renamed

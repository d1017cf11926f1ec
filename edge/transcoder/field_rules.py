"""What the options of one field say about its JSON, read once when a codec is compiled."""

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from msgspec import Struct
from perpetuo.rest.v1 import annotations_pb2

from edge.transcoder.profile import Profile


class CodecError(Exception):
    """A message type that cannot be written as JSON as its options ask. Raised at start, never for a request."""


class FieldRule(Struct, frozen=True):
    """The JSON side of one field."""

    output_name: str
    input_names: tuple[str, ...]
    """Every spelling that is read, the preferred one first."""
    is_map: bool
    is_raw_json: bool
    is_extra: bool
    """The repeated field of key and JSON that keeps unknown members."""
    is_dollars: bool
    null_when_absent: bool


def field_rule(field: FieldDescriptor, profile: Profile) -> FieldRule:
    """The rule of `field`; CodecError where its options do not fit its type."""
    options = field.GetOptions().Extensions
    member = options[annotations_pb2.json_member]
    spellings = (field.name, field.json_name) if profile.snake_case else (field.json_name, field.name)
    names = tuple(dict.fromkeys((member, *spellings) if member else spellings))
    rule = FieldRule(
        output_name=names[0],
        input_names=names,
        is_map=is_map(field),
        is_raw_json=options[annotations_pb2.raw_json],
        is_extra=options[annotations_pb2.extra_fields],
        is_dollars=options[annotations_pb2.nanousd_as_usd],
        null_when_absent=options[annotations_pb2.null_when_absent],
    )
    _check(field, rule)
    return rule


def is_map(field: FieldDescriptor) -> bool:
    """Whether the field is a map."""
    return field.message_type is not None and bool(field.message_type.GetOptions().map_entry)


def is_value(field: FieldDescriptor) -> bool:
    """Whether null is a value of the field rather than its absence: Value and NullValue."""
    if field.message_type is not None:
        return bool(field.message_type.full_name == "google.protobuf.Value")
    return field.enum_type is not None and bool(field.enum_type.full_name == "google.protobuf.NullValue")


def check_type(descriptor: Descriptor) -> None:
    """CodecError for a message type that only stubs can use: JSON unions have no rule for HTTP bodies."""
    for oneof in descriptor.oneofs:
        if oneof.GetOptions().Extensions[annotations_pb2.json_union]:
            raise CodecError(f"{oneof.full_name}: a json_union cannot stand in an HTTP body; bind a raw body instead")


def _check(field: FieldDescriptor, rule: FieldRule) -> None:
    integers = (FieldDescriptor.CPPTYPE_INT64, FieldDescriptor.CPPTYPE_UINT64)
    if rule.is_dollars and field.cpp_type not in integers:
        raise CodecError(f"{field.full_name}: nanousd_as_usd needs a 64-bit integer")
    if rule.is_raw_json and field.type != FieldDescriptor.TYPE_BYTES:
        raise CodecError(f"{field.full_name}: raw_json needs bytes")
    if rule.null_when_absent and not field.has_presence:
        raise CodecError(f"{field.full_name}: null_when_absent needs a field with presence")
    if rule.is_extra and not (field.is_repeated and _is_extra_type(field.message_type)):
        raise CodecError(f"{field.full_name}: extra_fields needs a repeated message of string key and bytes json")


def _is_extra_type(message: Descriptor | None) -> bool:
    if message is None:
        return False
    types = {field.name: field.type for field in message.fields}
    return types == {"key": FieldDescriptor.TYPE_STRING, "json": FieldDescriptor.TYPE_BYTES}

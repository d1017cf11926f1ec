"""Compiles a message type into a function from a message to JSON text. No reflection is left for the request.

In the canonical profile the text means what `google.protobuf.json_format.MessageToJson` says; in the documented one,
names are snake_case, 64-bit integers are numbers, zero and false values are present. Field options are obeyed in both.
The order of members is fixed: that of declaration in the documented profile, of field numbers in the canonical one.
ValueError for a message that has no JSON form (a Timestamp out of range, NaN in a Value, raw JSON that is none): a
defect of whoever sent it, never of the caller.
"""

import base64
import math
import struct
from collections.abc import Callable
from typing import Any, Final

import msgspec
from google.protobuf import message_factory
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import DecodeError, Message

from edge.transcoder.enums import compile_enum
from edge.transcoder.field_rules import CodecError, FieldRule, check_type, field_rule
from edge.transcoder.json_wellknown import SPECIAL, WRAPPERS, WRITERS, Write, field_mask_writer
from edge.transcoder.profile import Profile

Encode = Callable[[Message], bytes]
"""From a message to JSON text."""

_NANOUSD_PER_USD: Final = 1_000_000_000
_INT64_TYPES: Final = frozenset((FieldDescriptor.CPPTYPE_INT64, FieldDescriptor.CPPTYPE_UINT64))


def compile_encoder(descriptor: Descriptor, profile: Profile, writers: "Writers | None" = None) -> Encode:
    """The encoder of whole messages; CodecError for a type that cannot be written as JSON.

    `writers` are those of the same profile that others are compiled with: what they have is not compiled again.
    """
    write = (writers or Writers(profile)).writer(descriptor)

    def encode(message: Message) -> bytes:
        return msgspec.json.encode(write(message))

    return encode


def compile_field_encoder(field: FieldDescriptor, profile: Profile, writers: "Writers | None" = None) -> Encode:
    """The encoder of an answer that is one field of the message; `null` for a message field that is not set."""
    write = (writers or Writers(profile)).field_writer(field, field_rule(field, profile))
    name = field.name
    absent_is_null = field.has_presence and field.message_type is not None

    def encode(message: Message) -> bytes:
        if absent_is_null and not message.HasField(name):
            return b"null"
        return msgspec.json.encode(write(getattr(message, name)))

    return encode


class Writers:
    """Compiles each message type once, recursive ones included: a type under work is called through its holder."""

    def __init__(self, profile: Profile) -> None:
        self.profile = profile
        self._done: dict[str, Write] = {}

    def writer(self, descriptor: Descriptor) -> Write:
        """Makes the JSON value of a message; CodecError for a type that has none."""
        known = self._done.get(descriptor.full_name)
        if known is not None:
            return known
        made: list[Write] = []
        self._done[descriptor.full_name] = lambda message: made[0](message)
        try:
            made.append(self._make(descriptor))
        except CodecError:
            del self._done[descriptor.full_name]
            raise
        self._done[descriptor.full_name] = made[0]
        return made[0]

    def _make(self, descriptor: Descriptor) -> Write:
        name = descriptor.full_name
        if name in WRITERS:
            return WRITERS[name]
        if name == "google.protobuf.FieldMask":
            return field_mask_writer(snake_case=self.profile.snake_case)
        if name in WRAPPERS:
            write = self._scalar_writer(descriptor.fields_by_name["value"])
            return lambda message: write(message.value)
        if name == "google.protobuf.Any":
            return self._any_writer(descriptor)
        check_type(descriptor)
        rules = [(field, field_rule(field, self.profile)) for field in descriptor.fields]
        plain = [(field, rule) for field, rule in rules if not rule.is_extra]
        extra = next((field.name for field, rule in rules if rule.is_extra), None)
        write = self._full_object(plain) if self.profile.emit_implicit_zero else self._sparse_object(plain)
        return write if extra is None else _with_extra(write, extra)

    def _full_object(self, rules: list[tuple[FieldDescriptor, FieldRule]]) -> Write:
        """Fields without presence always, the others when set or when their absence is told."""
        plan = [
            (rule.output_name, field.name, field.has_presence, rule.null_when_absent, self.field_writer(field, rule))
            for field, rule in rules
        ]

        def write(message: Any) -> dict[str, object]:
            members: dict[str, object] = {}
            for member, name, has_presence, null_when_absent, write_field in plan:
                if not has_presence or message.HasField(name):
                    members[member] = write_field(getattr(message, name))
                elif null_when_absent:
                    members[member] = None
            return members

        return write

    def _sparse_object(self, rules: list[tuple[FieldDescriptor, FieldRule]]) -> Write:
        """Only what is set; `ListFields` knows, negative zero included."""
        nulls = {rule.output_name: None for _, rule in rules if rule.null_when_absent}
        plan = {field.number: (rule.output_name, self.field_writer(field, rule)) for field, rule in rules}

        def write(message: Any) -> dict[str, object]:
            members: dict[str, object] = dict(nulls)
            for field, value in message.ListFields():
                planned = plan.get(field.number)
                if planned is not None:
                    members[planned[0]] = planned[1](value)
            return members

        return write

    def field_writer(self, field: FieldDescriptor, rule: FieldRule) -> Write:
        """Makes the JSON value of the value of a field, the whole array or object if it is repeated or a map."""
        if rule.is_map:
            return self._map_writer(field)
        if field.message_type is not None:
            write = self.writer(field.message_type)
        elif rule.is_raw_json:
            write = _raw_json
        elif rule.is_dollars:
            write = _dollars
        else:
            write = self._scalar_writer(field)
        if not field.is_repeated:
            return write
        return list if write is _as_is else lambda values: [write(value) for value in values]

    def _map_writer(self, field: FieldDescriptor) -> Write:
        assert field.message_type is not None
        value_field = field.message_type.fields_by_name["value"]
        write = self.field_writer(value_field, field_rule(value_field, self.profile))
        if field.message_type.fields_by_name["key"].type == FieldDescriptor.TYPE_BOOL:
            return lambda entries: {"true" if key else "false": write(entries[key]) for key in entries}
        return lambda entries: {str(key): write(entries[key]) for key in entries}

    def _scalar_writer(self, field: FieldDescriptor) -> Write:
        if field.enum_type is not None:
            if field.enum_type.full_name == "google.protobuf.NullValue":
                return lambda value: None
            name_of = compile_enum(field.enum_type, self.profile).name_of
            return lambda value: name_of.get(value, value)
        if field.cpp_type in _INT64_TYPES and not self.profile.int64_as_number:
            return str
        writers: dict[int, Write] = {
            FieldDescriptor.TYPE_BYTES: _base64,
            FieldDescriptor.TYPE_DOUBLE: _double,
            FieldDescriptor.TYPE_FLOAT: _float32,
        }
        return writers.get(field.type, _as_is)

    def _any_writer(self, descriptor: Descriptor) -> Write:
        pool = descriptor.file.pool

        def write(message: Any) -> dict[str, object]:
            if not message.type_url and not message.value:
                return {}
            members: dict[str, object] = {"@type": message.type_url}
            try:
                inner_type = pool.FindMessageTypeByName(message.type_url.rpartition("/")[2])
                write_inner = self.writer(inner_type)
                inner = message_factory.GetMessageClass(inner_type).FromString(message.value)
            except (KeyError, CodecError, DecodeError):
                raise ValueError("an Any holds a type that is not known here, or not a message of its type") from None
            if inner_type.full_name in SPECIAL:
                members["value"] = write_inner(inner)
                return members
            written = write_inner(inner)
            assert isinstance(written, dict)
            return members | written

        return write


def _with_extra(write: Write, name: str) -> Write:
    """Adds the members that the message does not know, in their order; they never replace one that it knows."""

    def write_all(message: Any) -> object:
        members = write(message)
        assert isinstance(members, dict)
        for entry in getattr(message, name):
            members.setdefault(entry.key, _raw_json(entry.json))
        return members

    return write_all


def _as_is(value: Any) -> object:
    return value


def _raw_json(value: bytes) -> object:
    """The bytes as they are; `null` for none. They must be one JSON value: what is not would break the whole answer."""
    if not value:
        return None
    try:
        msgspec.json.decode(value)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise ValueError("a raw_json field does not hold JSON") from None
    return msgspec.Raw(value)


def _dollars(value: int) -> object:
    return value / _NANOUSD_PER_USD


def _base64(value: bytes) -> object:
    return base64.b64encode(value).decode("ascii")


def _double(value: float) -> object:
    if math.isfinite(value):
        return value
    if math.isnan(value):
        return "NaN"
    return "Infinity" if value > 0 else "-Infinity"


def _float32(value: float) -> object:
    """The shortest decimal that reads back as the same single-precision number."""
    if not math.isfinite(value):
        return _double(value)
    packed = struct.pack("<f", value)
    for digits in range(6, 9):
        short = float(f"{value:.{digits}g}")
        if struct.pack("<f", short) == packed:
            return short
    return float(f"{value:.9g}")

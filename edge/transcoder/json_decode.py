"""Compiles a message type into a function from a JSON value to a message. No reflection is left for the request.

Equal to `google.protobuf.json_format.Parse` but for these deviations, each held by a test:

- refused here, taken there: `true` and `false` for an enum or a floating-point field; an array or a string where a
  message belongs; one field under two spellings; numbers in strings that JSON would not spell so (`1_0`, `+1`, ` 1`,
  `inf`, `01`); fractions, and numbers of more than 32 bits, for an enum; numbers out of the range of their type;
  characters outside the base64 alphabets; times, offsets, durations and field paths that RFC 3339 or the ProtoJSON page
  do not spell so; members named after extensions.
- taken here, refused there: the largest single-precision number as it is commonly printed (`3.4028235e38`).
- taken here, refused there, where the profile or an option says so: short enum names, proto names in field masks,
  unknown members, dollars for nano-dollars, JSON for raw bytes.

Errors are 400 REQUEST_INVALID with the path of the member (`a.b[2].c`, spelt as the caller did) and what was expected;
they never repeat a value.
"""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec
from google.protobuf import message_factory
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message
from msgspec import Struct

from edge.transcoder.faults import TranscodeError, invalid
from edge.transcoder.field_rules import CodecError, FieldRule, check_type, field_rule, is_value
from edge.transcoder.json_scalars import Convert, Mismatch, compile_map_key, compile_scalar, dollars_converter
from edge.transcoder.json_wellknown import FILLERS, SPECIAL, WRAPPERS, Fill, field_mask_filler
from edge.transcoder.profile import Profile

Decode = Callable[[object], Message]
"""From a JSON value to a new message; TranscodeError if it does not fit."""

Merge = Callable[[Message, object], None]
"""Puts a JSON value into a message; TranscodeError if it does not fit."""


class _Member(Struct, frozen=True):
    """What to do with one JSON member. The bits tell whether its field, or its oneof, was seen before."""

    put: Fill
    field_bit: int
    oneof_bit: int
    takes_null: bool


def compile_decoder(descriptor: Descriptor, profile: Profile) -> Decode:
    """The decoder of whole messages; CodecError for a type that cannot be read from JSON."""
    message_class = message_factory.GetMessageClass(descriptor)
    merge = compile_merger(descriptor, profile)

    def decode(value: object) -> Message:
        message = message_class()
        merge(message, value)
        return message

    return decode


def compile_merger(descriptor: Descriptor, profile: Profile) -> Merge:
    """The decoder that fills a message which exists already."""
    return _guarded(_Compiler(profile).filler(descriptor))


def compile_field_decoder(field: FieldDescriptor, profile: Profile) -> Merge:
    """The decoder of a body that is one field of the message: an object, an array or a scalar. null leaves it unset."""
    member = _Compiler(profile).member(field, field_rule(field, profile))

    def fill(message: Any, value: object) -> None:
        if value is not None or is_value(field):
            member(message, value)

    return _guarded(fill)


def _guarded(fill: Fill) -> Merge:
    def merge(message: Message, value: object) -> None:
        try:
            fill(message, value)
        except Mismatch as mismatch:
            raise _fault(mismatch) from None
        except UnicodeEncodeError:
            raise invalid("A string has an unpaired surrogate.") from None
        except RecursionError:
            raise invalid("The body is nested too deep.") from None

    return merge


def _fault(mismatch: Mismatch) -> TranscodeError:
    path = mismatch.path()
    return invalid(f"{mismatch.message} at `{path}`." if path else f"{mismatch.message}.", path)


class _Compiler:
    """Compiles each message type once, recursive ones included: a type under work is called through its holder."""

    def __init__(self, profile: Profile) -> None:
        self._profile = profile
        self._done: dict[str, Fill] = {}

    def filler(self, descriptor: Descriptor) -> Fill:
        known = self._done.get(descriptor.full_name)
        if known is not None:
            return known
        made: list[Fill] = []
        self._done[descriptor.full_name] = lambda message, value: made[0](message, value)
        made.append(self._make(descriptor))
        self._done[descriptor.full_name] = made[0]
        return made[0]

    def _make(self, descriptor: Descriptor) -> Fill:
        name = descriptor.full_name
        if name in FILLERS:
            return FILLERS[name]
        if name == "google.protobuf.FieldMask":
            return field_mask_filler(takes_snake_case=self._profile.snake_case)
        if name in WRAPPERS:
            return _wrapper_filler(compile_scalar(descriptor.fields_by_name["value"], self._profile))
        if name == "google.protobuf.Any":
            return self._any_filler(descriptor)
        return self._object_filler(descriptor)

    def _object_filler(self, descriptor: Descriptor) -> Fill:
        check_type(descriptor)
        members, extra = self._members(descriptor)
        put_unknown = _unknown_member(extra, refuses=self._profile.refuse_unknown_members)

        def fill(message: Any, value: object) -> None:
            if not isinstance(value, Mapping):
                raise Mismatch("an object", value)
            seen = 0
            for name, item in value.items():
                member = members.get(name)
                try:
                    if member is None:
                        put_unknown(message, name, item)
                        continue
                    seen = _mark(member, seen, item)
                    if item is not None or member.takes_null:
                        member.put(message, item)
                except Mismatch as mismatch:
                    mismatch.steps.append(name)
                    raise

        return fill

    def _members(self, descriptor: Descriptor) -> tuple[dict[str, _Member], str | None]:
        """Every accepted spelling with its member, preferred spellings winning, and the field for unknown members."""
        members: dict[str, _Member] = {}
        others: dict[str, _Member] = {}
        extra: str | None = None
        for index, field in enumerate(descriptor.fields):
            rule = field_rule(field, self._profile)
            if rule.is_extra:
                extra = field.name
                continue
            oneof = field.containing_oneof
            oneof_bit = 0 if oneof is None else 1 << (len(descriptor.fields) + oneof.index)
            member = _Member(self.member(field, rule), 1 << index, oneof_bit, is_value(field) or rule.is_raw_json)
            members[rule.output_name] = member
            for name in rule.input_names:
                others.setdefault(name, member)
        return others | members, extra

    def member(self, field: FieldDescriptor, rule: FieldRule) -> Fill:
        """Puts a value that is not an absent one into `field` of a message."""
        name = field.name
        if rule.is_map:
            return self._map_member(field)
        if field.message_type is not None:
            return self._message_member(field)
        convert = self._scalar(field, rule)
        if field.is_repeated:
            return _repeated_scalar(name, convert, takes_null=is_value(field) or rule.is_raw_json)

        def put(message: Any, value: object) -> None:
            setattr(message, name, convert(value))

        return put

    def _scalar(self, field: FieldDescriptor, rule: FieldRule) -> Convert:
        if rule.is_raw_json:
            return _to_json
        if rule.is_dollars:
            return dollars_converter(field)
        if is_value(field):
            return _null_value(compile_scalar(field, self._profile))
        return compile_scalar(field, self._profile)

    def _message_member(self, field: FieldDescriptor) -> Fill:
        name = field.name
        assert field.message_type is not None
        fill = self.filler(field.message_type)
        if field.is_repeated:
            return _repeated_message(name, fill, takes_null=is_value(field))

        def put(message: Any, value: object) -> None:
            sub_message = getattr(message, name)
            sub_message.SetInParent()
            fill(sub_message, value)

        return put

    def _map_member(self, field: FieldDescriptor) -> Fill:
        name = field.name
        assert field.message_type is not None
        value_field = field.message_type.fields_by_name["value"]
        to_key = compile_map_key(field.message_type.fields_by_name["key"])
        set_item: Callable[[Any, Any, object], None]
        if value_field.message_type is not None:
            fill = self.filler(value_field.message_type)

            def set_item(entries: Any, key: Any, value: object) -> None:
                fill(entries[key], value)
        else:
            convert = self._scalar(value_field, field_rule(value_field, self._profile))

            def set_item(entries: Any, key: Any, value: object) -> None:
                entries[key] = convert(value)

        return _map(name, to_key, set_item, takes_null=is_value(value_field))

    def _any_filler(self, descriptor: Descriptor) -> Fill:
        pool = descriptor.file.pool

        def fill(message: Any, value: object) -> None:
            if not isinstance(value, Mapping):
                raise Mismatch("an object", value)
            if not value:
                return
            type_url = value.get("@type")
            if not isinstance(type_url, str):
                raise Mismatch("a type URL as the member @type", type_url)
            try:
                inner_type = pool.FindMessageTypeByName(type_url.rpartition("/")[2])
                fill_inner = self.filler(inner_type)
            except (KeyError, CodecError):
                raise Mismatch("a known type", message="Unknown type in the member @type") from None
            inner = message_factory.GetMessageClass(inner_type)()
            members = {name: item for name, item in value.items() if name != "@type"}
            if inner_type.full_name in SPECIAL:
                _fill_under("value", fill_inner, inner, _only_value(members))
            else:
                fill_inner(inner, members)
            message.type_url = type_url
            message.value = inner.SerializeToString(deterministic=True)

        return fill


def _unknown_member(extra: str | None, *, refuses: bool) -> Callable[[Any, str, object], None]:
    """What becomes of a member that the message does not know: kept, refused, or dropped."""

    def put(message: Any, name: str, value: object) -> None:
        if extra is not None:
            getattr(message, extra).add(key=name, json=_to_json(value))
        elif refuses:
            raise Mismatch("a known member", message="Unknown member")

    return put


def _fill_under(step: str, fill: Fill, message: Message, value: object) -> None:
    """Fills a message from the value that stands under the member `step`."""
    try:
        fill(message, value)
    except Mismatch as mismatch:
        mismatch.steps.append(step)
        raise


def _only_value(members: Mapping[str, object]) -> Any:
    if set(members) != {"value"}:
        raise Mismatch("the members @type and value", message="Expected the members @type and value alone")
    return members["value"]


def _mark(member: _Member, seen: int, item: object) -> int:
    if seen & member.field_bit:
        raise Mismatch("one spelling", message="Given twice, under two spellings")
    bits = member.field_bit
    if item is not None or member.takes_null:
        if seen & member.oneof_bit:
            raise Mismatch("one alternative", message="Given beside another member that excludes it")
        bits |= member.oneof_bit
    return seen | bits


def _to_json(value: object) -> bytes:
    """The value as JSON text: order and integers as they came, no white space, numbers in their shortest spelling."""
    return msgspec.json.encode(value)


def _null_value(convert: Convert) -> Convert:
    return lambda value: 0 if value is None else convert(value)


def _wrapper_filler(convert: Convert) -> Fill:
    def fill(message: Any, value: object) -> None:
        message.value = convert(value)

    return fill


def _repeated_scalar(name: str, convert: Convert, *, takes_null: bool) -> Fill:
    def put(message: Any, value: object) -> None:
        append = getattr(message, name).append
        for index, item in enumerate(_array(value)):
            try:
                if item is None and not takes_null:
                    raise Mismatch("a value", item)
                append(convert(item))
            except Mismatch as mismatch:
                mismatch.steps.append(index)
                raise

    return put


def _repeated_message(name: str, fill: Fill, *, takes_null: bool) -> Fill:
    def put(message: Any, value: object) -> None:
        add = getattr(message, name).add
        for index, item in enumerate(_array(value)):
            try:
                if item is None and not takes_null:
                    raise Mismatch("a value", item)
                fill(add(), item)
            except Mismatch as mismatch:
                mismatch.steps.append(index)
                raise

    return put


def _array(value: object) -> list[object]:
    if isinstance(value, list):
        return value
    raise Mismatch("an array", value)


def _map(name: str, to_key: Convert, set_item: Callable[[Any, Any, object], None], *, takes_null: bool) -> Fill:
    def put(message: Any, value: object) -> None:
        if not isinstance(value, Mapping):
            raise Mismatch("an object", value)
        entries = getattr(message, name)
        for member, item in value.items():
            try:
                if item is None and not takes_null:
                    raise Mismatch("a value", item)
                set_item(entries, to_key(member), item)
            except Mismatch as mismatch:
                mismatch.steps.append(member)
                raise

    return put

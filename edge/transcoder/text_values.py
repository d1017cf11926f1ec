"""Text from a path, a query parameter or a preset to the value of one field; everything is chosen at start.

What proto3 JSON would take in a string is taken here, and no more: exact numbers, `true` and `false`, declared enum
values, base64, RFC 3339 times, seconds with an `s`. It does not know where the text came from.
"""

from collections.abc import Callable
from typing import Any, Final

from google.protobuf.descriptor import Descriptor, FieldDescriptor

from edge.transcoder.enums import compile_enum
from edge.transcoder.field_rules import field_rule
from edge.transcoder.json_scalars import Mismatch, compile_scalar, dollars_converter
from edge.transcoder.json_wellknown import FILLERS, WRAPPERS, field_mask_filler
from edge.transcoder.profile import Profile

Put = Callable[[Any, str], None]
"""Sets, or for a repeated field appends to, one field of a message. Raises Mismatch."""

_FIELD_MASK: Final = "google.protobuf.FieldMask"
_TEXTUAL_MESSAGES: Final = WRAPPERS | {"google.protobuf.Timestamp", "google.protobuf.Duration", _FIELD_MASK}


def is_textual(field: FieldDescriptor) -> bool:
    """True for a field whose value (of a repeated field: one element) is written as plain text."""
    return field.message_type is None or field.message_type.full_name in _TEXTUAL_MESSAGES


def compile_put(field: FieldDescriptor, profile: Profile) -> Put:
    """The function that puts text into `field`, which must be textual."""
    name = field.name
    if field.message_type is not None:
        return _message_put(field, _message_filler(field.message_type, profile))
    convert = compile_text(field, profile)
    if field.is_repeated:

        def append(message: Any, text: str) -> None:
            getattr(message, name).append(convert(text))

        return append

    def put(message: Any, text: str) -> None:
        setattr(message, name, convert(text))

    return put


def compile_text(field: FieldDescriptor, profile: Profile) -> Callable[[str], object]:
    """The function from text to the value of a scalar or enum field. It raises Mismatch."""
    if field_rule(field, profile).is_dollars:
        return dollars_converter(field)
    if field.enum_type is not None:
        return _enum_text(field, profile)
    if field.type == FieldDescriptor.TYPE_BOOL:
        return _bool_text
    return compile_scalar(field, profile)


def _bool_text(text: str) -> bool:
    if text == "true":
        return True
    if text == "false":
        return False
    raise Mismatch("true or false", text)


def _enum_text(field: FieldDescriptor, profile: Profile) -> Callable[[str], int]:
    """Names and numbers that the enum declares; unlike in a body, an unknown number is an error."""
    assert field.enum_type is not None
    names = compile_enum(field.enum_type, profile)
    values = {str(number): number for number in names.name_of} | dict(names.number_of)
    expected = "one of " + ", ".join(names.choices)

    def convert(text: str) -> int:
        number = values.get(text)
        if number is None:
            raise Mismatch(expected, text)
        return number

    return convert


def _message_filler(message: Descriptor, profile: Profile) -> Put:
    if message.full_name == _FIELD_MASK:
        return field_mask_filler(takes_snake_case=True)
    if message.full_name in FILLERS:
        return FILLERS[message.full_name]
    convert = compile_text(message.fields_by_name["value"], profile)

    def fill(wrapper: Any, text: str) -> None:
        wrapper.value = convert(text)

    return fill


def _message_put(field: FieldDescriptor, fill: Put) -> Put:
    name = field.name
    if field.is_repeated:

        def append(message: Any, text: str) -> None:
            fill(getattr(message, name).add(), text)

        return append

    def put(message: Any, text: str) -> None:
        message.ClearField(name)
        value = getattr(message, name)
        value.SetInParent()
        fill(value, text)

    return put

"""Random messages of any type, built from its descriptor: every field kind, edge values preferred, nesting bounded."""

import math
from typing import Any

from google.protobuf import message_factory
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message
from hypothesis import strategies as st

from edge.transcoder.field_rules import is_map
from edge.transcoder.json_scalars import INTEGER_BOUNDS

_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)


def _scalar(draw: st.DrawFn, field: FieldDescriptor) -> Any:
    if field.cpp_type in INTEGER_BOUNDS:
        low, high = INTEGER_BOUNDS[field.cpp_type]
        return draw(st.sampled_from([low, high, 0, 1, 2**31 - 1, high // 3]) | st.integers(low, high))
    if field.enum_type is not None:
        if field.enum_type.full_name == "google.protobuf.NullValue":
            return 0
        return draw(st.sampled_from([value.number for value in field.enum_type.values]) | st.integers(100, 2**31 - 1))
    if field.type == FieldDescriptor.TYPE_FLOAT:
        return draw(st.floats(width=32, allow_nan=False) | st.just(math.nan))
    strategies: dict[int, st.SearchStrategy[Any]] = {
        FieldDescriptor.TYPE_BOOL: st.booleans(),
        FieldDescriptor.TYPE_STRING: _TEXT,
        FieldDescriptor.TYPE_BYTES: st.binary(max_size=8),
        FieldDescriptor.TYPE_DOUBLE: st.floats(allow_nan=False) | st.just(math.nan),
    }
    return draw(strategies[field.type])


def _fill_special(draw: st.DrawFn, message: Any, depth: int) -> bool:
    name = message.DESCRIPTOR.full_name
    if name == "google.protobuf.Timestamp":
        message.seconds = draw(st.integers(-62_135_596_800, 253_402_300_799))
        message.nanos = draw(st.sampled_from([0, 120_000_000, 1_000, 999_999_999]) | st.integers(0, 999_999_999))
    elif name == "google.protobuf.Duration":
        sign = draw(st.sampled_from([-1, 1]))
        message.seconds = sign * draw(st.integers(0, 315_575_999_999))
        message.nanos = sign * draw(st.sampled_from([0, 500_000_000]) | st.integers(0, 999_999_999))
    elif name == "google.protobuf.FieldMask":
        message.paths.extend(
            draw(st.lists(st.sampled_from(["a", "display_name", "a.b_c", "long.path_to.it"]), max_size=3))
        )
    elif name == "google.protobuf.Value":
        _fill_value(draw, message, depth)
    elif name == "google.protobuf.Any":
        inner = message_factory.GetMessageClass(
            message.DESCRIPTOR.file.pool.FindMessageTypeByName(
                draw(st.sampled_from(["test.v1.Everything", "google.protobuf.Duration", "google.protobuf.Int64Value"]))
            )
        )()
        if depth > 0:
            _fill(draw, inner, 0)
        message.type_url = f"type.googleapis.com/{inner.DESCRIPTOR.full_name}"
        message.value = inner.SerializeToString(deterministic=True)
    else:
        return False
    return True


def _fill_value(draw: st.DrawFn, message: Any, depth: int) -> None:
    kinds = ["null_value", "number_value", "string_value", "bool_value"]
    kind = draw(st.sampled_from(kinds + (["struct_value", "list_value"] if depth > 0 else [])))
    if kind == "struct_value":
        message.struct_value.SetInParent()
        for key in draw(st.lists(_TEXT, max_size=2, unique=True)):
            _fill_value(draw, message.struct_value.fields[key], depth - 1)
    elif kind == "list_value":
        message.list_value.SetInParent()
        for _ in range(draw(st.integers(0, 2))):
            _fill_value(draw, message.list_value.values.add(), depth - 1)
    elif kind == "number_value":
        message.number_value = draw(st.floats(allow_nan=False, allow_infinity=False))
    else:
        setattr(message, kind, {"null_value": 0, "string_value": 'é"\\\n', "bool_value": draw(st.booleans())}[kind])


def _fill(draw: st.DrawFn, message: Any, depth: int) -> None:
    if _fill_special(draw, message, depth):
        return
    fields = list(message.DESCRIPTOR.fields)
    for index in draw(st.lists(st.integers(0, len(fields) - 1), max_size=8, unique=True)) if fields else ():
        field = fields[index]
        if field.message_type is not None and depth <= 0:
            continue
        _fill_field(draw, message, field, depth)


def _fill_field(draw: st.DrawFn, message: Any, field: FieldDescriptor, depth: int) -> None:
    target = getattr(message, field.name)
    if is_map(field):
        assert field.message_type is not None
        value_field = field.message_type.fields_by_name["value"]
        for _ in range(draw(st.integers(0, 2))):
            key = _scalar(draw, field.message_type.fields_by_name["key"])
            if value_field.message_type is not None:
                _fill(draw, target[key], depth - 1)
            else:
                target[key] = _scalar(draw, value_field)
    elif field.is_repeated:
        for _ in range(draw(st.integers(0, 3))):
            if field.message_type is not None:
                _fill(draw, target.add(), depth - 1)
            else:
                target.append(_scalar(draw, field))
    elif field.message_type is not None:
        target.SetInParent()
        _fill(draw, target, depth - 1)
    else:
        setattr(message, field.name, _scalar(draw, field))


@st.composite
def messages(draw: st.DrawFn, descriptor: Descriptor, depth: int = 2) -> Message:
    """A message of the type, sub-messages at most `depth` levels deep."""
    message = message_factory.GetMessageClass(descriptor)()
    _fill(draw, message, depth)
    return message

"""Random messages for the chat codec, made from their descriptors."""

import json
from typing import Any

from google.protobuf import message_factory
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message
from hypothesis import strategies as st
from perpetuo.rest.v1 import annotations_pb2 as rest

TEXTS = st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=8)
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=5,
)
_KINDS = {
    FieldDescriptor.TYPE_STRING: TEXTS,
    FieldDescriptor.TYPE_BOOL: st.booleans(),
    FieldDescriptor.TYPE_INT32: st.integers(-(2**31), 2**31 - 1),
    FieldDescriptor.TYPE_INT64: st.integers(-(2**63), 2**63 - 1),
    FieldDescriptor.TYPE_DOUBLE: st.floats(allow_nan=False, allow_infinity=False),
}


def messages(descriptor: Descriptor) -> st.SearchStrategy[Message]:
    """Messages of a type, any of their fields set or not."""

    @st.composite
    def draw_message(draw: st.DrawFn) -> Message:
        message: Any = message_factory.GetMessageClass(descriptor)()
        union = next((one for one in descriptor.oneofs if one.GetOptions().Extensions[rest.json_union]), None)
        fields = descriptor.fields if union is None else [draw(st.sampled_from(list(union.fields)))]
        for field in fields:
            if union is not None or draw(st.booleans()):
                _fill(draw, message, field)
        return message  # type: ignore[no-any-return]

    return draw_message()


def _fill(draw: st.DrawFn, message: Any, field: FieldDescriptor) -> None:
    options = field.GetOptions().Extensions
    if options[rest.extra_fields]:
        # Names of its own: a known one would be read into its field.
        for name, value in draw(st.dictionaries(TEXTS.map("x-{}".format), JSON_VALUES, max_size=3)).items():
            getattr(message, field.name).add(key=name, json=json.dumps(value).encode())
    elif field.message_type is not None and field.is_repeated:
        for inner in draw(st.lists(messages(field.message_type), max_size=2)):
            getattr(message, field.name).add().CopyFrom(inner)
    elif field.message_type is not None:
        getattr(message, field.name).CopyFrom(draw(messages(field.message_type)))
    elif field.is_repeated:
        getattr(message, field.name).extend(draw(st.lists(_KINDS[field.type], max_size=3)))
    elif options[rest.raw_json]:
        # Null is an unset field, and of a union the raw form is what none of the others is.
        oneof = field.containing_oneof
        is_union = oneof is not None and oneof.GetOptions().Extensions[rest.json_union]
        value = draw(st.booleans() | st.integers() if is_union else JSON_VALUES.filter(lambda value: value is not None))
        setattr(message, field.name, json.dumps(value).encode())
    else:
        setattr(message, field.name, draw(_KINDS[field.type]))

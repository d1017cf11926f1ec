"""What the JSON form of a message field is, read once from its descriptor and the options of `perpetuo.rest.v1`.

Shared by the writer and the reader of chat JSON, so that both go by the same rules. It must not touch messages.
"""

from google.protobuf.descriptor import Descriptor, FieldDescriptor, OneofDescriptor
from msgspec import Struct
from perpetuo.rest.v1 import annotations_pb2 as rest

INTEGERS = frozenset(
    {
        FieldDescriptor.TYPE_INT32,
        FieldDescriptor.TYPE_INT64,
        FieldDescriptor.TYPE_UINT32,
        FieldDescriptor.TYPE_UINT64,
        FieldDescriptor.TYPE_SINT32,
        FieldDescriptor.TYPE_SINT64,
        FieldDescriptor.TYPE_FIXED32,
        FieldDescriptor.TYPE_FIXED64,
        FieldDescriptor.TYPE_SFIXED32,
        FieldDescriptor.TYPE_SFIXED64,
    }
)


class FieldForm(Struct, frozen=True):
    """One field's JSON form. `member` is its name there; `descriptor` tells the rest."""

    descriptor: FieldDescriptor
    member: str
    is_raw: bool
    is_extra: bool
    is_null_when_absent: bool
    is_dollars: bool

    @property
    def name(self) -> str:
        """The field's name in the message."""
        return str(self.descriptor.name)


def forms_of(descriptor: Descriptor) -> list[FieldForm]:
    """The forms of all fields of a message, in the order of the proto file."""
    return [_form_of(field) for field in descriptor.fields]


def union_of(descriptor: Descriptor) -> OneofDescriptor | None:
    """The oneof whose value the whole message stands for, None for a message that is an object."""
    for oneof in descriptor.oneofs:
        if oneof.GetOptions().Extensions[rest.json_union]:
            return oneof
    return None


def list_field_of(descriptor: Descriptor) -> FieldForm | None:
    """The only field of a message that wraps a list, None for a message that is an object."""
    forms = forms_of(descriptor)
    return forms[0] if len(forms) == 1 and forms[0].descriptor.is_repeated else None


def unsupported(field: FieldDescriptor) -> TypeError:
    """The error for a field that has no chat JSON form; raised when a codec is compiled."""
    return TypeError(f"{field.full_name} has a type without a form in chat JSON")


def _form_of(field: FieldDescriptor) -> FieldForm:
    options = field.GetOptions().Extensions
    return FieldForm(
        descriptor=field,
        member=options[rest.json_member] or field.name,
        is_raw=options[rest.raw_json],
        is_extra=options[rest.extra_fields],
        is_null_when_absent=options[rest.null_when_absent],
        is_dollars=options[rest.nanousd_as_usd],
    )

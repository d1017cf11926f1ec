"""Compiles a message type into a function from a message to the JSON that a REST caller would have sent.

Rules: a singular field without presence is always written, since it stands for a required member; one with presence
is written when it is set, zero included, and as null when it is not if its option says so; a repeated field is written
when it is not empty. Bytes of JSON and unknown members are spliced in verbatim, in their order, after being looked at:
they must be one JSON value each. No reflection is left for the request. This module must not import the pipeline.
"""

import base64
import math
from collections.abc import Callable, Iterable
from typing import Any, TypeAlias

import msgspec
from google.protobuf.descriptor import Descriptor, FieldDescriptor, OneofDescriptor

from server.services.chat_fields import INTEGERS, FieldForm, forms_of, list_field_of, union_of, unsupported

Write: TypeAlias = Callable[[Any], bytes]
"""From the value of a field, or a message, to JSON."""

_NANOS_PER_DOLLAR = 10**9
_ENCODER = msgspec.json.Encoder()
_RAW = msgspec.json.Decoder(msgspec.Raw)


class UnwritableError(Exception):
    """A value that has no JSON form. `steps` lead to it, the last one first."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason
        self.steps: list[str] = []


class Writers:
    """Compiles each message type once, recursive ones included."""

    def __init__(self) -> None:
        self._done: dict[str, Write] = {}

    def of(self, descriptor: Descriptor) -> Write:
        """The writer of a message type. Raises TypeError for a field that has no JSON form."""
        name = descriptor.full_name
        if name not in self._done:
            made: list[Write] = []
            self._done[name] = lambda message: made[0](message)
            union = union_of(descriptor)
            made.append(self._object(descriptor) if union is None else self._union(union))
            self._done[name] = made[0]
        return self._done[name]

    def _object(self, descriptor: Descriptor) -> Write:
        always: list[tuple[str, bytes, Write]] = []
        nulls: list[tuple[str, bytes]] = []
        others: dict[int, tuple[bytes, Write]] = {}
        for form in forms_of(descriptor):
            field = form.descriptor
            key = _ENCODER.encode(form.member) + b":"
            if form.is_extra:
                others[field.number] = (b"", _extras)
            elif field.is_repeated or field.has_presence:
                others[field.number] = (key, _at(form.member, self._field(form)))
                if form.is_null_when_absent:
                    nulls.append((form.name, key + b"null"))
            else:
                always.append((form.name, key, _at(form.member, self._field(form))))

        def write(message: Any) -> bytes:
            members = [key + value_of(getattr(message, name)) for name, key, value_of in always]
            for field, value in message.ListFields():
                if known := others.get(field.number):
                    members.append(known[0] + known[1](value))
            for name, text in nulls:
                if not message.HasField(name):
                    members.append(text)
            return b"{" + b",".join(members) + b"}"

        return write

    def _union(self, union: OneofDescriptor) -> Write:
        """The writer of a message that stands for one value; one that says nothing is null."""
        name = union.name
        alternatives: dict[str, Write] = {}
        forms = {form.name: form for form in forms_of(union.containing_type)}
        for field in union.fields:
            alternatives[field.name] = self._alternative(forms[field.name])

        def write(message: Any) -> bytes:
            chosen = message.WhichOneof(name)
            return b"null" if chosen is None else alternatives[chosen](getattr(message, chosen))

        return write

    def _alternative(self, form: FieldForm) -> Write:
        message_type = form.descriptor.message_type
        inner = None if message_type is None else list_field_of(message_type)
        if inner is None:
            return self._field(form)
        name, write = inner.name, self._field(inner)
        return lambda message: write(getattr(message, name))

    def _field(self, form: FieldForm) -> Write:
        if form.descriptor.message_type is not None:
            if form.descriptor.message_type.GetOptions().map_entry:
                raise unsupported(form.descriptor)
            write = self.of(form.descriptor.message_type)
        else:
            write = _scalar(form)
        return _list_of(write) if form.descriptor.is_repeated else write


def verbatim(text: bytes) -> bytes:
    """JSON text as it is; UnwritableError if it is not exactly one JSON value in UTF-8."""
    try:
        _RAW.decode(text)
        if not text.isascii():
            text.decode()
    except (ValueError, RecursionError):
        raise UnwritableError("must be one JSON value in UTF-8") from None
    return text


def dollars(nanousd: int) -> bytes:
    """Nano-dollars as a decimal number of dollars, exactly."""
    whole, nanos = divmod(abs(nanousd), _NANOS_PER_DOLLAR)
    sign = "-" if nanousd < 0 else ""
    fraction = f".{nanos:09d}".rstrip("0").rstrip(".")
    return f"{sign}{whole}{fraction}".encode()


def _scalar(form: FieldForm) -> Write:
    kind = form.descriptor.type
    if form.is_raw:
        return verbatim
    if form.is_dollars:
        return dollars
    if kind in INTEGERS:
        return lambda value: b"%d" % value
    if kind == FieldDescriptor.TYPE_DOUBLE:
        return _number
    if kind == FieldDescriptor.TYPE_BYTES:
        return lambda value: b'"' + base64.b64encode(value) + b'"'
    if kind in (FieldDescriptor.TYPE_STRING, FieldDescriptor.TYPE_BOOL):
        return _ENCODER.encode
    raise unsupported(form.descriptor)


def _number(value: float) -> bytes:
    if not math.isfinite(value):
        raise UnwritableError("must be a finite number")
    return _ENCODER.encode(value)


def _at(member: str, write: Write) -> Write:
    """The writer of a member, which adds its name to the way to a fault."""

    def write_member(value: Any) -> bytes:
        try:
            return write(value)
        except UnwritableError as fault:
            fault.steps.append(f".{member}")
            raise

    return write_member


def _list_of(write: Write) -> Write:
    def write_list(values: Iterable[Any]) -> bytes:
        texts: list[bytes] = []
        try:
            for value in values:
                texts.append(write(value))
        except UnwritableError as fault:
            fault.steps.append(f"[{len(texts)}]")
            raise
        return b"[" + b",".join(texts) + b"]"

    return write_list


def _extras(extras: Iterable[Any]) -> bytes:
    """Unknown members, in their order, as the inside of an object."""
    members: list[bytes] = []
    for extra in extras:
        try:
            members.append(_ENCODER.encode(extra.key) + b":" + verbatim(extra.json))
        except UnwritableError as fault:
            fault.steps.append(f".{extra.key}")
            raise
    return b",".join(members)

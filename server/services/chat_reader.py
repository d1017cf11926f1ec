"""Compiles a message type into a function that fills a message from JSON, and loses nothing on the way.

Rules: a member that the message does not know is kept verbatim among its unknown members, in their order; so is one
whose value its field cannot hold (another kind, a number beyond the field's range or precision). Null is an unset
field, an empty list an empty one. Only a message that has no room for unknown members refuses. No reflection is left
for the request.
"""

import base64
from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from typing import Any, TypeAlias

import msgspec
from google.protobuf.descriptor import Descriptor, FieldDescriptor, OneofDescriptor
from msgspec import Raw

from server.services.chat_fields import INTEGERS, FieldForm, forms_of, list_field_of, union_of, unsupported

Put: TypeAlias = Callable[[Any, Raw], None]
"""Puts a JSON value into a message, or into a field of it. Raises ValueError when it does not fit."""

_NULL = Raw(b"null")
_MEMBERS = msgspec.json.Decoder(dict[str, Raw])
_ITEMS = msgspec.json.Decoder(list[Raw] | None)
_NUMBER = msgspec.json.Decoder(int | float | None)
_TEXT = msgspec.json.Decoder(str | None)
_NANOS_EXPONENT = 9
_MOST_DIGITS = 19
_MOST_EXACT = 2**53
"""Up to here a double holds every integer."""


class Readers:
    """Compiles each message type once, recursive ones included."""

    def __init__(self) -> None:
        self._done: dict[str, Put] = {}

    def of(self, descriptor: Descriptor) -> Put:
        """The filler of a message type. Raises TypeError for a field that has no JSON form."""
        name = descriptor.full_name
        if name not in self._done:
            made: list[Put] = []
            self._done[name] = lambda message, raw: made[0](message, raw)
            union = union_of(descriptor)
            made.append(self._object(descriptor) if union is None else self._union(union))
            self._done[name] = made[0]
        return self._done[name]

    def _object(self, descriptor: Descriptor) -> Put:
        members: dict[str, tuple[str, Put, Callable[[Raw], Any] | None]] = {}
        extra_name = ""
        for form in forms_of(descriptor):
            if form.is_extra:
                extra_name = form.name
            else:
                members[form.member] = (form.name, self._field(form), _single(form))

        keep = _keep_in(extra_name, descriptor.name)

        def fill(message: Any, raw: Raw) -> None:
            for key, value in _MEMBERS.decode(raw).items():
                known = members.get(key)
                if known is None:
                    keep(message, key, value)
                    continue
                name, put, read = known
                try:
                    if read is None:
                        put(message, value)
                    elif (found := read(value)) is not None:
                        setattr(message, name, found)
                except ValueError:
                    message.ClearField(name)
                    keep(message, key, value)

        return fill

    def _union(self, union: OneofDescriptor) -> Put:
        """The filler of a message that stands for one value: the first byte tells the kind of value."""
        by_kind: dict[bytes, Put] = {}
        anything: Put = _refuse
        forms = {form.name: form for form in forms_of(union.containing_type)}
        for field in union.fields:
            form = forms[field.name]
            if form.is_raw:
                anything = self._field(form)
            else:
                kind, put = self._alternative(form)
                by_kind[kind] = put

        def fill(message: Any, raw: Raw) -> None:
            put = by_kind.get(bytes(memoryview(raw)[:1]))
            if put is not None:
                try:
                    put(message, raw)
                    return
                except ValueError:
                    message.Clear()
            anything(message, raw)

        return fill

    def _alternative(self, form: FieldForm) -> tuple[bytes, Put]:
        """The first byte of the JSON values that an alternative takes, and how it takes them."""
        message_type = form.descriptor.message_type
        if message_type is None:
            if form.descriptor.type != FieldDescriptor.TYPE_STRING:
                raise unsupported(form.descriptor)
            return b'"', self._field(form)
        inner = list_field_of(message_type)
        if inner is None:
            return b"{", self._field(form)
        name, put_list = form.name, self._field(inner)

        def put(message: Any, raw: Raw) -> None:
            wrapper = getattr(message, name)
            wrapper.SetInParent()
            put_list(wrapper, raw)

        return b"[", put

    def _field(self, form: FieldForm) -> Put:
        """Puts a member's value into the field of a message."""
        field, name = form.descriptor, form.name
        if field.message_type is None:
            return _put_scalars(form) if field.is_repeated else _put_scalar(form)
        if field.message_type.GetOptions().map_entry:
            raise unsupported(field)
        fill = self.of(field.message_type)
        return _put_messages(name, fill) if field.is_repeated else _put_message(name, fill)


def _keep_in(extra_name: str, message_name: str) -> Callable[[Any, str, Raw], None]:
    """What keeps a member that a message has no field for; without room for such it raises ValueError."""

    def keep(message: Any, key: str, value: Raw) -> None:
        if not extra_name:
            raise ValueError(f"{key[:40]!r} has no place in {message_name}")
        getattr(message, extra_name).add(key=key, json=bytes(value))

    return keep


def _put_message(name: str, fill: Put) -> Put:
    def put(message: Any, raw: Raw) -> None:
        if raw != _NULL:
            inner = getattr(message, name)
            inner.SetInParent()
            fill(inner, raw)

    return put


def _put_messages(name: str, fill: Put) -> Put:
    def put(message: Any, raw: Raw) -> None:
        for item in _ITEMS.decode(raw) or ():
            fill(getattr(message, name).add(), item)

    return put


def _put_scalar(form: FieldForm) -> Put:
    name, read = form.name, _scalar(form)

    def put(message: Any, raw: Raw) -> None:
        value = read(raw)
        if value is not None:
            setattr(message, name, value)

    return put


def _put_scalars(form: FieldForm) -> Put:
    name, read = form.name, _scalar(form)

    def put(message: Any, raw: Raw) -> None:
        values = [read(item) for item in _ITEMS.decode(raw) or ()]
        if None in values:
            raise ValueError("null is no item of a list")
        getattr(message, name).extend(values)

    return put


def _single(form: FieldForm) -> Callable[[Raw], Any] | None:
    """How a field of one scalar reads its value, None for other fields; most members of an answer are such."""
    is_single = form.descriptor.message_type is None and not form.descriptor.is_repeated
    return _scalar(form) if is_single else None


def _scalar(form: FieldForm) -> Callable[[Raw], Any]:
    """From JSON to the value of a field, None for null. The message itself refuses what is out of its range."""
    kind = form.descriptor.type
    if form.is_raw:
        return _verbatim
    if form.is_dollars:
        return _nanousd
    if kind in INTEGERS:
        return msgspec.json.Decoder(int | None).decode
    if kind == FieldDescriptor.TYPE_STRING:
        return _TEXT.decode
    if kind == FieldDescriptor.TYPE_BOOL:
        return msgspec.json.Decoder(bool | None).decode
    if kind == FieldDescriptor.TYPE_DOUBLE:
        return _double
    if kind == FieldDescriptor.TYPE_BYTES:
        return _bytes
    raise unsupported(form.descriptor)


def _verbatim(raw: Raw) -> bytes | None:
    return None if raw == _NULL else bytes(raw)


def _double(raw: Raw) -> float | None:
    value: int | float | None = _NUMBER.decode(raw)
    if isinstance(value, int) and abs(value) > _MOST_EXACT:
        raise ValueError("a double may not hold the number")
    return value


def _bytes(raw: Raw) -> bytes | None:
    text = _TEXT.decode(raw)
    return None if text is None else base64.b64decode(text, validate=True)


def _nanousd(raw: Raw) -> int | None:
    """Dollars as nano-dollars; what is no whole number of them does not fit."""
    if raw == _NULL:
        return None
    try:
        amount = Decimal(bytes(raw).decode())
    except InvalidOperation:
        raise ValueError("dollars are a number") from None
    if amount.adjusted() + _NANOS_EXPONENT >= _MOST_DIGITS or len(amount.as_tuple().digits) > _MOST_DIGITS:
        raise ValueError("too many dollars")
    nanousd = amount.scaleb(_NANOS_EXPONENT)
    if nanousd != int(nanousd):
        raise ValueError("dollars are counted to a billionth")
    return int(nanousd)


def _refuse(message: Any, raw: Raw) -> None:
    raise ValueError(f"{type(message).__name__} takes no value of that kind")

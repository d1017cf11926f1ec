"""Message types from the `schemas` of a case file: a small type language, compiled into a pool of its own.

A field's type is `[repeated|optional] TYPE`, `oneof NAME TYPE` or `map<KEY,VALUE>`; TYPE is a scalar, the name of
another schema, a google.protobuf message, or `enum NAME{A=0,…}`, later referred to as `enum NAME`.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from google.api import annotations_pb2, http_pb2, httpbody_pb2
from google.protobuf import (
    any_pb2,
    descriptor_pb2,
    duration_pb2,
    empty_pb2,
    field_mask_pb2,
    message_factory,
    struct_pb2,
    timestamp_pb2,
    wrappers_pb2,
)
from google.protobuf.descriptor import Descriptor, ServiceDescriptor
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message import Message
from perpetuo.rest.v1 import annotations_pb2 as rest_pb2

_PACKAGE: Final = "conformance"
_FILE: Final = "conformance/schemas.proto"
_Field = descriptor_pb2.FieldDescriptorProto
_SCALARS: Final = {
    name.removeprefix("TYPE_").lower(): number
    for name, number in _Field.Type.items()
    if name not in ("TYPE_GROUP", "TYPE_MESSAGE", "TYPE_ENUM")
}
_ENUM: Final = re.compile(r"enum (\w+)(?:\{(.*)\})?$")
_MAP: Final = re.compile(r"map<\s*(\w+)\s*,\s*(.+?)\s*>$")
_IMPORTED: Final = (
    descriptor_pb2,
    any_pb2,
    duration_pb2,
    empty_pb2,
    field_mask_pb2,
    struct_pb2,
    timestamp_pb2,
    wrappers_pb2,
    http_pb2,
    annotations_pb2,
    httpbody_pb2,
    rest_pb2,
)


class Schemas:
    """The message types of one case file."""

    def __init__(self, schemas: Mapping[str, Mapping[str, str]]) -> None:
        self._pool = DescriptorPool()
        for module in _IMPORTED:
            self._pool.AddSerializedFile(module.DESCRIPTOR.serialized_pb)
        self._enums = {name: owner for owner, name in _declared_enums(schemas)}
        self._services = 0
        file = descriptor_pb2.FileDescriptorProto(name=_FILE, package=_PACKAGE, syntax="proto3")
        file.dependency.extend(module.DESCRIPTOR.name for module in _IMPORTED)
        for name, fields in schemas.items():
            self._add_message(file.message_type.add(name=_flat(name)), name, fields)
        self._pool.Add(file)

    def descriptor(self, name: str) -> Descriptor:
        """The type of a schema, or of a fully named google message."""
        full_name = name if name.startswith("google.") else f"{_PACKAGE}.{_flat(name)}"
        return self._pool.FindMessageTypeByName(full_name)

    def message_class(self, name: str) -> type[Message]:
        """The class of that type."""
        return message_factory.GetMessageClass(self.descriptor(name))

    def service(self, rule: Mapping[str, str], request: str, response: str) -> ServiceDescriptor:
        """A service of one method, `Call`, with one HTTP rule of `method`, `template`, `body` and `response_body`.

        A rule with `framing` is that of a server stream.
        """
        self._services += 1
        name = f"Service{self._services}"
        file = descriptor_pb2.FileDescriptorProto(
            name=f"conformance/{name}.proto", package=_PACKAGE, syntax="proto3", dependency=[_FILE]
        )
        file.dependency.extend(module.DESCRIPTOR.name for module in _IMPORTED)
        method = file.service.add(name=name).method.add(
            name="Call",
            input_type=f".{self.descriptor(request).full_name}",
            output_type=f".{self.descriptor(response).full_name}",
            server_streaming="framing" in rule,
        )
        http = method.options.Extensions[annotations_pb2.http]
        http.body, http.response_body = rule.get("body", ""), rule.get("response_body", "")
        http.custom.kind, http.custom.path = rule["method"], rule["template"]
        if "framing" in rule:
            method.options.Extensions[rest_pb2.framing] = rest_pb2.Framing.Value(rule["framing"])
        self._pool.Add(file)
        return self._pool.FindServiceByName(f"{_PACKAGE}.{name}")

    def _add_message(self, message: descriptor_pb2.DescriptorProto, owner: str, fields: Mapping[str, str]) -> None:
        for number, (name, text) in enumerate(fields.items(), start=1):
            field = message.field.add(name=name, number=number, label=_Field.LABEL_OPTIONAL)
            head, _, rest = text.partition(" ")
            if head == "oneof":
                oneof, _, text = rest.partition(" ")
                field.oneof_index = _oneof_index(message, oneof)
            elif head == "repeated":
                field.label, text = _Field.LABEL_REPEATED, rest
            elif head == "optional":
                field.proto3_optional, text = True, rest
            self._set_type(message, owner, field, text)
        for field in message.field:
            if field.proto3_optional:
                field.oneof_index = _oneof_index(message, f"_{field.name}")

    def _set_type(self, message: descriptor_pb2.DescriptorProto, owner: str, field: Any, text: str) -> None:
        if (match := _ENUM.match(text)) is not None:
            name, values = match.groups()
            if values:
                _add_enum(message, name, values)
            field.type = _Field.TYPE_ENUM
            field.type_name = f".{_PACKAGE}.{_flat(self._enums.get(name, owner))}.{name}"
        elif (match := _MAP.match(text)) is not None:
            self._add_map(message, owner, field, match)
        elif text in _SCALARS:
            field.type = _SCALARS[text]
        else:
            field.type = _Field.TYPE_MESSAGE
            field.type_name = f".{text}" if text.startswith("google.") else f".{_PACKAGE}.{_flat(text)}"

    def _add_map(self, message: descriptor_pb2.DescriptorProto, owner: str, field: Any, match: re.Match[str]) -> None:
        entry_name = "".join(part.capitalize() for part in field.name.split("_")) + "Entry"
        entry = message.nested_type.add(name=entry_name)
        entry.options.map_entry = True
        for number, (name, text) in enumerate(zip(("key", "value"), match.groups(), strict=True), start=1):
            part = entry.field.add(name=name, number=number, label=_Field.LABEL_OPTIONAL)
            self._set_type(entry, owner, part, text)
        field.label, field.type = _Field.LABEL_REPEATED, _Field.TYPE_MESSAGE
        field.type_name = f".{_PACKAGE}.{message.name}.{entry_name}"


def _declared_enums(schemas: Mapping[str, Mapping[str, str]]) -> Iterator[tuple[str, str]]:
    for owner, fields in schemas.items():
        for text in fields.values():
            match = re.search(r"enum (\w+)\{", text)
            if match is not None:
                yield owner, match.group(1)


def _add_enum(message: descriptor_pb2.DescriptorProto, name: str, values: str) -> None:
    enum = message.enum_type.add(name=name)
    for value in values.split(","):
        label, _, number = value.partition("=")
        enum.value.add(name=label.strip(), number=int(number))


def _oneof_index(message: descriptor_pb2.DescriptorProto, name: str) -> int:
    names = [oneof.name for oneof in message.oneof_decl]
    if name not in names:
        message.oneof_decl.add(name=name)
        return len(names)
    return names.index(name)


def _flat(name: str) -> str:
    return name.replace(".", "_")

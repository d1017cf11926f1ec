"""The comments of protos by full name, out of a descriptor set that carries source info. Generated code has none.

Names are those of descriptors but for enum values, which stand under their enum: `pkg.Plan.PLAN_FREE`. Only leading
comments count. Facts: `google.protobuf.SourceCodeInfo`.
"""

import re
from collections.abc import Iterator, Mapping
from itertools import chain
from typing import Any, Final

from google.protobuf.descriptor_pb2 import FileDescriptorProto, FileDescriptorSet

Comments = Mapping[str, str]
"""Texts by full name, lines as written, without the space that follows the slashes."""

# Field numbers that paths in SourceCodeInfo are made of.
_FILE_MESSAGE: Final = FileDescriptorProto.MESSAGE_TYPE_FIELD_NUMBER
_FILE_ENUM: Final = FileDescriptorProto.ENUM_TYPE_FIELD_NUMBER
_FILE_SERVICE: Final = FileDescriptorProto.SERVICE_FIELD_NUMBER
_MESSAGE_FIELD: Final = 2
_MESSAGE_NESTED: Final = 3
_MESSAGE_ENUM: Final = 4
_MESSAGE_ONEOF: Final = 8
_MEMBER: Final = 2  # An enum's values, a service's methods.
_PARAGRAPH_END: Final = re.compile(r"\n\s*\n")
_SENTENCE_END: Final = re.compile(r"(?<=[.:])\s+(?=[A-Z`\"])")


def read_comments(files: FileDescriptorSet) -> Comments:
    """Every comment of the files."""
    return dict(chain.from_iterable(_of_file(file) for file in files.file))


def prose(text: str) -> str:
    """A comment as running text: one line for each paragraph, an empty line between them."""
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in _PARAGRAPH_END.split(text) if paragraph.strip())


def first_sentence(text: str) -> str:
    """The first sentence of a comment in one line, without its full stop."""
    paragraphs = prose(text).split("\n\n")
    return _SENTENCE_END.split(paragraphs[0])[0].rstrip(".:")


def _of_file(file: FileDescriptorProto) -> Iterator[tuple[str, str]]:
    names = dict(_names(file))
    for location in file.source_code_info.location:
        name = names.get(tuple(location.path))
        if name is not None and location.leading_comments.strip():
            yield name, _text(location.leading_comments)


def _text(comment: str) -> str:
    return "\n".join(line.removeprefix(" ").rstrip() for line in comment.strip("\n").split("\n"))


def _names(file: FileDescriptorProto) -> Iterator[tuple[tuple[int, ...], str]]:
    prefix = f"{file.package}." if file.package else ""
    for index, message in enumerate(file.message_type):
        yield from _message_names(message, (_FILE_MESSAGE, index), prefix + message.name)
    for index, enum in enumerate(file.enum_type):
        yield from _member_names(enum, enum.value, (_FILE_ENUM, index), prefix + enum.name)
    for index, service in enumerate(file.service):
        yield from _member_names(service, service.method, (_FILE_SERVICE, index), prefix + service.name)


def _message_names(message: Any, path: tuple[int, ...], name: str) -> Iterator[tuple[tuple[int, ...], str]]:
    yield path, name
    for number, members in ((_MESSAGE_FIELD, message.field), (_MESSAGE_ONEOF, message.oneof_decl)):
        for index, member in enumerate(members):
            yield (*path, number, index), f"{name}.{member.name}"
    for index, nested in enumerate(message.nested_type):
        yield from _message_names(nested, (*path, _MESSAGE_NESTED, index), f"{name}.{nested.name}")
    for index, enum in enumerate(message.enum_type):
        yield from _member_names(enum, enum.value, (*path, _MESSAGE_ENUM, index), f"{name}.{enum.name}")


def _member_names(owner: Any, members: Any, path: tuple[int, ...], name: str) -> Iterator[tuple[tuple[int, ...], str]]:
    yield path, name
    for index, member in enumerate(members):
        yield (*path, _MEMBER, index), f"{name}.{member.name}"

"""What the protos promise beyond what buf checks: an access for every method, and files that are whose they claim."""

from importlib.resources import files
from pathlib import Path

import pytest
from google.protobuf import descriptor_pool
from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    FileDescriptorProto,
    FileDescriptorSet,
    MethodDescriptorProto,
)
from perpetuo.rest.v1 import annotations_pb2

from tests.house.sources import ROOT

VENDORED = sorted((ROOT / "protos/google").rglob("*.proto"))


def described() -> list[FileDescriptorProto]:
    """The files of our own in the committed descriptor set."""
    # Reading the options needs annotations_pb2 to be imported first, or they are unknown fields.
    whole = FileDescriptorSet.FromString((ROOT / "generated/perpetuo.binpb").read_bytes())
    return [file for file in whole.file if file.name.startswith("perpetuo/")]


def methods() -> list[tuple[str, MethodDescriptorProto]]:
    """Every method of every service, by its full name."""
    return [
        (f"{file.package}.{service.name}.{method.name}", method)
        for file in described()
        for service in file.service
        for method in service.method
    ]


def test_there_are_methods_to_check() -> None:
    assert "perpetuo.v1.CompletionsService.StreamChatCompletion" in dict(methods())


@pytest.mark.parametrize("method", [pytest.param(method, id=name) for name, method in methods()])
def test_a_method_says_who_may_call_it(method: MethodDescriptorProto) -> None:
    access = method.options.Extensions[annotations_pb2.access]
    assert access in annotations_pb2.Access.values()
    assert access != annotations_pb2.ACCESS_UNSPECIFIED


def test_every_proto_is_in_the_descriptor_set() -> None:
    written = {path.relative_to(ROOT / "protos").as_posix() for path in (ROOT / "protos/perpetuo").rglob("*.proto")}
    assert {file.name for file in described()} == written


@pytest.mark.parametrize("file", [pytest.param(file, id=file.name) for file in described()])
def test_the_descriptor_set_equals_the_generated_module(file: FileDescriptorProto) -> None:
    __import__(file.name.removesuffix(".proto").replace("/", ".") + "_pb2")
    generated = FileDescriptorProto()
    descriptor_pool.Default().FindFileByName(file.name).CopyToProto(generated)
    with_comments = FileDescriptorProto.FromString(file.SerializeToString())
    with_comments.ClearField("source_code_info")
    # Names in JSON are derived: protoc writes them into a descriptor set and leaves them out of generated code.
    for message in _all_messages(with_comments):
        for field in message.field:
            field.ClearField("json_name")
    for extension in with_comments.extension:
        extension.ClearField("json_name")
    assert generated == with_comments


def _all_messages(file: FileDescriptorProto) -> list[DescriptorProto]:
    found = list(file.message_type)
    for message in found:
        found.extend(message.nested_type)
    return found


@pytest.mark.parametrize("path", VENDORED, ids=lambda path: path.name)
def test_a_vendored_proto_is_the_installed_one_byte_for_byte(path: Path) -> None:
    installed = files("google.api").joinpath(path.name)
    assert path.relative_to(ROOT / "protos").parent == Path("google/api")
    assert path.read_bytes() == installed.read_bytes()


def test_there_are_vendored_protos() -> None:
    assert {"annotations.proto", "http.proto"} <= {path.name for path in VENDORED}

"""Compiles proto source of a test into a pool of its own, so that tests need no generated code and share no types."""

import tempfile
from functools import cache
from importlib import resources
from pathlib import Path

from google.protobuf import descriptor_pb2, message_factory
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message import Message
from grpc_tools import protoc

_ROOT = Path(__file__).parents[3]


@cache
def describe_protos(source: str) -> descriptor_pb2.FileDescriptorSet:
    """`test.proto` with the given source, its comments, and everything that it imports."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "test.proto").write_text(source)
        image = Path(folder, "image.binpb")
        well_known = str(resources.files("grpc_tools") / "_proto")
        code = protoc.main(
            [
                "protoc",
                f"-I{folder}",
                f"-I{_ROOT / 'protos'}",
                f"-I{well_known}",
                "--include_imports",
                "--include_source_info",
                f"--descriptor_set_out={image}",
                "test.proto",
            ]
        )
        assert code == 0, "the test's proto does not compile"
        return descriptor_pb2.FileDescriptorSet.FromString(image.read_bytes())


@cache
def compile_protos(source: str) -> DescriptorPool:
    """A pool that holds `test.proto` with the given source, and everything that it imports."""
    pool = DescriptorPool()
    for file in describe_protos(source).file:
        pool.AddSerializedFile(file.SerializeToString())
    return pool


def message_class(pool: DescriptorPool, name: str) -> type[Message]:
    """The class of a message type of the pool."""
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(name))

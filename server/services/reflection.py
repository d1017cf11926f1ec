"""Server reflection in both versions: v1, which clients ask for first, and v1alpha, the one that grpcio ships.

The two differ in nothing but their package name, so v1 is served by the library's servicer, and its descriptor is made
at start from the v1alpha one by renaming; clients that ask for the descriptor of v1 itself find it in the pool.
"""

from collections.abc import Iterable

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool
from grpc_reflection.v1alpha import reflection_pb2
from grpc_reflection.v1alpha.reflection import aio as reflection_aio

V1_SERVICE = "grpc.reflection.v1.ServerReflection"
V1ALPHA_SERVICE = "grpc.reflection.v1alpha.ServerReflection"

_V1_PACKAGE = "grpc.reflection.v1"
_V1_FILE = "grpc/reflection/v1/reflection.proto"
_V1ALPHA_TYPES = ".grpc.reflection.v1alpha."
_V1_TYPES = ".grpc.reflection.v1."
_METHOD = "ServerReflectionInfo"


def add_reflection(server: grpc.aio.Server, service_names: Iterable[str]) -> None:
    """Lets clients list and describe the named services, and reflection itself."""
    add_v1_descriptor(descriptor_pool.Default())
    names = {*service_names, V1_SERVICE, V1ALPHA_SERVICE}
    servicer = reflection_aio.ReflectionServicer(sorted(names))
    handler = grpc.stream_stream_rpc_method_handler(
        servicer.ServerReflectionInfo,
        reflection_pb2.ServerReflectionRequest.FromString,
        reflection_pb2.ServerReflectionResponse.SerializeToString,
    )
    for service in (V1_SERVICE, V1ALPHA_SERVICE):
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, {_METHOD: handler}),))
        server.add_registered_method_handlers(service, {_METHOD: handler})


def add_v1_descriptor(pool: descriptor_pool.DescriptorPool) -> None:
    """Adds `grpc/reflection/v1/reflection.proto` to a pool that does not have it."""
    try:
        pool.FindFileByName(_V1_FILE)
    except KeyError:
        pool.AddSerializedFile(v1_file().SerializeToString())


def v1_file() -> descriptor_pb2.FileDescriptorProto:
    """The descriptor of the v1 file, from the v1alpha one."""
    proto = descriptor_pb2.FileDescriptorProto()
    reflection_pb2.DESCRIPTOR.CopyToProto(proto)
    proto.name = _V1_FILE
    proto.package = _V1_PACKAGE
    proto.ClearField("options")
    for message in proto.message_type:
        for field in message.field:
            if field.HasField("type_name"):
                field.type_name = _renamed(field.type_name)
    for method in proto.service[0].method:
        method.input_type = _renamed(method.input_type)
        method.output_type = _renamed(method.output_type)
    return proto


def _renamed(type_name: str) -> str:
    return type_name.replace(_V1ALPHA_TYPES, _V1_TYPES, 1)

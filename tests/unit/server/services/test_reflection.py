"""Both versions of reflection list and describe the same services, themselves included."""

from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from grpc_reflection.v1alpha import reflection_pb2
from perpetuo.v1 import auth_pb2, completions_pb2

from server.inprocess import HandlerRegistry, InProcessChannel
from server.services.reflection import V1_SERVICE, V1ALPHA_SERVICE, add_reflection, add_v1_descriptor, v1_file

NAMES = [
    auth_pb2.DESCRIPTOR.services_by_name["AuthService"].full_name,
    completions_pb2.DESCRIPTOR.services_by_name["CompletionsService"].full_name,
]


def messages_of(version: str) -> tuple[Any, Any]:
    """Request and response class of a version; those of v1 are made from its own descriptor."""
    if version == V1ALPHA_SERVICE:
        return reflection_pb2.ServerReflectionRequest, reflection_pb2.ServerReflectionResponse
    pool = descriptor_pool.DescriptorPool()
    add_v1_descriptor(pool)
    names = ("grpc.reflection.v1.ServerReflectionRequest", "grpc.reflection.v1.ServerReflectionResponse")
    request, response = (message_factory.GetMessageClass(pool.FindMessageTypeByName(name)) for name in names)
    return request, response


@pytest.fixture
async def channel() -> AsyncIterator[grpc.aio.Channel]:
    registry = HandlerRegistry()
    add_reflection(registry, NAMES)
    async with InProcessChannel(registry) as channel:
        yield channel


async def ask(channel: grpc.aio.Channel, version: str, **question: Any) -> Any:
    """The answer to one question."""
    request, response = messages_of(version)
    method: Any = channel.stream_stream(
        f"/{version}/ServerReflectionInfo", request.SerializeToString, response.FromString
    )
    answers = [answer async for answer in method(iter([request(**question)]))]
    assert len(answers) == 1
    return answers[0]


@pytest.fixture(params=[V1_SERVICE, V1ALPHA_SERVICE])
def version(request: pytest.FixtureRequest) -> str:
    return str(request.param)


async def test_lists_every_service(channel: grpc.aio.Channel, version: str) -> None:
    answer = await ask(channel, version, list_services="")
    listed = [service.name for service in answer.list_services_response.service]
    assert listed == [V1_SERVICE, V1ALPHA_SERVICE, *NAMES]


@pytest.mark.parametrize("symbol", [*NAMES, V1_SERVICE, V1ALPHA_SERVICE, "perpetuo.v1.SignUpRequest"])
async def test_describes_a_symbol_with_all_that_its_file_needs(
    channel: grpc.aio.Channel, version: str, symbol: str
) -> None:
    answer = await ask(channel, version, file_containing_symbol=symbol)
    files = [
        descriptor_pb2.FileDescriptorProto.FromString(raw)
        for raw in answer.file_descriptor_response.file_descriptor_proto
    ]
    names = {file.name for file in files}
    assert {needed for file in files for needed in file.dependency} <= names
    package, _, name = symbol.rpartition(".")
    described = [file for file in files if file.package == package]
    services = {each.name for file in described for each in file.service}
    assert name in services | {each.name for file in described for each in file.message_type}


async def test_finds_a_file_by_its_name(channel: grpc.aio.Channel, version: str) -> None:
    answer = await ask(channel, version, file_by_filename="perpetuo/v1/auth.proto")
    assert len(answer.file_descriptor_response.file_descriptor_proto) > 1


async def test_says_that_it_does_not_know_a_symbol(channel: grpc.aio.Channel, version: str) -> None:
    answer = await ask(channel, version, file_containing_symbol="perpetuo.v1.Nothing")
    assert answer.error_response.error_code == grpc.StatusCode.NOT_FOUND.value[0]


def test_v1_differs_from_v1alpha_in_nothing_but_its_names() -> None:
    alpha = descriptor_pb2.FileDescriptorProto()
    reflection_pb2.DESCRIPTOR.CopyToProto(alpha)
    alpha.ClearField("options")
    alpha.name = "grpc/reflection/v1alpha/reflection.proto"
    assert str(v1_file()) == str(alpha).replace("v1alpha", "v1")


def test_adding_the_descriptor_twice_is_harmless() -> None:
    pool = descriptor_pool.DescriptorPool()
    add_v1_descriptor(pool)
    add_v1_descriptor(pool)
    assert pool.FindServiceByName(V1_SERVICE).methods_by_name["ServerReflectionInfo"].server_streaming

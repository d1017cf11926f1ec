"""Calls over gRPC that are too much are refused with a status, and the gateway serves on."""

import grpc
import grpc.aio
import pytest
from google.api import httpbody_pb2
from perpetuo.v1 import completions_pb2, completions_pb2_grpc, models_pb2, models_pb2_grpc

from server.demo import KEY
from tests.security.world import World

MIB = 1024 * 1024
BEARER = ("authorization", f"Bearer {KEY}")


@pytest.mark.parametrize("size_mib", [33, 64])
async def test_a_message_above_the_limit_is_refused(world: World, size_mib: int) -> None:
    stub = completions_pb2_grpc.CompletionsServiceStub(world.channel)
    body = httpbody_pb2.HttpBody(data=b"x" * (size_mib * MIB))
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await stub.CreateRawChatCompletion(
            completions_pb2.CreateRawChatCompletionRequest(body=body), metadata=(BEARER,), timeout=30
        )
    assert raised.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    await models_pb2_grpc.ModelsServiceStub(world.channel).ListModels(
        models_pb2.ListModelsRequest(), metadata=(BEARER,)
    )


@pytest.mark.parametrize(
    "metadata",
    [
        pytest.param(tuple((f"x-{number}", "y" * 20) for number in range(10_000)), id="ten thousand entries"),
        pytest.param((("x-long", "y" * (128 * 1024)),), id="one long entry"),
        pytest.param((("authorization", "Bearer " + "y" * (100 * 1024)),), id="a long credential"),
    ],
)
async def test_metadata_above_the_limit_are_refused(world: World, metadata: tuple[tuple[str, str], ...]) -> None:
    stub = models_pb2_grpc.ModelsServiceStub(world.channel)
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await stub.ListModels(models_pb2.ListModelsRequest(), metadata=(BEARER, *metadata), timeout=30)
    assert raised.value.code() in {grpc.StatusCode.RESOURCE_EXHAUSTED, grpc.StatusCode.UNAVAILABLE}
    await stub.ListModels(models_pb2.ListModelsRequest(), metadata=(BEARER,), timeout=30)

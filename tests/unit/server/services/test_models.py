"""ModelsService over the in-process channel: what a key may name."""

import grpc.aio
import pytest
from perpetuo.v1 import models_pb2, models_pb2_grpc

from tests.unit.server.services.calls import DEMO, reason_of, refused


@pytest.fixture
def stub(channel: grpc.aio.Channel) -> "models_pb2_grpc.ModelsServiceAsyncStub":
    return models_pb2_grpc.ModelsServiceStub(channel)


async def test_the_list_is_sorted_and_in_openais_shape(stub: "models_pb2_grpc.ModelsServiceAsyncStub") -> None:
    answer = await stub.ListModels(models_pb2.ListModelsRequest(), metadata=DEMO)
    names = [model.id for model in answer.data]
    assert answer.object == "list"
    assert names == sorted(names)
    assert "demo/echo" in names
    assert {(model.object, model.owned_by) for model in answer.data} == {("model", "demo")}


@pytest.mark.parametrize("name", ["demo/echo", "demo%2Fecho", "demo%2fecho"])
async def test_a_model_is_found_by_its_name(stub: "models_pb2_grpc.ModelsServiceAsyncStub", name: str) -> None:
    answer = await stub.GetModel(models_pb2.GetModelRequest(model=name), metadata=DEMO)
    assert answer.model.id == "demo/echo"


async def test_an_unknown_model_is_answered_with_the_closest(stub: "models_pb2_grpc.ModelsServiceAsyncStub") -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await stub.GetModel(models_pb2.GetModelRequest(model="demo/eko"), metadata=DEMO)
    assert reason_of(caught.value) == ("MODEL_UNKNOWN", "model")
    assert "demo/echo" in (caught.value.details() or "")


async def test_a_key_is_needed(stub: "models_pb2_grpc.ModelsServiceAsyncStub") -> None:
    assert (await refused(stub.ListModels(models_pb2.ListModelsRequest())))[0] == "KEY_MISSING"

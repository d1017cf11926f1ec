"""ModelsService over the in-process channel: what a key may name."""

import grpc.aio
import pytest
from perpetuo.v1 import models_pb2, models_pb2_grpc

from server.catalogue.catalogue import Catalogue
from server.ledger.workspace_prices import WorkspacePrices
from server.routing.candidates import Listed
from server.services.models import Described
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


async def test_the_list_in_anthropics_shape_has_the_same_models(
    stub: "models_pb2_grpc.ModelsServiceAsyncStub",
) -> None:
    usual = await stub.ListModels(models_pb2.ListModelsRequest(), metadata=DEMO)
    answer = await stub.ListMessageModels(models_pb2.ListMessageModelsRequest(limit=1000), metadata=DEMO)
    assert [model.id for model in answer.data] == [model.id for model in usual.data]
    assert {(model.type, model.lifecycle) for model in answer.data} == {("model", "active")}
    assert (answer.first_id, answer.last_id) == (answer.data[0].id, answer.data[-1].id)


async def test_a_model_in_anthropics_shape_is_found_by_its_name(
    stub: "models_pb2_grpc.ModelsServiceAsyncStub",
) -> None:
    answer = await stub.GetMessageModel(models_pb2.GetMessageModelRequest(model="demo%2Fecho"), metadata=DEMO)
    assert (answer.model.id, answer.model.display_name) == ("demo/echo", "demo/echo")
    asked = stub.GetMessageModel(models_pb2.GetMessageModelRequest(model="demo/eko"), metadata=DEMO)
    assert await refused(asked) == ("MODEL_UNKNOWN", "model")


async def test_what_the_catalogue_knows_is_told_in_anthropics_shape() -> None:
    catalogue = Catalogue.load()
    model = Described(catalogue, without_prices).message_model(Listed("gpt-4o", "openai", "gpt-4o"))
    known = catalogue.find("openai", "gpt-4o")
    assert known is not None
    assert (model.display_name, model.max_input_tokens) == (known.display_name, known.context_window_tokens)


async def without_prices(workspace_id: str) -> WorkspacePrices:
    raise AssertionError("Anthropic's shape has no prices")

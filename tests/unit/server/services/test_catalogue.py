"""CatalogueService over the in-process channel: filters, single models, and several side by side."""

from typing import TypeAlias

import grpc.aio
import pytest
from perpetuo.v1 import catalogue_pb2 as pb
from perpetuo.v1 import catalogue_pb2_grpc

from server.providers.registry import PROVIDERS
from tests.unit.server.services.calls import reason_of, refused

Stub: TypeAlias = "catalogue_pb2_grpc.CatalogueServiceAsyncStub"


@pytest.fixture
def stub(channel: grpc.aio.Channel) -> Stub:
    return catalogue_pb2_grpc.CatalogueServiceStub(channel)


async def test_the_whole_catalogue_has_prices_limits_and_tiers(stub: Stub) -> None:
    models = (await stub.ListCatalogueModels(pb.ListCatalogueModelsRequest())).models
    assert len({model.id for model in models}) == len(models) >= 120
    [mini] = [model for model in models if model.id == "gpt-4o-mini"]
    assert (mini.provider, mini.display_name, mini.is_routable) == ("openai", "GPT-4o mini", True)
    assert (mini.pricing.input_per_1m, mini.pricing.output_per_1m) == (0.15, 0.6)
    assert (mini.specs.context_window, mini.specs.max_output) == (128_000, 16_384)
    assert mini.specs.supports_vision
    assert mini.specs.supports_streaming
    assert (mini.performance.speed_tier, mini.performance.quality_tier) == (5, 2)
    assert {model.provider for model in models if model.is_routable} <= set(PROVIDERS)
    assert not {model.provider for model in models if not model.is_routable} & set(PROVIDERS)


async def test_filters_narrow(stub: Stub) -> None:
    asked = pb.ListCatalogueModelsRequest(provider="OpenAI", supports_vision=True, min_context=1_000_000)
    models = (await stub.ListCatalogueModels(asked)).models
    assert models
    assert {model.provider for model in models} == {"openai"}
    assert all(model.specs.supports_vision and model.specs.context_window >= 1_000_000 for model in models)
    blind = (await stub.ListCatalogueModels(pb.ListCatalogueModelsRequest(supports_vision=False))).models
    assert not any(model.specs.supports_vision for model in blind)


@pytest.mark.parametrize(
    ("asked", "param", "word"),
    [
        pytest.param(pb.ListCatalogueModelsRequest(provider="nobody"), "provider", "openai", id="an unknown provider"),
        pytest.param(pb.ListCatalogueModelsRequest(min_context=-1), "min_context", "0 or more", id="less than nothing"),
    ],
)
async def test_a_bad_filter_is_refused_with_what_is_allowed(
    stub: Stub, asked: pb.ListCatalogueModelsRequest, param: str, word: str
) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await stub.ListCatalogueModels(asked)
    assert reason_of(caught.value) == ("REQUEST_INVALID", param)
    assert word in (caught.value.details() or "")


@pytest.mark.parametrize("name", ["gpt-4o-mini", "openai/gpt-4o-mini", "openai%2Fgpt-4o-mini"])
async def test_one_model(stub: Stub, name: str) -> None:
    answer = await stub.GetCatalogueModel(pb.GetCatalogueModelRequest(model_id=name))
    assert answer.model.id == "gpt-4o-mini"


async def test_an_unknown_model_is_answered_with_the_closest(stub: Stub) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await stub.GetCatalogueModel(pb.GetCatalogueModelRequest(model_id="gpt-4o-minni"))
    assert reason_of(caught.value) == ("MODEL_UNKNOWN", "model_id")
    assert "`gpt-4o-mini`" in (caught.value.details() or "")
    assert (await refused(stub.GetCatalogueModel(pb.GetCatalogueModelRequest(model_id="?"))))[0] == "MODEL_UNKNOWN"


async def test_models_side_by_side_keep_the_order_asked_for(stub: Stub) -> None:
    names = ["groq/openai/gpt-oss-120b", "gpt-4o-mini"]
    answer = await stub.CompareCatalogueModels(pb.CompareCatalogueModelsRequest(model_ids=names))
    assert [model.id for model in answer.models] == names


@pytest.mark.parametrize("count", [0, 5])
async def test_too_few_or_too_many_to_compare(stub: Stub, count: int) -> None:
    asked = pb.CompareCatalogueModelsRequest(model_ids=["gpt-4o-mini"] * count)
    assert await refused(stub.CompareCatalogueModels(asked)) == ("REQUEST_INVALID", "model_ids")

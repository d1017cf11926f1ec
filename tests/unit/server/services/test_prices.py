"""PricesService over the in-process channel, and that what it is told counts for costs, lists and decisions."""

import json
from pathlib import Path

import grpc.aio
import pytest
from google.api import httpbody_pb2
from perpetuo.v1 import (
    auth_pb2,
    completions_pb2,
    completions_pb2_grpc,
    models_pb2,
    models_pb2_grpc,
    prices_pb2,
    prices_pb2_grpc,
    providers_pb2,
    providers_pb2_grpc,
    routing_pb2,
    routing_pb2_grpc,
)

from server.app import Core
from tests.unit.server.services.calls import bearer, refused

ECHO = prices_pb2.Price(
    provider="demo", model="echo", input_nanousd_per_1m=2_000_000_000_000, output_nanousd_per_1m=1_000_000_000_000
)
BODY = json.dumps({"model": "demo/echo", "messages": [{"role": "user", "content": "hello"}]}).encode()


@pytest.fixture
def stub(channel: grpc.aio.Channel) -> "prices_pb2_grpc.PricesServiceAsyncStub":
    return prices_pb2_grpc.PricesServiceStub(channel)


@pytest.fixture
async def key(channel: grpc.aio.Channel, signed_up: auth_pb2.SignUpResponse) -> tuple[tuple[str, str], ...]:
    """A key of a workspace with the demo provider."""
    request = providers_pb2.CreateProviderRequest(workspace_id=signed_up.workspace.id, provider="demo")
    await providers_pb2_grpc.ProvidersServiceStub(channel).CreateProvider(request, metadata=bearer(signed_up.token))
    return bearer(signed_up.api_key)


async def complete(channel: grpc.aio.Channel, key: tuple[tuple[str, str], ...]) -> dict[str, object]:
    request = completions_pb2.CreateRawChatCompletionRequest(body=httpbody_pb2.HttpBody(data=BODY))
    answer = await completions_pb2_grpc.CompletionsServiceStub(channel).CreateRawChatCompletion(request, metadata=key)
    found: dict[str, object] = json.loads(answer.body.data)
    return found


async def test_a_list_is_set_and_seen(
    stub: "prices_pb2_grpc.PricesServiceAsyncStub", signed_up: auth_pb2.SignUpResponse
) -> None:
    mine, workspace_id = bearer(signed_up.token), signed_up.workspace.id
    empty = await stub.ListPrices(prices_pb2.ListPricesRequest(workspace_id=workspace_id), metadata=mine)
    assert (list(empty.prices), empty.version, empty.HasField("changed_at")) == ([], "workspace/0", False)
    assert empty.published_source.startswith("genai-prices/")
    request = prices_pb2.ReplacePricesRequest(workspace_id=workspace_id, prices=[ECHO])
    changed = await stub.ReplacePrices(request, metadata=mine)
    assert (list(changed.prices), changed.version) == ([ECHO], "workspace/1")
    seen = await stub.ListPrices(prices_pb2.ListPricesRequest(workspace_id=workspace_id), metadata=mine)
    assert (list(seen.prices), seen.changed_at) == ([ECHO], changed.changed_at)
    assert not seen.prices[0].HasField("cached_input_nanousd_per_1m")


async def test_a_price_that_is_left_out_is_told_from_a_free_one(
    stub: "prices_pb2_grpc.PricesServiceAsyncStub", signed_up: auth_pb2.SignUpResponse
) -> None:
    free = prices_pb2.Price(provider="demo", model="*", input_nanousd_per_1m=0, output_nanousd_per_1m=0)
    bare = prices_pb2.Price(provider="demo", model="echo", input_nanousd_per_1m=0)
    request = prices_pb2.ReplacePricesRequest(workspace_id=signed_up.workspace.id, prices=[free, bare])
    outcome = await refused(stub.ReplacePrices(request, metadata=bearer(signed_up.token)))
    assert outcome == ("REQUEST_INVALID", "prices[1].output_per_1m")


async def test_own_prices_count_from_the_next_request_on(
    core: Core,
    channel: grpc.aio.Channel,
    stub: "prices_pb2_grpc.PricesServiceAsyncStub",
    signed_up: auth_pb2.SignUpResponse,
    key: tuple[tuple[str, str], ...],
    tmp_path: Path,
) -> None:
    before = await complete(channel, key)
    request = prices_pb2.ReplacePricesRequest(workspace_id=signed_up.workspace.id, prices=[ECHO])
    await stub.ReplacePrices(request, metadata=bearer(signed_up.token))
    after = await complete(channel, key)
    usage, metadata = after["usage"], after["gateway_metadata"]
    assert isinstance(usage, dict)
    assert isinstance(metadata, dict)
    dollars = (usage["prompt_tokens"] * 2_000_000 + usage["completion_tokens"] * 1_000_000) / 1e9
    assert metadata["cost_usd"] == pytest.approx(dollars)
    assert before["gateway_metadata"] != metadata
    explained = await routing_pb2_grpc.RoutingServiceStub(channel).Explain(
        routing_pb2.ExplainRequest(body=httpbody_pb2.HttpBody(data=BODY)), metadata=key
    )
    assert explained.candidates[0].blended_price_per_1m == pytest.approx(1_750.0)
    listed = await models_pb2_grpc.ModelsServiceStub(channel).GetModel(
        models_pb2.GetModelRequest(model="demo/echo"), metadata=key
    )
    assert (listed.model.pricing.input_per_1m, listed.model.pricing.source) == (2_000.0, "workspace/1")
    await core._ledger.flush()
    async with core.stores.database.read() as tx:
        rows = await tx._connection.exec_driver_sql(
            "SELECT price_version, call_started_at > 0 FROM operations ORDER BY created_at"
        )
        published = core._prices.version
        assert [tuple(row) for row in rows] == [(published, True), ("workspace/1", True)]

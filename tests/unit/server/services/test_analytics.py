"""AnalyticsService over the in-process channel: figures of what was called, for the members of the workspace alone."""

import csv
import io
from typing import Any

import grpc.aio
import pytest
from google.protobuf.message import Message
from perpetuo.v1 import analytics_pb2, analytics_pb2_grpc, auth_pb2, logs_pb2, logs_pb2_grpc

from server.app import Core
from tests.unit.server.services.calls import bearer, reason_of, refused
from tests.unit.server.services.test_logs import call, with_provider

REQUESTS: dict[str, type[Any]] = {
    "GetUsage": analytics_pb2.GetUsageRequest,
    "GetUsageByProvider": analytics_pb2.GetUsageByProviderRequest,
    "GetLatency": analytics_pb2.GetLatencyRequest,
    "GetErrorRates": analytics_pb2.GetErrorRatesRequest,
    "GetOverview": analytics_pb2.GetOverviewRequest,
    "GetCostBreakdown": analytics_pb2.GetCostBreakdownRequest,
    "GetModelDistribution": analytics_pb2.GetModelDistributionRequest,
    "ListRequests": analytics_pb2.ListRequestsRequest,
}


@pytest.fixture
def stub(channel: grpc.aio.Channel) -> "analytics_pb2_grpc.AnalyticsServiceAsyncStub":
    return analytics_pb2_grpc.AnalyticsServiceStub(channel)


async def test_every_figure_is_that_of_the_logs(
    core: Core, stub: "analytics_pb2_grpc.AnalyticsServiceAsyncStub", signed_up: auth_pb2.SignUpResponse
) -> None:
    mine = await with_provider(core, signed_up)
    await call(core, signed_up.api_key, b"echo", b"error-500", b"json", b"echo")
    logs = (
        await logs_pb2_grpc.LogsServiceStub(core.server.channel).ListLogs(logs_pb2.ListLogsRequest(), metadata=mine)
    ).logs
    tokens, cost = sum(log.tokens for log in logs), sum(log.cost_nanousd for log in logs)
    assert len(logs) == 4
    assert cost > 0
    usage = await stub.GetUsage(analytics_pb2.GetUsageRequest(), metadata=mine)
    assert (usage.total_requests, usage.total_tokens, usage.total_cost_nanousd) == (4, tokens, cost)
    assert usage.by_provider["demo"] == analytics_pb2.ProviderUsage(tokens=tokens, cost_nanousd=cost, requests=3)
    by_provider = await stub.GetUsageByProvider(analytics_pb2.GetUsageByProviderRequest(), metadata=mine)
    assert by_provider.by_provider == usage.by_provider
    overview = await stub.GetOverview(analytics_pb2.GetOverviewRequest(), metadata=mine)
    assert (overview.total_requests, overview.failed_requests, overview.total_cost_nanousd) == (4, 1, cost)
    assert overview.tokens_used.input + overview.tokens_used.output == tokens
    breakdown = await stub.GetCostBreakdown(analytics_pb2.GetCostBreakdownRequest(days=2), metadata=mine)
    assert sum(day.requests for day in breakdown.data) == 4
    models = await stub.GetModelDistribution(analytics_pb2.GetModelDistributionRequest(), metadata=mine)
    assert [(share.model, share.requests) for share in models.data] == [("echo", 2), ("json", 1)]
    assert [share.percentage for share in models.data] == pytest.approx([200 / 3, 100 / 3])
    errors = await stub.GetErrorRates(analytics_pb2.GetErrorRatesRequest(), metadata=mine)
    attempts = errors.by_provider["demo"].errors
    assert attempts >= 1
    assert errors.by_provider["demo"].error_rate == attempts / (attempts + 3)
    assert dict(errors.by_provider["demo"].by_reason) == {"UPSTREAM_UNAVAILABLE": attempts}
    latency = await stub.GetLatency(analytics_pb2.GetLatencyRequest(), metadata=mine)
    assert latency.by_provider["demo"].calls == 3
    assert not latency.by_provider["demo"].HasField("average_first_token_ms")


async def test_requests_come_by_pages_with_their_number(
    core: Core, stub: "analytics_pb2_grpc.AnalyticsServiceAsyncStub", signed_up: auth_pb2.SignUpResponse
) -> None:
    mine = await with_provider(core, signed_up)
    await call(core, signed_up.api_key, b"echo", b"error-500", b"json")
    page = await stub.ListRequests(analytics_pb2.ListRequestsRequest(limit=2, page=2), metadata=mine)
    assert page.pagination == analytics_pb2.Pagination(page=2, limit=2, total=3, pages=2)
    assert [log.model for log in page.data] == ["echo"]
    failed = await stub.ListRequests(analytics_pb2.ListRequestsRequest(status="error"), metadata=mine)
    assert failed.pagination == analytics_pb2.Pagination(page=1, limit=50, total=1, pages=1)
    assert [log.model for log in failed.data] == ["demo/error-500"]


async def test_the_export_has_a_name_and_every_row(
    core: Core, stub: "analytics_pb2_grpc.AnalyticsServiceAsyncStub", signed_up: auth_pb2.SignUpResponse
) -> None:
    mine = await with_provider(core, signed_up)
    await call(core, signed_up.api_key, b"echo", b"error-500", b"json")
    export = stub.ExportRequests(analytics_pb2.ExportRequestsRequest(status="success"), metadata=mine)
    pieces = [piece.body async for piece in export]
    metadata = dict(await export.initial_metadata() or ())
    assert str(metadata["content-disposition"]).startswith('attachment; filename="perpetuo-requests-')
    assert {piece.content_type for piece in pieces} == {"text/csv; charset=utf-8; header=present"}
    text = b"".join(piece.data for piece in pieces).decode()
    assert [row["model"] for row in csv.DictReader(io.StringIO(text))] == ["json", "echo"]


@pytest.mark.parametrize("name", REQUESTS)
async def test_a_workspace_without_calls_answers_zeros(
    stub: "analytics_pb2_grpc.AnalyticsServiceAsyncStub", signed_up: auth_pb2.SignUpResponse, name: str
) -> None:
    answer: Message = await getattr(stub, name)(REQUESTS[name](), metadata=bearer(signed_up.token))
    fields = {field.name for field, _ in answer.ListFields()}
    assert fields <= {"tokens_used", "tokens_saved", "start", "data", "pagination"}


@pytest.mark.parametrize("workspace_id", ["foreign", "ws_nope"])
@pytest.mark.parametrize("name", [*REQUESTS, "ExportRequests"])
async def test_a_foreign_workspace_is_as_absent_as_one_that_is_not_there(
    core: Core,
    stub: "analytics_pb2_grpc.AnalyticsServiceAsyncStub",
    signed_up: auth_pb2.SignUpResponse,
    name: str,
    workspace_id: str,
) -> None:
    demo = await core.stores.accounts.find_user("demo@perpetuo.dev")
    assert demo is not None
    if workspace_id == "foreign":
        workspace_id = (await core.stores.accounts.default_workspace(demo.id)).id
    mine = bearer(signed_up.token)
    expected = ("RESOURCE_NOT_FOUND", "workspace_id")
    if name == "ExportRequests":
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            async for _ in stub.ExportRequests(
                analytics_pb2.ExportRequestsRequest(workspace_id=workspace_id), metadata=mine
            ):
                continue
        assert reason_of(caught.value) == expected
    else:
        assert await refused(getattr(stub, name)(REQUESTS[name](workspace_id=workspace_id), metadata=mine)) == expected


@pytest.mark.parametrize(
    ("name", "members", "param"),
    [
        *((name, {"days": days}, "days") for name in list(REQUESTS)[:4] for days in (0, 366)),
        ("GetCostBreakdown", {"days": 0}, "days"),
        ("GetModelDistribution", {"days": -1}, "days"),
        ("GetOverview", {"timeframe": "1h"}, "timeframe"),
        ("ListRequests", {"page": 0}, "page"),
        ("ListRequests", {"limit": 1001}, "limit"),
        ("ListRequests", {"status": "good"}, "status"),
        ("ListRequests", {"provider": "nobody"}, "provider"),
    ],
    ids=str,
)
async def test_what_makes_no_sense_is_refused(
    stub: "analytics_pb2_grpc.AnalyticsServiceAsyncStub",
    signed_up: auth_pb2.SignUpResponse,
    name: str,
    members: dict[str, Any],
    param: str,
) -> None:
    call = getattr(stub, name)(REQUESTS[name](**members), metadata=bearer(signed_up.token))
    assert await refused(call) == ("REQUEST_INVALID", param)

"""AnalyticsService: figures of a workspace, for all its members."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime

from google.api import httpbody_pb2
from perpetuo.v1 import analytics_pb2, analytics_pb2_grpc

from server.accounts.service import Accounts
from server.ledger.analytics import Analytics
from server.ledger.export import CONTENT_TYPE, Exports, file_name
from server.ledger.log_query import AskedLogs
from server.services import analytics_shapes as shapes
from server.services.calling import Calls, Context


class AnalyticsServicer(analytics_pb2_grpc.AnalyticsServiceServicer):
    """Serves figures."""

    def __init__(self, accounts: Accounts, analytics: Analytics, exports: Exports, calls: Calls) -> None:
        self._accounts = accounts
        self._analytics = analytics
        self._exports = exports
        self._calls = calls

    async def GetUsage(
        self, request: analytics_pb2.GetUsageRequest, context: Context
    ) -> analytics_pb2.GetUsageResponse:
        """Tokens and cost."""
        return shapes.usage_message(await self._analytics.usage(await self._workspace(request), _days(request)))

    async def GetUsageByProvider(
        self, request: analytics_pb2.GetUsageByProviderRequest, context: Context
    ) -> analytics_pb2.GetUsageByProviderResponse:
        """Tokens and cost by provider."""
        found = await self._analytics.usage_by_provider(await self._workspace(request), _days(request))
        return analytics_pb2.GetUsageByProviderResponse(by_provider=shapes.provider_usages(found))

    async def GetLatency(
        self, request: analytics_pb2.GetLatencyRequest, context: Context
    ) -> analytics_pb2.GetLatencyResponse:
        """Latencies by provider."""
        found = await self._analytics.latency(await self._workspace(request), _days(request))
        by_provider = {provider: shapes.latency_message(latency) for provider, latency in found.items()}
        return analytics_pb2.GetLatencyResponse(by_provider=by_provider)

    async def GetErrorRates(
        self, request: analytics_pb2.GetErrorRatesRequest, context: Context
    ) -> analytics_pb2.GetErrorRatesResponse:
        """Error rates by provider."""
        found = await self._analytics.error_rates(await self._workspace(request), _days(request))
        by_provider = {provider: shapes.errors_message(rate) for provider, rate in found.items()}
        return analytics_pb2.GetErrorRatesResponse(by_provider=by_provider)

    async def GetOverview(
        self, request: analytics_pb2.GetOverviewRequest, context: Context
    ) -> analytics_pb2.GetOverviewResponse:
        """The workspace at a glance."""
        return shapes.overview_message(
            await self._analytics.overview(await self._workspace(request), request.timeframe)
        )

    async def GetCostBreakdown(
        self, request: analytics_pb2.GetCostBreakdownRequest, context: Context
    ) -> analytics_pb2.GetCostBreakdownResponse:
        """Cost by day."""
        found = await self._analytics.by_day(await self._workspace(request), _days(request))
        data = [shapes.day_message(day, sums) for day, sums in found]
        return analytics_pb2.GetCostBreakdownResponse(data=data)

    async def GetModelDistribution(
        self, request: analytics_pb2.GetModelDistributionRequest, context: Context
    ) -> analytics_pb2.GetModelDistributionResponse:
        """Requests by model."""
        found = await self._analytics.by_model(await self._workspace(request), _days(request))
        return analytics_pb2.GetModelDistributionResponse(data=shapes.model_shares(found))

    async def ListRequests(
        self, request: analytics_pb2.ListRequestsRequest, context: Context
    ) -> analytics_pb2.ListRequestsResponse:
        """A page of records, and how many there are."""
        asked = _asked(
            request,
            limit=request.limit if request.HasField("limit") else None,
            page=request.page if request.HasField("page") else None,
        )
        return shapes.requests_message(await self._analytics.requests(await self._workspace(request), asked))

    async def ExportRequests(
        self, request: analytics_pb2.ExportRequestsRequest, context: Context
    ) -> AsyncIterator[analytics_pb2.ExportRequestsResponse]:
        """Records as a file."""
        workspace_id = await self._workspace(request)
        only = self._exports.read(_asked(request), request.format)
        name = file_name(datetime.now(UTC).date())
        self._calls.announce("content-disposition", f'attachment; filename="{name}"')
        async for piece in self._exports.pieces(workspace_id, only):
            body = httpbody_pb2.HttpBody(content_type=CONTENT_TYPE, data=piece)
            yield analytics_pb2.ExportRequestsResponse(body=body)

    async def _workspace(self, request: shapes.OfWorkspace) -> str:
        """The id of the workspace, which its members may see and nobody else."""
        return (await self._accounts.workspace(self._calls.principal().user_id, request.workspace_id)).id


def _days(request: shapes.OfDays) -> int | None:
    return request.days if request.HasField("days") else None


def _asked(request: shapes.Filtered, limit: int | None = None, page: int | None = None) -> AskedLogs:
    return AskedLogs(
        limit=limit,
        page=page,
        provider=request.provider,
        model=request.model,
        status=request.status,
        key_id=request.key_id,
        start_date=request.start_date,
        end_date=request.end_date,
    )

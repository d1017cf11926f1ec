"""Figures as messages. One function for each; nothing else."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Literal, Protocol

from perpetuo.v1 import analytics_pb2

from server.ledger.analytics import ErrorRate, Latency, Overview, RequestPage, Usage, percentage
from server.services.log_shapes import log_message
from server.services.shapes import timestamp
from server.storage.figures import UsageSums


class OfWorkspace(Protocol):
    """A request about a workspace."""

    @property
    def workspace_id(self) -> str:
        """Its id, empty for the default one."""


class OfDays(Protocol):
    """A request about the last days."""

    @property
    def days(self) -> int:
        """How many."""

    def HasField(self, field_name: Literal["days"]) -> bool:
        """Whether they are set."""


class Filtered(Protocol):
    """A request for some of the records, each filter empty when left out."""

    provider: str
    model: str
    status: str
    key_id: str
    start_date: str
    end_date: str


def usage_message(usage: Usage) -> analytics_pb2.GetUsageResponse:
    """Tokens and cost."""
    total = usage.total
    return analytics_pb2.GetUsageResponse(
        total_tokens=total.total_tokens,
        total_cost_nanousd=total.cost_nanousd,
        by_provider=provider_usages(usage.by_provider),
        total_requests=total.requests,
        unpriced_requests=total.unpriced_requests,
        estimated_requests=total.estimated_requests,
        saved_tokens=usage.cached.total_tokens,
        saved_cost_nanousd=total.saved_nanousd,
    )


def provider_usages(found: Mapping[str, UsageSums]) -> dict[str, analytics_pb2.ProviderUsage]:
    """Tokens and cost by provider."""
    return {
        provider: analytics_pb2.ProviderUsage(
            tokens=sums.total_tokens,
            cost_nanousd=sums.cost_nanousd,
            requests=sums.requests,
            unpriced_requests=sums.unpriced_requests,
        )
        for provider, sums in found.items()
    }


def latency_message(latency: Latency) -> analytics_pb2.ProviderLatency:
    """How long a provider took."""
    whole, first = latency.whole, latency.first_token
    return analytics_pb2.ProviderLatency(
        average_latency_ms=whole.mean_ms,
        p50_latency_ms=whole.p50_ms,
        p95_latency_ms=whole.p95_ms,
        p99_latency_ms=whole.p99_ms,
        average_first_token_ms=None if first is None else first.mean_ms,
        p50_first_token_ms=None if first is None else first.p50_ms,
        p95_first_token_ms=None if first is None else first.p95_ms,
        p99_first_token_ms=None if first is None else first.p99_ms,
        calls=latency.calls,
    )


def errors_message(rate: ErrorRate) -> analytics_pb2.ProviderErrors:
    """How often a provider failed."""
    return analytics_pb2.ProviderErrors(
        error_rate=rate.rate, calls=rate.calls, errors=rate.errors, by_reason=rate.by_reason
    )


def overview_message(overview: Overview) -> analytics_pb2.GetOverviewResponse:
    """A workspace at a glance."""
    total, times = overview.total, overview.times
    return analytics_pb2.GetOverviewResponse(
        total_cost_nanousd=total.cost_nanousd,
        total_requests=total.requests,
        avg_latency_ms=total.latency_ms,
        cache_hit_rate=overview.cache_hit_rate,
        tokens_used=_tokens(total),
        start=timestamp(overview.start),
        failed_requests=total.requests - overview.ok.requests,
        unpriced_requests=total.unpriced_requests,
        tokens_saved=_tokens(overview.cached),
        saved_cost_nanousd=total.saved_nanousd,
        p50_latency_ms=times.p50_ms,
        p95_latency_ms=times.p95_ms,
        p99_latency_ms=times.p99_ms,
    )


def day_message(day: date, sums: UsageSums) -> analytics_pb2.DayCost:
    """What was used on a day."""
    return analytics_pb2.DayCost(
        date=day.isoformat(),
        cost_nanousd=sums.cost_nanousd,
        requests=sums.requests,
        tokens=sums.total_tokens,
        unpriced_requests=sums.unpriced_requests,
        saved_cost_nanousd=sums.saved_nanousd,
    )


def model_shares(found: Sequence[tuple[str, UsageSums]]) -> list[analytics_pb2.ModelShare]:
    """The models' parts in all requests that were answered."""
    whole = sum(sums.requests for _, sums in found)
    return [
        analytics_pb2.ModelShare(
            model=model,
            requests=sums.requests,
            percentage=percentage(sums.requests, whole),
            cost_nanousd=sums.cost_nanousd,
            tokens=sums.total_tokens,
            unpriced_requests=sums.unpriced_requests,
        )
        for model, sums in found
    ]


def requests_message(found: RequestPage) -> analytics_pb2.ListRequestsResponse:
    """A page of records."""
    pagination = analytics_pb2.Pagination(page=found.page, limit=found.limit, total=found.total, pages=found.pages)
    data = [log_message(record) for record in found.records]
    return analytics_pb2.ListRequestsResponse(data=data, pagination=pagination)


def _tokens(sums: UsageSums) -> analytics_pb2.TokenTotals:
    return analytics_pb2.TokenTotals(input=sums.prompt_tokens, output=sums.completion_tokens)

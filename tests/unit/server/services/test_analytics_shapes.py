"""Figures as messages: every member arrives, and what nobody measured is absent and not zero."""

from datetime import UTC, date, datetime

from perpetuo.v1 import analytics_pb2

from server.ledger.analytics import ErrorRate, Latency, Overview, RequestPage, Times, Usage
from server.services import analytics_shapes as shapes
from server.storage.figures import UsageSums
from tests.unit.server.services.test_log_shapes import RECORD

SUMS = UsageSums(
    requests=10, estimated_requests=1, unpriced_requests=2, input_tokens=100, cache_read_tokens=20,
    cache_write_tokens=3, output_tokens=40, reasoning_tokens=5, cost_nanousd=600, saved_nanousd=70,
    latency_sum_ms=1000, first_tokens=4, first_token_sum_ms=90,
)  # fmt: skip
CACHED = UsageSums(requests=2, input_tokens=7, output_tokens=8)
TIMES = Times(100, 90, 200, 300)
NOW = datetime(2026, 1, 28, 14, tzinfo=UTC)


def test_usage_with_what_was_saved_and_what_has_no_price() -> None:
    made = shapes.usage_message(Usage(SUMS, CACHED, {"openai": SUMS}))
    assert made == analytics_pb2.GetUsageResponse(
        total_tokens=168,
        total_cost_nanousd=600,
        by_provider={
            "openai": analytics_pb2.ProviderUsage(tokens=168, cost_nanousd=600, requests=10, unpriced_requests=2)
        },
        total_requests=10,
        unpriced_requests=2,
        estimated_requests=1,
        saved_tokens=15,
        saved_cost_nanousd=70,
    )


def test_latencies_of_a_provider_that_streamed_and_of_one_that_did_not() -> None:
    streamed = shapes.latency_message(Latency(3, TIMES, Times(10, 9, 20, 30)))
    assert (streamed.average_latency_ms, streamed.p50_latency_ms) == (100, 90)
    assert (streamed.p95_latency_ms, streamed.p99_latency_ms, streamed.calls) == (200, 300, 3)
    assert (streamed.average_first_token_ms, streamed.p50_first_token_ms) == (10, 9)
    assert (streamed.p95_first_token_ms, streamed.p99_first_token_ms) == (20, 30)
    whole = shapes.latency_message(Latency(3, TIMES, None))
    first = [name for name in whole.DESCRIPTOR.fields_by_name if "first_token" in name]
    assert len(first) == 4
    assert not any(whole.HasField(name) for name in first)  # type: ignore[arg-type]


def test_an_error_rate_with_its_reasons() -> None:
    made = shapes.errors_message(ErrorRate(8, 2, {"UPSTREAM_TIMEOUT": 2}))
    assert (made.error_rate, made.calls, made.errors, dict(made.by_reason)) == (0.25, 8, 2, {"UPSTREAM_TIMEOUT": 2})
    assert shapes.errors_message(ErrorRate()).error_rate == 0.0


def test_the_overview_has_every_member() -> None:
    made = shapes.overview_message(Overview(NOW, SUMS, UsageSums(requests=7), CACHED, TIMES))
    assert {field.name for field, _ in made.ListFields()} == set(made.DESCRIPTOR.fields_by_name)
    assert (made.avg_latency_ms, made.cache_hit_rate, made.failed_requests) == (100, 20.0, 3)
    assert made.tokens_used == analytics_pb2.TokenTotals(input=123, output=45)
    assert made.tokens_saved == analytics_pb2.TokenTotals(input=7, output=8)
    assert made.start.ToDatetime(tzinfo=UTC) == NOW


def test_a_day() -> None:
    assert shapes.day_message(date(2026, 1, 28), SUMS) == analytics_pb2.DayCost(
        date="2026-01-28", cost_nanousd=600, requests=10, tokens=168, unpriced_requests=2, saved_cost_nanousd=70
    )


def test_the_shares_of_models_make_a_whole() -> None:
    made = shapes.model_shares([("gpt-4", SUMS), ("llama", UsageSums(requests=30))])
    assert [(share.model, share.requests, share.percentage) for share in made] == [("gpt-4", 10, 25), ("llama", 30, 75)]
    assert (made[0].cost_nanousd, made[0].tokens, made[0].unpriced_requests) == (600, 168, 2)


def test_a_page_of_records_tells_where_it_stands() -> None:
    made = shapes.requests_message(RequestPage((RECORD,), 2, 50, 51))
    assert made.pagination == analytics_pb2.Pagination(page=2, limit=50, total=51, pages=2)
    assert [log.request_id for log in made.data] == ["req_1"]

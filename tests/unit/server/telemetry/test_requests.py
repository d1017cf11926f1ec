"""What a settled request is counted as, and that its labels are nobody's to choose."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest
from msgspec.structs import replace

from server.chat.records import AttemptRecord, OperationRecord
from server.chat.usage import Usage
from server.telemetry.families import OTHER, Counter, Histogram
from server.telemetry.metrics import Metrics
from server.telemetry.requests import TOGETHER, RequestMetrics

NOW = datetime(2026, 11, 22, tzinfo=UTC)
ATTEMPT = AttemptRecord(1, "prov_1", "openai", "gpt-4o", "ok", 200, NOW, 800, 200, Usage(10, 4, 3, 7, 5), 1_000_000)
RECORD = OperationRecord(
    "req_1", "ws_1", "usr_1", "key_1", "rest", None, "gpt-4o", "gpt-4o", "openai", "prov_1", "default", "simple",
    True, False, 200, "ok", ATTEMPT.usage, 1_000_000, 1_000, 200, NOW, (), (ATTEMPT,),
)  # fmt: skip


def name_of(provider: str, model: str) -> str | None:
    return {("openai", "gpt-4o"): "gpt-4o"}.get((provider, model))


def settled(*records: OperationRecord, waited_s: float = 0.0, overhead_s: float | None = 0.002) -> Mapping[str, Any]:
    """What is counted of the records: of counters the values, of histograms how many values they saw, by labels."""
    metrics = Metrics()
    requests = RequestMetrics(metrics, name_of)
    for record in records:
        requests.begin()
        requests.settle(record, waited_s, overhead_s)
    assert requests.in_flight == 0
    metrics.snapshot()
    counted: dict[str, Any] = {}
    for name, family in metrics._families.items():
        if isinstance(family, Counter):
            counted[name] = {labels: value for labels, value in family.values.items() if value}
        elif isinstance(family, Histogram):
            counted[name] = {labels: sum(cell[:-1]) for labels, cell in family.cells.items() if sum(cell[:-1])}
    return counted


def test_a_stream_is_counted_once_in_every_respect() -> None:
    assert {name: values for name, values in settled(RECORD).items() if values} == {
        "perpetuo_requests_total": {("rest", "true", "ok"): 1},
        "perpetuo_attempts_total": {("openai", "ok"): 1},
        "perpetuo_tokens_total": {
            ("openai", "gpt-4o", "input"): 10,
            ("openai", "gpt-4o", "cache_read"): 4,
            ("openai", "gpt-4o", "cache_write"): 3,
            ("openai", "gpt-4o", "output"): 7,
            ("openai", "gpt-4o", "reasoning"): 5,
        },
        "perpetuo_cost_usd_total": {("openai", "gpt-4o"): 1_000_000},
        "perpetuo_request_seconds": {("true",): 1},
        "perpetuo_wait_seconds": {(): 1},
        "perpetuo_overhead_seconds": {("true",): 1},
        "perpetuo_upstream_first_token_seconds": {("openai",): 1},
        "perpetuo_upstream_token_seconds": {("openai",): 1},
    }


def test_what_is_counted_together_is_there_for_who_looks() -> None:
    metrics = Metrics()
    requests = RequestMetrics(metrics, name_of)
    for number in range(TOGETHER + 2):
        requests.begin()
        requests.settle(RECORD, 0.0, 0.002)
        assert len(requests._settled) == (number + 1) % TOGETHER
    seen = {each.named.name: each for each in metrics.snapshot()}
    assert seen["perpetuo_requests_total"].values == {("rest", "true", "ok"): TOGETHER + 2}
    assert requests._settled == []


def test_an_answer_in_one_piece_has_no_first_token() -> None:
    counted = settled(replace(RECORD, is_stream=False))
    assert counted["perpetuo_upstream_answer_seconds"] == {("openai",): 1}
    assert counted["perpetuo_upstream_first_token_seconds"] == {}
    assert counted["perpetuo_upstream_token_seconds"] == {}


def test_every_attempt_counts_with_its_own_outcome() -> None:
    failed = replace(ATTEMPT, outcome="UPSTREAM_TIMEOUT", usage=None, cost_nanousd=None, first_token_ms=None)
    counted = settled(replace(RECORD, attempts=(failed, failed, ATTEMPT)))
    assert counted["perpetuo_attempts_total"] == {("openai", "UPSTREAM_TIMEOUT"): 2, ("openai", "ok"): 1}
    assert counted["perpetuo_requests_total"] == {("rest", "true", "ok"): 1}
    assert counted["perpetuo_upstream_first_token_seconds"] == {("openai",): 1}


def test_a_model_without_a_price_is_told_of_and_costs_nothing_known() -> None:
    counted = settled(replace(RECORD, attempts=(replace(ATTEMPT, model="new-model", cost_nanousd=None),)))
    assert counted["perpetuo_unpriced_calls_total"] == {("openai", OTHER): 1}
    assert counted["perpetuo_cost_usd_total"] == {}


def test_estimated_usage_is_told_of() -> None:
    estimated = replace(ATTEMPT, usage=Usage(1, is_estimated=True))
    assert settled(replace(RECORD, attempts=(estimated,)))["perpetuo_estimated_usage_total"] == {("openai",): 1}


def test_an_answer_from_the_cache_costs_nothing_and_tells_what_it_saved() -> None:
    counted = settled(replace(RECORD, is_cache_hit=True, saved_nanousd=29_000, attempts=()))
    assert counted["perpetuo_cost_usd_total"] == {}
    assert counted["perpetuo_tokens_total"] == {}
    assert counted["perpetuo_cache_saved_usd_total"] == {(): 29_000}


def test_a_request_without_an_answer_of_its_own_has_no_overhead() -> None:
    assert settled(RECORD, overhead_s=None)["perpetuo_overhead_seconds"] == {}


@pytest.mark.parametrize("model", ["x" * 500, "gpt-4o-1", "日本", '"} 1\n'])
def test_a_models_name_as_a_caller_wrote_it_is_no_label(model: str) -> None:
    counted = settled(replace(RECORD, attempts=(replace(ATTEMPT, model=model),)))
    assert counted["perpetuo_cost_usd_total"] == {("openai", OTHER): 1_000_000}


def test_many_snapshots_of_a_model_are_one_label_and_are_not_all_remembered() -> None:
    requests = RequestMetrics(Metrics(), lambda provider, model: "gpt-4o")
    for number in range(10_000):
        requests.settle(replace(RECORD, attempts=(replace(ATTEMPT, model=f"gpt-4o-{number}"),)), 0.0, None)
    requests.count()
    assert len(requests._models) <= 4096
    assert requests._cost.values == {("openai", "gpt-4o"): 10_000_000_000}


UNARY_ATTEMPT = replace(ATTEMPT, first_token_ms=None, usage=Usage(10, 0, 0, 7, 0))
UNARY = replace(RECORD, is_stream=False, attempts=(UNARY_ATTEMPT,), usage=UNARY_ATTEMPT.usage)


def unary(**changes: Any) -> OperationRecord:
    return replace(UNARY, attempts=(replace(UNARY_ATTEMPT, **changes),))


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(UNARY, id="says the same"),
        pytest.param(replace(UNARY, latency_ms=1), id="took another time"),
        pytest.param(RECORD, id="is a stream"),
        pytest.param(replace(UNARY, surface="grpc"), id="came another way"),
        pytest.param(replace(UNARY, outcome="CLIENT_GONE"), id="ended in another way"),
        pytest.param(replace(UNARY, attempts=()), id="asked nobody"),
        pytest.param(replace(UNARY, attempts=(UNARY_ATTEMPT, UNARY_ATTEMPT)), id="asked twice"),
        pytest.param(replace(UNARY, saved_nanousd=5), id="saved something"),
        pytest.param(unary(outcome="UPSTREAM_RESET"), id="has a call that failed"),
        pytest.param(unary(model="o3"), id="asked another model"),
        pytest.param(unary(provider="mistral"), id="asked another provider"),
        pytest.param(unary(usage=None), id="took nothing that is known"),
        pytest.param(unary(cost_nanousd=None), id="has no price"),
        pytest.param(unary(usage=Usage(10, 0, 0, 0, 0)), id="wrote nothing"),
        pytest.param(unary(usage=Usage(10, 4, 0, 7, 0)), id="read a cache"),
        pytest.param(unary(usage=Usage(10, 0, 3, 7, 0)), id="wrote a cache"),
        pytest.param(unary(usage=Usage(10, 0, 0, 7, 5)), id="reasoned"),
        pytest.param(unary(usage=Usage(10, 0, 0, 7, 0, is_estimated=True)), id="is an estimate"),
    ],
)
def test_requests_that_are_counted_together_count_as_each_by_itself(other: OperationRecord) -> None:
    apart, together = settled(UNARY, UNARY), settled(UNARY, other, UNARY)
    alone = settled(other)
    for name, values in together.items():
        assert values == {
            labels: count
            for labels in {*apart[name], *alone[name]}
            if (count := apart[name].get(labels, 0) + alone[name].get(labels, 0))
        }, name


def test_streams_and_answers_in_one_piece_are_told_apart() -> None:
    failed = unary(outcome="UPSTREAM_RESET", usage=None, cost_nanousd=None)
    counted = settled(RECORD, UNARY, RECORD, failed, replace(RECORD, surface="grpc", outcome="CLIENT_GONE"), UNARY)
    assert {name: counted[f"perpetuo_{name}"] for name in ("requests_total", "attempts_total")} == {
        "requests_total": {
            ("rest", "true", "ok"): 2,
            ("rest", "false", "ok"): 3,
            ("grpc", "true", "CLIENT_GONE"): 1,
        },
        "attempts_total": {("openai", "ok"): 5, ("openai", "UPSTREAM_RESET"): 1},
    }
    for name in ("request_seconds", "overhead_seconds"):
        assert counted[f"perpetuo_{name}"] == {("true",): 3, ("false",): 3}, name
    assert counted["perpetuo_upstream_answer_seconds"] == {("openai",): 2}
    assert counted["perpetuo_upstream_first_token_seconds"] == {("openai",): 3}
    assert counted["perpetuo_cost_usd_total"] == {("openai", "gpt-4o"): 5_000_000}


def test_a_request_is_in_flight_until_it_is_settled() -> None:
    requests = RequestMetrics(Metrics(), name_of)
    for _ in range(TOGETHER + 3):
        requests.begin()
    for number in range(TOGETHER + 1):
        assert requests.in_flight == TOGETHER + 3 - number
        requests.settle(UNARY, 0.0, 0.001)
    requests.count()
    assert requests.in_flight == 2


@pytest.mark.parametrize(("waited_s", "overhead_s"), [(0.4, 0.002), (0.0, None)])
def test_a_request_that_waited_or_has_no_overhead_is_counted_by_itself(
    waited_s: float, overhead_s: float | None
) -> None:
    counted = settled(UNARY, UNARY, waited_s=waited_s, overhead_s=overhead_s)
    assert counted["perpetuo_wait_seconds"] == {(): 2}
    assert counted["perpetuo_overhead_seconds"] == ({} if overhead_s is None else {("false",): 2})
    assert counted["perpetuo_requests_total"] == {("rest", "false", "ok"): 2}

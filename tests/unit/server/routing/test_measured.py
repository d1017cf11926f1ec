"""Measurements: what counts, what does not, and how it fades."""

from datetime import UTC, datetime

import pytest
from msgspec.structs import replace

from server.chat.records import AttemptRecord
from server.routing.measured import NOTHING, Measurements


def attempt(outcome: str = "ok", latency_ms: int = 100, first_token_ms: int | None = None) -> AttemptRecord:
    return AttemptRecord(1, "p", "openai", "m", outcome, 200, datetime.now(UTC), latency_ms, first_token_ms)


def test_means_and_rates() -> None:
    seen = Measurements()
    seen.note([attempt(latency_ms=100), attempt(latency_ms=300)], is_stream=False, now_s=0.0)
    seen.note([attempt("UPSTREAM_TIMEOUT", 9_000)], is_stream=False, now_s=0.0)
    found = seen.of("p", "m", is_stream=False, now_s=0.0)
    assert (found.calls, found.answers, found.latency_ms) == (3.0, 2.0, 200.0)
    assert found.error_rate == pytest.approx(1 / 3)


@pytest.mark.parametrize("outcome", ["CLIENT_GONE", "REQUEST_INVALID", "CONTEXT_TOO_LONG", "DEADLINE_EXCEEDED"])
def test_what_is_not_the_providers_doing_says_nothing(outcome: str) -> None:
    seen = Measurements()
    seen.note([attempt(outcome)], is_stream=False, now_s=0.0)
    assert seen.of("p", "m", is_stream=False, now_s=0.0) == NOTHING


def test_a_stream_that_broke_is_a_failure() -> None:
    seen = Measurements()
    seen.note([attempt("UPSTREAM_STREAM_INTERRUPTED")], is_stream=True, now_s=0.0)
    assert seen.of("p", "m", is_stream=True, now_s=0.0).error_rate == 1.0


def test_streams_are_measured_to_their_first_content_and_apart() -> None:
    seen = Measurements()
    seen.note([attempt(latency_ms=5_000, first_token_ms=70)], is_stream=True, now_s=0.0)
    assert seen.of("p", "m", is_stream=True, now_s=0.0).latency_ms == 70.0
    assert seen.of("p", "m", is_stream=False, now_s=0.0) == NOTHING


def test_what_was_seen_a_half_life_ago_weighs_half() -> None:
    seen = Measurements(half_life_s=10.0)
    seen.note([attempt(latency_ms=100)], is_stream=False, now_s=0.0)
    assert seen.of("p", "m", is_stream=False, now_s=10.0).calls == pytest.approx(0.5)
    seen.note([attempt(latency_ms=400)], is_stream=False, now_s=10.0)
    found = seen.of("p", "m", is_stream=False, now_s=10.0)
    assert found.latency_ms == pytest.approx(300.0)
    assert found.calls == pytest.approx(1.5)


def test_the_number_of_series_is_bounded() -> None:
    seen = Measurements(max_series=1)
    seen.note([attempt()], is_stream=False, now_s=0.0)
    seen.note([attempt()], is_stream=True, now_s=0.0)
    assert seen.of("p", "m", is_stream=False, now_s=0.0) == NOTHING
    assert seen.of("p", "m", is_stream=True, now_s=0.0).calls == 1.0


def test_the_one_that_was_noted_last_is_noted_as_any_other() -> None:
    seen = Measurements(max_series=2)
    for model in ("m", "m", "n", "m", "o", "m"):  # the last but one takes the place of the first
        seen.note([replace(attempt(), model=model)], is_stream=False, now_s=0.0)
    calls = [seen.of("p", model, is_stream=False, now_s=0.0).calls for model in ("m", "n", "o")]
    assert calls == [1.0, 0.0, 1.0]

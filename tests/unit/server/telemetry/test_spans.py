"""Spans of requests: their names are those of the conventions, and nothing that was said is in them."""

from datetime import UTC, datetime
from itertools import count
from typing import Any

import msgspec
import pytest
from opentelemetry.semconv._incubating.attributes import gen_ai_attributes as known
from opentelemetry.semconv.attributes import error_attributes, http_attributes
from opentelemetry.semconv.schemas import Schemas

from server.chat.records import AttemptRecord, OperationRecord
from server.chat.usage import Usage
from server.providers.registry import PROVIDERS
from server.telemetry.spans import SCHEMA, Answered, Parent, parent_of, spans_of
from tests.stores.records import answered

AT = datetime(2026, 5, 4, 12, 0, 0, 250_000, tzinfo=UTC)
AT_NS = int(AT.timestamp()) * 1_000_000_000 + 250_000_000
TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
USAGE = Usage(10, 20, 30, 4, 5)
FAILED = AttemptRecord(
    1, "prov_1", "openai", "gpt-4o", "UPSTREAM_UNAVAILABLE", 503, AT, 20, detail="it said: my secret prompt"
)
SERVED = AttemptRecord(2, "prov_2", "google", "gemini-2.5-pro", "ok", 200, AT, 70, 30, USAGE, 1_500_000)
RECORD = answered(
    surface="rest/messages",
    client_request_id="mine",
    model="gemini-2.5-pro",
    provider="google",
    usage=USAGE,
    cost_nanousd=1_500_000,
    latency_ms=100,
    first_token_ms=50,
    created_at=AT,
    notes=("a note of the prompt",),
    attempts=(FAILED, SERVED),
)


def made(record: OperationRecord = RECORD, parent: Parent | None = None) -> list[dict[str, Any]]:
    numbers = count(1)
    return spans_of(
        record,
        Answered("stop", "gemini-2.5-pro-001"),
        parent,
        lambda provider: PROVIDERS[provider].otel_name or provider,
        lambda size: f"{next(numbers):0{size * 2}x}",
    )


def told(span: dict[str, Any]) -> dict[str, Any]:
    """The attributes, as a collector reads them."""

    def plain(value: dict[str, Any]) -> Any:
        ((kind, inner),) = value.items()
        if kind == "arrayValue":
            return [plain(each) for each in inner["values"]]
        return int(inner) if kind == "intValue" else inner

    return {attribute["key"]: plain(attribute["value"]) for attribute in span["attributes"]}


def test_a_request_is_a_span_with_one_beneath_it_for_each_call() -> None:
    own, failed, served = made()
    assert (own["name"], own["kind"], own["status"]) == ("chat auto", 2, {})
    assert (int(own["startTimeUnixNano"]), int(own["endTimeUnixNano"])) == (AT_NS - 100_000_000, AT_NS)
    assert "parentSpanId" not in own
    assert (len(own["traceId"]), len(own["spanId"])) == (32, 16)
    assert [(each["parentSpanId"], each["traceId"], each["kind"]) for each in (failed, served)] == [
        (own["spanId"], own["traceId"], 3)
    ] * 2
    assert failed["status"] == {"code": 2, "message": "UPSTREAM_UNAVAILABLE"}
    assert int(served["endTimeUnixNano"]) - int(served["startTimeUnixNano"]) == 70_000_000
    assert len({each["spanId"] for each in (own, failed, served)}) == 3


def test_what_they_tell() -> None:
    own, failed, served = map(told, made())
    usage = {
        "gen_ai.usage.input_tokens": 60,
        "gen_ai.usage.output_tokens": 9,
        "gen_ai.usage.cache_read.input_tokens": 20,
        "gen_ai.usage.cache_creation.input_tokens": 30,
        "gen_ai.usage.reasoning.output_tokens": 5,
        "perpetuo.usage.estimated": False,
        "perpetuo.cost_usd": 0.0015,
    }
    assert own == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "gcp.gemini",
        "gen_ai.request.model": "auto",
        "gen_ai.response.model": "gemini-2.5-pro-001",
        "gen_ai.response.finish_reasons": ["stop"],
        "gen_ai.response.time_to_first_chunk": 0.05,
        "gen_ai.request.stream": True,
        "http.response.status_code": 200,
        "perpetuo.request_id": "req_1",
        "perpetuo.workspace_id": "ws_1",
        "perpetuo.surface": "rest/messages",
        "perpetuo.strategy": "default",
        "perpetuo.complexity": "simple",
        "perpetuo.cache_hit": False,
        "perpetuo.attempts": 2,
        **usage,
    }
    assert failed == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "gpt-4o",
        "http.response.status_code": 503,
        "perpetuo.provider_id": "prov_1",
        "perpetuo.attempt": 1,
        "error.type": "UPSTREAM_UNAVAILABLE",
    }
    assert served["gen_ai.provider.name"] == "gcp.gemini"
    assert usage.items() <= served.items()


def test_every_name_is_one_of_the_conventions_or_our_own() -> None:
    names = {value for name, value in vars(known).items() if name.startswith("GEN_AI_") and isinstance(value, str)}
    names |= {error_attributes.ERROR_TYPE, http_attributes.HTTP_RESPONSE_STATUS_CODE}
    for span in made():
        assert {name for name in told(span) if not name.startswith("perpetuo.")} <= names
    assert SCHEMA in {schema.value for schema in Schemas}
    operations = {each.value for each in known.GenAiOperationNameValues}
    assert {"chat", "embeddings", "text_completion"} <= operations


def test_providers_have_the_names_of_the_conventions() -> None:
    names = {each.value for each in known.GenAiProviderNameValues}
    assert {row.otel_name for row in PROVIDERS.values() if row.otel_name} <= names
    same = {"openai", "anthropic", "cohere", "deepseek", "groq", "perplexity"}
    assert same <= names & set(PROVIDERS)


def test_nothing_that_was_said_is_in_them() -> None:
    assert "secret" not in str(made())
    assert "note of the prompt" not in str(made())


@pytest.mark.parametrize(
    ("surface", "operation"),
    [
        ("rest", "chat"),
        ("grpc/responses", "chat"),
        ("rest/embeddings", "embeddings"),
        ("grpc/completions", "text_completion"),
    ],
)
def test_the_operation_is_that_of_the_face(surface: str, operation: str) -> None:
    own, *_ = made(msgspec.structs.replace(RECORD, surface=surface))
    assert told(own)["gen_ai.operation.name"] == operation


def test_a_request_of_a_caller_who_traces_is_within_its_trace() -> None:
    own, *calls = made(parent=Parent(TRACE, SPAN, is_sampled=True))
    assert (own["traceId"], own["parentSpanId"]) == (TRACE, SPAN)
    assert {call["traceId"] for call in calls} == {TRACE}


PARENTS = [
    (f"00-{TRACE}-{SPAN}-01", Parent(TRACE, SPAN, is_sampled=True)),
    (f"00-{TRACE}-{SPAN}-00", Parent(TRACE, SPAN, is_sampled=False)),
    (f" 01-{TRACE}-{SPAN}-03-more ", Parent(TRACE, SPAN, is_sampled=True)),
    (f"00-{TRACE}-{SPAN}-01-more", None),
    (f"ff-{TRACE}-{SPAN}-01", None),
    (f"00-{'0' * 32}-{SPAN}-01", None),
    (f"00-{TRACE}-{'0' * 16}-01", None),
    (f"00-{TRACE.upper()}-{SPAN}-01", None),
    (f"00-{TRACE[:-1]}-{SPAN}-01", None),
    (f"00-{TRACE}-{SPAN}-zz", None),
    ("", None),
    ("---", None),
]


@pytest.mark.parametrize(("header", "parent"), PARENTS)
def test_the_callers_span(header: str, parent: Parent | None) -> None:
    assert parent_of(header) == parent

"""Spans of requests in OpenTelemetry's form: one for each request, and beneath it one for each upstream call.

Pure: settled records in, spans of OTLP's JSON encoding out. The names are those of the conventions for generative AI,
all here and nowhere else, because they are not stable yet; `SCHEMA` says which version of them. Prompts, answers and
messages of errors are in no span. Tokens of the prompt are all of them, those of the cache among it, and tokens of the
answer are reasoning too, as the conventions have it; `perpetuo.usage.estimated` says that nobody has reported them.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final, NamedTuple

from server.chat.records import AttemptRecord, OperationRecord
from server.chat.usage import Usage

SCHEMA: Final = "https://opentelemetry.io/schemas/1.44.0"

_SERVER: Final = 2
_CLIENT: Final = 3
_FAILED: Final = 2
_OK: Final = "ok"
_CHAT: Final = "chat"
_OPERATIONS: Final = {"embeddings": "embeddings", "completions": "text_completion"}
_NANO: Final = 1_000_000_000
_PARENT_PARTS: Final = 4
_TRACE_CHARS: Final = 32
_SPAN_CHARS: Final = 16
_SAMPLED: Final = 1
_HEX: Final = frozenset("0123456789abcdef")

Span = dict[str, Any]
NewId = Callable[[int], str]
"""A number of bytes to so many random bytes in hexadecimal."""

NameOf = Callable[[str], str]
"""A provider to its name in the conventions."""


class Parent(NamedTuple):
    """The span of the caller, from the header `traceparent`."""

    trace_id: str
    span_id: str
    is_sampled: bool


class Answered(NamedTuple):
    """What an answer says beyond its record: the first reason why it ended, and what its model calls itself."""

    finish_reason: str = ""
    model: str = ""


def parent_of(header: str) -> Parent | None:
    """The caller's span by W3C's trace context; None for a header that is none."""
    parts = header.strip().split("-")
    if len(parts) < _PARENT_PARTS or (parts[0] == "00" and len(parts) > _PARENT_PARTS):
        return None
    version, trace_id, span_id, flags = parts[:_PARENT_PARTS]
    sizes = tuple(map(len, (version, trace_id, span_id, flags)))
    if sizes != (2, _TRACE_CHARS, _SPAN_CHARS, 2) or version == "ff":
        return None
    if not _HEX.issuperset(version + trace_id + span_id + flags) or not trace_id.strip("0") or not span_id.strip("0"):
        return None
    return Parent(trace_id, span_id, bool(int(flags, 16) & _SAMPLED))


def spans_of(
    record: OperationRecord, answered: Answered, parent: Parent | None, name_of: NameOf, new_id: NewId
) -> list[Span]:
    """The spans of a settled request, its own first."""
    trace_id = new_id(_TRACE_CHARS // 2) if parent is None else parent.trace_id
    operation = _OPERATIONS.get(record.surface.partition("/")[2], _CHAT)
    end_ns = _ns(record.created_at)
    model = record.model_requested or record.model
    members = {
        "gen_ai.request.model": model,
        "gen_ai.response.model": answered.model or record.model,
        "gen_ai.response.finish_reasons": [answered.finish_reason] if answered.finish_reason else None,
        "gen_ai.response.time_to_first_chunk": _seconds(record.first_token_ms) if record.is_stream else None,
        "gen_ai.request.stream": record.is_stream,
        "http.response.status_code": record.status,
        "perpetuo.request_id": record.request_id,
        "perpetuo.workspace_id": record.workspace_id,
        "perpetuo.surface": record.surface,
        "perpetuo.strategy": record.strategy,
        "perpetuo.complexity": record.complexity,
        "perpetuo.cache_hit": record.is_cache_hit,
        "perpetuo.attempts": len(record.attempts),
    }
    spent = _spent(record.usage, record.cost_nanousd)
    provider = name_of(record.provider) if record.provider else None
    own = {
        **_span(trace_id, new_id(_SPAN_CHARS // 2), f"{operation} {model}".strip(), _SERVER),
        **_times(end_ns - record.latency_ms * 1_000_000, end_ns),
        **_told(operation, provider, record.outcome, {**members, **spent}),
    }
    if parent is not None:
        own["parentSpanId"] = parent.span_id
    return [own, *(_call(operation, attempt, own, name_of, new_id) for attempt in record.attempts)]


def _call(operation: str, attempt: AttemptRecord, own: Span, name_of: NameOf, new_id: NewId) -> Span:
    """The span of an upstream call."""
    start_ns = _ns(attempt.started_at)
    members = {
        "gen_ai.request.model": attempt.model,
        "gen_ai.response.time_to_first_chunk": _seconds(attempt.first_token_ms),
        "http.response.status_code": attempt.status,
        "perpetuo.provider_id": attempt.provider_id,
        "perpetuo.attempt": attempt.number,
        **_spent(attempt.usage, attempt.cost_nanousd),
    }
    return {
        **_span(own["traceId"], new_id(_SPAN_CHARS // 2), f"{operation} {attempt.model}".strip(), _CLIENT),
        "parentSpanId": own["spanId"],
        **_times(start_ns, start_ns + attempt.latency_ms * 1_000_000),
        **_told(operation, name_of(attempt.provider), attempt.outcome, members),
    }


def _span(trace_id: str, span_id: str, name: str, kind: int) -> Span:
    return {"traceId": trace_id, "spanId": span_id, "name": name, "kind": kind}


def _times(start_ns: int, end_ns: int) -> Span:
    return {"startTimeUnixNano": str(start_ns), "endTimeUnixNano": str(end_ns)}


def _told(operation: str, provider: str | None, outcome: str, members: Mapping[str, object]) -> Span:
    """The attributes, those that are known, and the status."""
    is_ok = outcome == _OK
    told = {
        "gen_ai.operation.name": operation,
        "gen_ai.provider.name": provider,
        **members,
        "error.type": None if is_ok else outcome,
    }
    attributes = [{"key": key, "value": _value(value)} for key, value in told.items() if value is not None]
    return {"attributes": attributes, "status": {} if is_ok else {"code": _FAILED, "message": outcome}}


def _spent(usage: Usage | None, cost_nanousd: int | None) -> dict[str, object]:
    """Tokens and cost, as far as they are known."""
    cost = {"perpetuo.cost_usd": None if cost_nanousd is None else cost_nanousd / _NANO}
    if usage is None:
        return {**cost}
    return {
        "gen_ai.usage.input_tokens": usage.prompt_tokens,
        "gen_ai.usage.output_tokens": usage.completion_tokens,
        "gen_ai.usage.cache_read.input_tokens": usage.cache_read_tokens,
        "gen_ai.usage.cache_creation.input_tokens": usage.cache_write_tokens,
        "gen_ai.usage.reasoning.output_tokens": usage.reasoning_tokens,
        "perpetuo.usage.estimated": usage.is_estimated,
        **cost,
    }


def _value(value: object) -> dict[str, object]:
    """A value in the JSON encoding of OTLP, where 64-bit integers are texts."""
    if isinstance(value, bool):
        return {"boolValue": value}
    if isinstance(value, int):
        return {"intValue": str(value)}
    if isinstance(value, float):
        return {"doubleValue": value}
    if isinstance(value, list):
        return {"arrayValue": {"values": [_value(each) for each in value]}}
    return {"stringValue": str(value)}


def _seconds(milliseconds: int | None) -> float | None:
    return None if milliseconds is None else milliseconds / 1000


def _ns(moment: datetime) -> int:
    """Nanoseconds since 1970, to the microsecond."""
    return int(moment.timestamp() * 1_000_000) * 1000

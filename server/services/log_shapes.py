"""Request records as messages. One function for each; nothing else."""

from typing import Any

from perpetuo.v1 import logs_pb2

from server.chat.records import AttemptRecord, OperationRecord
from server.chat.usage import Usage
from server.services.shapes import timestamp
from server.storage.contents import KeptContent


def log_message(record: OperationRecord) -> logs_pb2.Log:
    """A record as it stands in a list."""
    return logs_pb2.Log(**_members(record))


def log_detail_message(record: OperationRecord, content: KeptContent | None = None) -> logs_pb2.LogDetail:
    """A record with its attempts, and what was said if it is kept."""
    attempts = [_attempt_message(attempt) for attempt in record.attempts]
    return logs_pb2.LogDetail(
        **_members(record), attempts=attempts, content=None if content is None else _content_message(content)
    )


def _members(record: OperationRecord) -> dict[str, Any]:
    return {
        "request_id": record.request_id,
        "model": record.model or record.model_requested,
        "provider": record.provider,
        "tokens": _tokens(record.usage),
        "cost_nanousd": _cost_nanousd(record),
        "status": record.status,
        "latency_ms": record.latency_ms,
        "created_at": timestamp(record.created_at),
        "outcome": record.outcome,
        "model_requested": record.model_requested,
        "provider_id": record.provider_id,
        "key_id": record.key_id,
        "surface": record.surface,
        "client_request_id": record.client_request_id,
        "strategy": record.strategy,
        "complexity": record.complexity,
        "stream": record.is_stream,
        "cache_hit": record.is_cache_hit,
        "first_token_ms": record.first_token_ms,
        "token_counts": _token_counts(record.usage),
        "notes": record.notes,
        "saved_cost_nanousd": record.saved_nanousd,
    }


def _attempt_message(attempt: AttemptRecord) -> logs_pb2.LogAttempt:
    return logs_pb2.LogAttempt(
        number=attempt.number,
        provider_id=attempt.provider_id,
        provider=attempt.provider,
        model=attempt.model,
        outcome=attempt.outcome,
        status=attempt.status,
        started_at=timestamp(attempt.started_at),
        latency_ms=attempt.latency_ms,
        first_token_ms=attempt.first_token_ms,
        tokens=_tokens(attempt.usage),
        cost_nanousd=_cost_nanousd(attempt),
        token_counts=_token_counts(attempt.usage),
        detail=attempt.detail,
    )


def _content_message(content: KeptContent) -> logs_pb2.LogContent:
    return logs_pb2.LogContent(
        request=content.request.decode("utf-8", "replace"),
        answer=content.answer.decode("utf-8", "replace"),
        is_cut=content.is_cut,
        is_redacted=content.is_redacted,
    )


def _tokens(usage: Usage | None) -> int:
    return 0 if usage is None else usage.total_tokens


def _cost_nanousd(record: OperationRecord | AttemptRecord) -> int | None:
    """The cost; where no tokens are known, none were paid for as far as anybody knows."""
    return 0 if record.cost_nanousd is None and record.usage is None else record.cost_nanousd


def _token_counts(usage: Usage | None) -> logs_pb2.TokenCounts:
    if usage is None:
        return logs_pb2.TokenCounts()
    return logs_pb2.TokenCounts(
        input=usage.input_tokens,
        cache_read=usage.cache_read_tokens,
        cache_write=usage.cache_write_tokens,
        output=usage.output_tokens,
        reasoning=usage.reasoning_tokens,
        estimated=usage.is_estimated,
    )

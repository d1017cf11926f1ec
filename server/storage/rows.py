"""Request records as rows: the values of the tables' columns, in order, as databases take them. Pure.

Written out, because it runs for every request.
"""

from typing import Any, Final, cast

import msgspec

from server.chat.records import AttemptRecord, OperationRecord
from server.chat.usage import Usage
from server.storage.columns import to_json, to_micros

Row = tuple[Any, ...]

MAX_MODEL_CHARS: Final = 200
_NO_USAGE: Final[Any] = Usage(*cast(Any, (None,) * len(msgspec.structs.fields(Usage))))
"""What stands in a row without usage."""


def operation_row(operation: OperationRecord, price_version: str) -> Row:
    """A row of `operations`. Raises ValueError for what no database can hold."""
    usage, cost_nanousd, model = operation.usage or _NO_USAGE, operation.cost_nanousd, operation.model
    asked, client_request_id, notes = operation.model_requested, operation.client_request_id, operation.notes
    return (
        operation.request_id,
        operation.workspace_id,
        operation.user_id,
        operation.key_id,
        operation.surface,
        None if client_request_id is None else _plain(client_request_id),
        _plain(asked) if "\x00" in asked else asked,
        model if len(model) <= MAX_MODEL_CHARS else model[:MAX_MODEL_CHARS],
        operation.provider,
        operation.provider_id,
        operation.strategy,
        operation.complexity,
        1 if operation.is_stream else 0,
        1 if operation.is_cache_hit else 0,
        operation.status,
        operation.outcome,
        usage.input_tokens,
        usage.cache_read_tokens,
        usage.cache_write_tokens,
        usage.output_tokens,
        usage.reasoning_tokens,
        None if usage is _NO_USAGE else 1 if usage.is_estimated else 0,
        cost_nanousd,
        None if cost_nanousd is None else operation.price_version or price_version,
        operation.latency_ms,
        operation.first_token_ms,
        to_micros(operation.created_at),
        to_json(notes) if notes else "[]",
        operation.saved_nanousd,
    )


def attempt_row(request_id: str, attempt: AttemptRecord, price_version: str) -> Row:
    """A row of `attempts`. Raises ValueError for what no database can hold."""
    usage, cost_nanousd, detail = attempt.usage or _NO_USAGE, attempt.cost_nanousd, attempt.detail
    return (
        request_id,
        attempt.number,
        attempt.provider_id,
        attempt.provider,
        attempt.model,
        attempt.outcome,
        attempt.status,
        to_micros(attempt.started_at),
        attempt.latency_ms,
        attempt.first_token_ms,
        usage.input_tokens,
        usage.cache_read_tokens,
        usage.cache_write_tokens,
        usage.output_tokens,
        usage.reasoning_tokens,
        None if usage is _NO_USAGE else 1 if usage.is_estimated else 0,
        cost_nanousd,
        None if cost_nanousd is None else attempt.price_version or price_version,
        _plain(detail) if detail else "",
    )


def _plain(text: str) -> str:
    """What strangers wrote, without NUL, which not every database can hold."""
    return text.replace("\x00", "\ufffd") if "\x00" in text else text

"""What request records add to the sums by minute, hour and day. Pure.

A batch is summed up here first, so that the database is asked once for each key and not for each request. Only records
that are new may come in: sums cannot tell that something was in them already. The coarser tables are sums of the finer
ones, so their keys are the same but for the start.
"""

from collections.abc import Iterable, Iterator, Sequence
from operator import attrgetter
from typing import Any

from sqlalchemy import Table

from server.chat.records import AttemptRecord, OperationRecord
from server.storage.backend import Addition
from server.storage.buckets import bucket_of
from server.storage.columns import to_micros
from server.storage.tables import (
    CALL_DAYS,
    CALL_HOURS,
    LATENCY_DAYS,
    LATENCY_HOURS,
    USAGE_DAYS,
    USAGE_HOURS,
    USAGE_MINUTES,
)

MINUTE_US = 60_000_000
HOUR_US = 60 * MINUTE_US
DAY_US = 24 * HOUR_US

REQUEST_MS = 0
"""How long requests took; without provider and model."""
REQUEST_FIRST_TOKEN_MS = 1
"""How long requests took to their first content; without provider and model."""
CALL_MS = 2
"""How long upstream calls took that were answered."""
CALL_FIRST_TOKEN_MS = 3
"""How long they took to their first content."""

MAX_MODEL_CHARS = 200
_START = 1  # the place of the start in a key
_KEYS = {
    table.name: tuple(column.name for column in table.primary_key.columns)
    for table in (USAGE_MINUTES, USAGE_HOURS, USAGE_DAYS, CALL_HOURS, CALL_DAYS, LATENCY_HOURS, LATENCY_DAYS)
}
_tokens_of = attrgetter("input_tokens", "cache_read_tokens", "cache_write_tokens", "output_tokens", "reasoning_tokens")
_NO_TOKENS = (0, 0, 0, 0, 0)

Key = tuple[Any, ...]
Sums = dict[Key, list[int]]
"""Counters by the values of a table's key, in the order of its columns."""


def rollup_additions(operations: Sequence[OperationRecord]) -> Iterator[Addition]:
    """What new operations add to the roll-ups, sorted as additions must be."""
    for table, sums in _tables(operations):
        rows = [(*values, *counters) for values, counters in sorted(sums.items())]
        yield Addition(table, _KEYS[table.name], rows, sums_up=True)


def shown_model(operation: OperationRecord) -> str:
    """The model that the logs show: the one that answered, else the one asked for."""
    # A row has no NUL in what strangers wrote.
    return (operation.model or operation.model_requested.replace("\x00", "\ufffd"))[:MAX_MODEL_CHARS]


def _tables(operations: Sequence[OperationRecord]) -> Iterator[tuple[Table, Sums]]:
    minutes = usage_of(operations)
    hours = coarser(minutes, HOUR_US)
    yield USAGE_MINUTES, minutes
    yield USAGE_HOURS, hours
    yield USAGE_DAYS, coarser(hours, DAY_US)
    calls = calls_of(operations)
    yield CALL_HOURS, calls
    yield CALL_DAYS, coarser(calls, DAY_US)
    latencies = latencies_of(operations)
    yield LATENCY_HOURS, latencies
    yield LATENCY_DAYS, coarser(latencies, DAY_US)


def usage_of(operations: Iterable[OperationRecord]) -> Sums:
    """Operations by minute."""
    sums: Sums = {}
    for operation in operations:
        micros = to_micros(operation.created_at)
        key = (
            operation.workspace_id,
            micros - micros % MINUTE_US,
            operation.provider,
            operation.provider_id,
            shown_model(operation),
            operation.key_id or "",
            operation.status,
            operation.outcome,
            int(operation.is_cache_hit),
        )
        _add(sums, key, _usage_counters(operation))
    return sums


def _usage_counters(operation: OperationRecord) -> list[int]:
    usage, cost, first_token_ms = operation.usage, operation.cost_nanousd, operation.first_token_ms
    has_first_token = first_token_ms is not None
    return [
        1,
        0 if usage is None else int(usage.is_estimated),
        int(usage is not None and cost is None),
        *(_NO_TOKENS if usage is None else _tokens_of(usage)),
        cost or 0,
        operation.saved_nanousd or 0,
        operation.latency_ms,
        int(has_first_token),
        first_token_ms or 0,
    ]


def calls_of(operations: Iterable[OperationRecord]) -> Sums:
    """Attempts by hour."""
    sums: Sums = {}
    for operation in operations:
        for attempt in operation.attempts:
            key = (*_call_place(operation), attempt.provider, attempt.provider_id, attempt.model[:MAX_MODEL_CHARS])
            has_first_token = attempt.first_token_ms is not None
            counters = [1, attempt.latency_ms, int(has_first_token), attempt.first_token_ms or 0]
            _add(sums, (*key, attempt.outcome), counters)
    return sums


def latencies_of(operations: Iterable[OperationRecord]) -> Sums:
    """Times in buckets, by hour."""
    sums: Sums = {}
    for operation in operations:
        place = _call_place(operation)
        _add(sums, (*place, REQUEST_MS, "", "", bucket_of(operation.latency_ms)), [1])
        if operation.first_token_ms is not None:
            _add(sums, (*place, REQUEST_FIRST_TOKEN_MS, "", "", bucket_of(operation.first_token_ms)), [1])
        for attempt in operation.attempts:
            if attempt.outcome == "ok":
                _add_call(sums, place, attempt)
    return sums


def _add_call(sums: Sums, place: Key, attempt: AttemptRecord) -> None:
    model = attempt.model[:MAX_MODEL_CHARS]
    _add(sums, (*place, CALL_MS, attempt.provider, model, bucket_of(attempt.latency_ms)), [1])
    if attempt.first_token_ms is not None:
        bucket = bucket_of(attempt.first_token_ms)
        _add(sums, (*place, CALL_FIRST_TOKEN_MS, attempt.provider, model, bucket), [1])


def coarser(sums: Sums, span_us: int) -> Sums:
    """The same over spans of that length."""
    made: Sums = {}
    for key, counters in sums.items():
        start = key[_START]
        _add(made, (*key[:_START], start - start % span_us, *key[_START + 1 :]), counters)
    return made


def _call_place(operation: OperationRecord) -> Key:
    micros = to_micros(operation.created_at)
    return operation.workspace_id, micros - micros % HOUR_US


def _add(sums: Sums, key: Key, counters: list[int]) -> None:
    known = sums.get(key)
    if known is None:
        sums[key] = list(counters)
        return
    for place, count in enumerate(counters):
        known[place] += count

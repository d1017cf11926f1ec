"""What request records add to the sums by minute, hour and day. Pure.

A batch is summed up here first, so that the database is asked once for each key and not for each request. Only records
that are new may come in: sums cannot tell that something was in them already. The coarser tables are sums of the finer
ones, so their keys are the same but for the start.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from server.chat.records import AttemptRecord, OperationRecord
from server.storage.backend import Addition
from server.storage.buckets import bucket_of
from server.storage.columns import to_micros
from server.storage.tables import (
    CALL_DAYS,
    CALL_HOURS,
    CALL_SUMS,
    LATENCY_DAYS,
    LATENCY_HOURS,
    USAGE_DAYS,
    USAGE_HOURS,
    USAGE_MINUTES,
    USAGE_SUMS,
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

Key = tuple[Any, ...]
Sums = dict[Key, list[int]]
"""Counters by the values of a table's key, in the order of its columns."""


def rollup_additions(operations: Sequence[OperationRecord]) -> Iterator[Addition]:
    """What new operations add to the roll-ups, sorted as additions must be."""
    minutes, calls, latencies = _summed(operations)
    hours = coarser(minutes, HOUR_US)
    for table, sums in (
        (USAGE_MINUTES, minutes),
        (USAGE_HOURS, hours),
        (USAGE_DAYS, coarser(hours, DAY_US)),
        (CALL_HOURS, calls),
        (CALL_DAYS, coarser(calls, DAY_US)),
        (LATENCY_HOURS, latencies),
        (LATENCY_DAYS, coarser(latencies, DAY_US)),
    ):
        rows = [(*values, *counters) for values, counters in sorted(sums.items())]
        yield Addition(table, _KEYS[table.name], rows, sums_up=True)


def shown_model(operation: OperationRecord) -> str:
    """The model that the logs show: the one that answered, else the one asked for."""
    model = operation.model
    if not model:
        # A row has no NUL in what strangers wrote.
        model = operation.model_requested.replace("\x00", "\ufffd")
    return model[:MAX_MODEL_CHARS]


def usage_of(operations: Iterable[OperationRecord]) -> Sums:
    """Operations by minute."""
    return _summed(operations)[0]


def _summed(operations: Iterable[OperationRecord]) -> tuple[Sums, Sums, Sums]:
    """Operations by minute, attempts and times in buckets by hour."""
    minutes: Sums = {}
    calls: Sums = {}
    latencies: Sums = {}
    for operation in operations:
        micros = to_micros(operation.created_at)
        _count_usage(minutes, operation, micros - micros % MINUTE_US)
        workspace_id, hour_us = operation.workspace_id, micros - micros % HOUR_US
        first_token_ms = operation.first_token_ms
        _count(latencies, (workspace_id, hour_us, REQUEST_MS, "", "", bucket_of(operation.latency_ms)))
        if first_token_ms is not None:
            _count(latencies, (workspace_id, hour_us, REQUEST_FIRST_TOKEN_MS, "", "", bucket_of(first_token_ms)))
        for attempt in operation.attempts:
            _count_call(calls, latencies, attempt, (workspace_id, hour_us))
    return minutes, calls, latencies


def _count_usage(minutes: Sums, operation: OperationRecord, minute_us: int) -> None:
    """Written out, as what follows it, because it runs for every request."""
    usage, cost_nanousd, first_token_ms = operation.usage, operation.cost_nanousd, operation.first_token_ms
    key = (
        operation.workspace_id,
        minute_us,
        operation.provider,
        operation.provider_id,
        shown_model(operation),
        operation.key_id or "",
        operation.status,
        operation.outcome,
        1 if operation.is_cache_hit else 0,
    )
    sums = minutes.get(key)
    if sums is None:
        sums = minutes[key] = [0] * len(USAGE_SUMS)
    sums[0] += 1
    if usage is not None:
        if usage.is_estimated:
            sums[1] += 1
        if cost_nanousd is None:
            sums[2] += 1
        sums[3] += usage.input_tokens
        sums[4] += usage.cache_read_tokens
        sums[5] += usage.cache_write_tokens
        sums[6] += usage.output_tokens
        sums[7] += usage.reasoning_tokens
    if cost_nanousd:
        sums[8] += cost_nanousd
    if operation.saved_nanousd:
        sums[9] += operation.saved_nanousd
    sums[10] += operation.latency_ms
    if first_token_ms is not None:
        sums[11] += 1
        sums[12] += first_token_ms


def _count_call(calls: Sums, latencies: Sums, attempt: AttemptRecord, place: tuple[str, int]) -> None:
    """An attempt under the workspace and the hour of its operation."""
    workspace_id, hour_us = place
    provider, model, outcome = attempt.provider, attempt.model[:MAX_MODEL_CHARS], attempt.outcome
    latency_ms, first_token_ms = attempt.latency_ms, attempt.first_token_ms
    key = (workspace_id, hour_us, provider, attempt.provider_id, model, outcome)
    sums = calls.get(key)
    if sums is None:
        sums = calls[key] = [0] * len(CALL_SUMS)
    sums[0] += 1
    sums[1] += latency_ms
    if first_token_ms is not None:
        sums[2] += 1
        sums[3] += first_token_ms
    if outcome == "ok":
        _count(latencies, (workspace_id, hour_us, CALL_MS, provider, model, bucket_of(latency_ms)))
        if first_token_ms is not None:
            bucket = bucket_of(first_token_ms)
            _count(latencies, (workspace_id, hour_us, CALL_FIRST_TOKEN_MS, provider, model, bucket))


def _count(latencies: Sums, key: Key) -> None:
    known = latencies.get(key)
    if known is None:
        latencies[key] = [1]
    else:
        known[0] += 1


def coarser(sums: Sums, span_us: int) -> Sums:
    """The same over spans of that length."""
    made: Sums = {}
    for key, counters in sums.items():
        start = key[_START]
        _add(made, (*key[:_START], start - start % span_us, *key[_START + 1 :]), counters)
    return made


def _add(sums: Sums, key: Key, counters: list[int]) -> None:
    known = sums.get(key)
    if known is None:
        sums[key] = list(counters)
        return
    for place, count in enumerate(counters):
        known[place] += count

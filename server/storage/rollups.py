"""What request records add to the sums by minute, hour and day. Pure.

A batch is summed up here first, so that the database is asked once for each key and not for each request. Only records
that are new may come in: sums cannot tell that something was in them already. The coarser tables are sums of the finer
ones, so their keys are the same but for the start.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from operator import itemgetter
from typing import Any

from server.chat.records import OperationRecord
from server.storage.backend import Addition
from server.storage.buckets import bucket_of
from server.storage.rows import MAX_MODEL_CHARS, Row
from server.storage.tables import (
    CALL_DAYS,
    CALL_HOURS,
    LATENCY_DAYS,
    LATENCY_HOURS,
    OPERATIONS,
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

_START = 1  # the place of the start in a key
_PLACES = {column.name: place for place, column in enumerate(OPERATIONS.columns)}
_CREATED_AT, _LATENCY, _FIRST_TOKEN = _PLACES["created_at"], _PLACES["latency_ms"], _PLACES["first_token_ms"]
_TOKENS = tuple(itemgetter(_PLACES[name]) for name in USAGE_SUMS if name in _PLACES and name.endswith("_tokens"))
_cost_of, _saved_of, _latency_of = map(itemgetter, (_PLACES["cost_nanousd"], _PLACES["saved_nanousd"], _LATENCY))
_ALIKE = (
    "workspace_id", "provider", "provider_id", "model", "model_requested", "key_id", "status", "outcome",
    "is_cache_hit", "is_estimated", "price_version",
)  # fmt: skip
_alike = itemgetter(*(_PLACES[name] for name in _ALIKE))
"""Under what a row is counted but for its time, and which of its numbers are there."""
_KEYS = {
    table.name: tuple(column.name for column in table.primary_key.columns)
    for table in (USAGE_MINUTES, USAGE_HOURS, USAGE_DAYS, CALL_HOURS, CALL_DAYS, LATENCY_HOURS, LATENCY_DAYS)
}

Key = tuple[Any, ...]
Sums = dict[Key, list[int]]
"""Counters by the values of a table's key, in the order of its columns."""

Times = dict[Key, list[int]]
"""Times in milliseconds by the key of their table but for the bucket."""


def rollup_additions(operations: Sequence[OperationRecord], rows: Sequence[Row]) -> Iterator[Addition]:
    """What new operations, whose rows these are, add to the roll-ups, sorted as additions must be."""
    minutes, calls, latencies = _summed(operations, rows)
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


def usage_of(rows: Iterable[Row]) -> Sums:
    """Rows of operations by minute."""
    minutes: Sums = {}
    _count_requests(rows, minutes, {})
    return minutes


def _summed(operations: Iterable[OperationRecord], rows: Sequence[Row]) -> tuple[Sums, Sums, Sums]:
    """Operations by minute, attempts and times in buckets by hour."""
    minutes: Sums = {}
    calls: Sums = {}
    times: Times = {}
    _count_requests(rows, minutes, times)
    for key, (times_ms, first_token_times_ms) in _calls_of(operations, rows).items():
        workspace_id, hour_us, provider, provider_id, model, outcome = key
        shown = model[:MAX_MODEL_CHARS]
        sums = [len(times_ms), sum(times_ms), len(first_token_times_ms), sum(first_token_times_ms)]
        _add(calls, (workspace_id, hour_us, provider, provider_id, shown, outcome), sums)
        if outcome == "ok":
            times.setdefault((workspace_id, hour_us, CALL_MS, provider, shown), []).extend(times_ms)
            if first_token_times_ms:
                place = workspace_id, hour_us, CALL_FIRST_TOKEN_MS, provider, shown
                times.setdefault(place, []).extend(first_token_times_ms)
    return minutes, calls, _in_buckets(times)


def _count_requests(rows: Iterable[Row], minutes: Sums, all_times: Times) -> None:
    """Most rows of a batch agree in what they are counted under: they are put together, and each column is summed."""
    groups: dict[Key, list[Row]] = {}
    group: list[Row] = []
    last: Key | None = None
    for row in rows:
        key = row[_CREATED_AT] // MINUTE_US, _alike(row)
        if key != last:
            last, group = key, groups.setdefault(key, [])
        group.append(row)
    for (minute, alike), group in groups.items():
        times_ms = list(map(_latency_of, group))
        first_token_times_ms = [row[_FIRST_TOKEN] for row in group if row[_FIRST_TOKEN] is not None]
        times = [sum(times_ms), len(first_token_times_ms), sum(first_token_times_ms)]
        _add(minutes, _usage_key(minute * MINUTE_US, alike), [*_usage_sums(group, alike), *times])
        hour_us = minute * MINUTE_US // HOUR_US * HOUR_US
        all_times.setdefault((alike[0], hour_us, REQUEST_MS, "", ""), []).extend(times_ms)
        if first_token_times_ms:
            place = alike[0], hour_us, REQUEST_FIRST_TOKEN_MS, "", ""
            all_times.setdefault(place, []).extend(first_token_times_ms)


def _usage_key(start_us: int, alike: Key) -> Key:
    workspace_id, provider, provider_id, model, model_requested, key_id, status, outcome, is_cache_hit, _, _ = alike
    shown = model or model_requested[:MAX_MODEL_CHARS]
    return workspace_id, start_us, provider, provider_id, shown, key_id or "", status, outcome, is_cache_hit


def _usage_sums(group: Sequence[Row], alike: Key) -> list[int]:
    """The counters of rows that are alike, but for times."""
    count, (is_estimated, price_version) = len(group), alike[-2:]
    has_usage, has_price = is_estimated is not None, price_version is not None
    return [
        count,
        count if is_estimated else 0,
        count if has_usage and not has_price else 0,
        *(sum(map(tokens_of, group)) if has_usage else 0 for tokens_of in _TOKENS),
        sum(map(_cost_of, group)) if has_price else 0,
        sum(filter(None, map(_saved_of, group))),
    ]


def _calls_of(operations: Iterable[OperationRecord], rows: Iterable[Row]) -> dict[Key, tuple[list[int], list[int]]]:
    """How long attempts took, and those to which content came to that, under the time of their operations."""
    calls: dict[Key, tuple[list[int], list[int]]] = {}
    last: Key | None = None
    times_ms, first_token_times_ms = list[int](), list[int]()
    for operation, row in zip(operations, rows, strict=True):
        for attempt in operation.attempts:
            hour_us = row[_CREATED_AT] // HOUR_US * HOUR_US
            key = row[1], hour_us, attempt.provider, attempt.provider_id, attempt.model, attempt.outcome
            if key != last:
                last = key
                times_ms, first_token_times_ms = calls.setdefault(key, ([], []))
            times_ms.append(attempt.latency_ms)
            if attempt.first_token_ms is not None:
                first_token_times_ms.append(attempt.first_token_ms)
    return calls


def _in_buckets(times: Times) -> Sums:
    """Counts times in their buckets; most are told in whole milliseconds, of which there are few."""
    latencies: Sums = {}
    for place, times_ms in times.items():
        for time_ms, count in Counter(times_ms).items():
            _add(latencies, (*place, bucket_of(time_ms)), (count,))
    return latencies


def coarser(sums: Sums, span_us: int) -> Sums:
    """The same over spans of that length."""
    made: Sums = {}
    for key, counters in sums.items():
        start = key[_START]
        _add(made, (*key[:_START], start - start % span_us, *key[_START + 1 :]), counters)
    return made


def _add(sums: Sums, key: Key, counters: Sequence[int]) -> None:
    known = sums.get(key)
    if known is None:
        sums[key] = list(counters)
        return
    for place, count in enumerate(counters):
        known[place] += count

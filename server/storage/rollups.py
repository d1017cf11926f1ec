"""What request records add to the sums by minute, hour and day. Pure.

A batch is summed up here first, so that the database is asked once for each key and not for each request. Only records
that are new may come in: sums cannot tell that something was in them already. The coarser tables are sums of the finer
ones, so their keys are the same but for the start.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from operator import add, itemgetter
from typing import Any

from server.chat.records import OperationRecord
from server.storage.backend import Addition
from server.storage.buckets import bucket_of
from server.storage.columns import to_micros
from server.storage.rows import COMMON, MAX_MODEL_CHARS, OWN, USUAL, Group, Row
from server.storage.tables import (
    CALL_DAYS,
    CALL_HOURS,
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

_START = 1  # the place of the start in a key
_PLACES = {name: place for place, name in enumerate((*OWN, *dict(USUAL)))}
_CREATED_AT, _COST, _SAVED = (_PLACES[name] for name in ("created_at", "cost_nanousd", "saved_nanousd"))
_LATENCY, _FIRST_TOKEN = _PLACES["latency_ms"], _PLACES["first_token_ms"]
_CALL_LATENCY, _CALL_FIRST_TOKEN = _PLACES["call_latency_ms"], _PLACES["call_first_token_ms"]
_TOKENS = tuple(_PLACES[name] for name in USAGE_SUMS if name in _PLACES and name.endswith("_tokens"))
_common_of = itemgetter(
    *(COMMON.index(name) + 1 for name in (
        "workspace_id", "provider", "provider_id", "model", "model_requested", "key_id", "status", "outcome",
        "is_cache_hit", "is_estimated", "price_version",
    ))
)  # fmt: skip
_KEYS = {
    table.name: tuple(column.name for column in table.primary_key.columns)
    for table in (USAGE_MINUTES, USAGE_HOURS, USAGE_DAYS, CALL_HOURS, CALL_DAYS, LATENCY_HOURS, LATENCY_DAYS)
}

Key = tuple[Any, ...]
Sums = dict[Key, Sequence[int]]
"""Counters by the values of a table's key, in the order of its columns."""

Times = dict[Key, list[int]]
"""Times in milliseconds by the key of their table but for the bucket."""

Columns = Sequence[Sequence[Any]]
"""Those of a group's rows, in the order of `OWN`, and of `USUAL` unless that is usual."""


def rollup_additions(groups: Iterable[Group], several: Iterable[OperationRecord]) -> Iterator[Addition]:
    """What new operations, whose rows these are, add to the roll-ups, sorted as additions must be.

    `several` are those of them whose rows do not tell their attempts.
    """
    summed = _Summed(groups)
    for operation in several:
        summed.add_calls(operation)
    hours, latencies = coarser(summed.minutes, HOUR_US), _in_buckets(summed.times)
    for table, sums in (
        (USAGE_MINUTES, summed.minutes),
        (USAGE_HOURS, hours),
        (USAGE_DAYS, coarser(hours, DAY_US)),
        (CALL_HOURS, summed.calls),
        (CALL_DAYS, coarser(summed.calls, DAY_US)),
        (LATENCY_HOURS, latencies),
        (LATENCY_DAYS, coarser(latencies, DAY_US)),
    ):
        rows = [(*values, *counters) for values, counters in sorted(sums.items())]
        yield Addition(table, _KEYS[table.name], rows, sums_up=True)


def usage_of(groups: Iterable[Group]) -> Sums:
    """Rows of operations by minute."""
    return _Summed(groups).minutes


class _Summed:
    """Operations by minute, calls and times by hour."""

    def __init__(self, groups: Iterable[Group]) -> None:
        self.minutes: Sums = {}
        self.calls: Sums = {}
        self.times: Times = {}
        for common, group in groups:
            alike, columns = _common_of(common), tuple(zip(*group, strict=True))
            created = columns[_CREATED_AT]
            minute = created[0] // MINUTE_US
            if min(created) // MINUTE_US == minute == max(created) // MINUTE_US:
                self._add(minute * MINUTE_US, alike, columns)
                continue
            by_minute: dict[int, list[Row]] = {}
            for row in group:
                by_minute.setdefault(row[_CREATED_AT] // MINUTE_US, []).append(row)
            for minute, rows in by_minute.items():
                self._add(minute * MINUTE_US, alike, tuple(zip(*rows, strict=True)))

    def _add(self, start_us: int, alike: Row, columns: Columns) -> None:
        """Adds rows of one minute, column by column."""
        workspace_id, provider, provider_id, model, asked, key_id, status, outcome, is_cache_hit, _, _ = alike
        times_ms, first_token_times_ms, hour_us = columns[_LATENCY], _present(columns, _FIRST_TOKEN), _hour(start_us)
        shown = model or asked[:MAX_MODEL_CHARS]
        key = workspace_id, start_us, provider, provider_id, shown, key_id or "", status, outcome, is_cache_hit
        times = sum(times_ms), len(first_token_times_ms), sum(first_token_times_ms)
        _add(self.minutes, key, (*_usage_sums(alike, columns), *times))
        self._add_times((workspace_id, hour_us, REQUEST_MS, "", ""), times_ms)
        self._add_times((workspace_id, hour_us, REQUEST_FIRST_TOKEN_MS, "", ""), first_token_times_ms)
        if calls_ms := _present(columns, _CALL_LATENCY):
            call = workspace_id, hour_us, provider, provider_id, model, outcome
            self._add_call(call, calls_ms, _present(columns, _CALL_FIRST_TOKEN))

    def add_calls(self, operation: OperationRecord) -> None:
        """Adds the attempts of an operation, under its time."""
        hour_us = _hour(to_micros(operation.created_at))
        for attempt in operation.attempts:
            model, first_token_ms = attempt.model[:MAX_MODEL_CHARS], attempt.first_token_ms
            key = operation.workspace_id, hour_us, attempt.provider, attempt.provider_id, model, attempt.outcome
            self._add_call(key, (attempt.latency_ms,), () if first_token_ms is None else (first_token_ms,))

    def _add_call(self, key: Key, times_ms: Sequence[int], first_token_times_ms: Sequence[int]) -> None:
        workspace_id, hour_us, provider, _, model, outcome = key
        sums = len(times_ms), sum(times_ms), len(first_token_times_ms), sum(first_token_times_ms)
        _add(self.calls, key, sums)
        if outcome == "ok":
            self._add_times((workspace_id, hour_us, CALL_MS, provider, model), times_ms)
            self._add_times((workspace_id, hour_us, CALL_FIRST_TOKEN_MS, provider, model), first_token_times_ms)

    def _add_times(self, place: Key, times_ms: Sequence[int]) -> None:
        if times_ms:
            known = self.times.get(place)
            if known is None:
                self.times[place] = list(times_ms)
            else:
                known += times_ms


def _hour(moment_us: int) -> int:
    return moment_us - moment_us % HOUR_US


def _present(columns: Columns, place: int) -> Sequence[int]:
    """Values of a column that are there; none if all of them hold what is usual."""
    if place >= len(columns):
        return ()
    values = columns[place]
    return [value for value in values if value is not None] if None in values else values


def _usage_sums(alike: Row, columns: Columns) -> tuple[int, ...]:
    """The counters of rows that are alike, but for times."""
    count, is_estimated, has_price = len(columns[0]), alike[-2], alike[-1] is not None
    has_usage, is_usual = is_estimated is not None, len(columns) == len(OWN)
    return (
        count,
        count if is_estimated else 0,
        count if has_usage and not has_price else 0,
        *[sum(columns[place]) if has_usage and place < len(columns) else 0 for place in _TOKENS],
        sum(columns[_COST]) if has_price else 0,
        0 if is_usual else sum(filter(None, columns[_SAVED])),
    )


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
    sums[key] = counters if known is None else tuple(map(add, known, counters))

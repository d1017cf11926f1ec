"""Sums by minute, hour and day of what the ledger holds, and what answers from the cache would have cost.

A step is never edited after a release. Types and sums are spelt out, so that they do not change with the code.
"""

import math
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

_MINUTE_US = 60_000_000
_HOUR_US = 60 * _MINUTE_US
_DAY_US = 24 * _HOUR_US
_ID = sa.String(length=64)
_USAGE_KEY: Sequence[tuple[str, Any]] = (
    ("provider", _ID),
    ("provider_id", _ID),
    ("model", sa.Text()),
    ("key_id", _ID),
    ("status", sa.Integer()),
    ("outcome", _ID),
    ("is_cache_hit", sa.Integer()),
)
_USAGE_SUMS = {
    "requests": "COUNT(*)",
    "estimated_requests": "SUM(CASE WHEN is_estimated THEN 1 ELSE 0 END)",
    "unpriced_requests": "SUM(CASE WHEN input_tokens IS NOT NULL AND cost_nanousd IS NULL THEN 1 ELSE 0 END)",
    "input_tokens": "SUM(COALESCE(input_tokens, 0))",
    "cache_read_tokens": "SUM(COALESCE(cache_read_tokens, 0))",
    "cache_write_tokens": "SUM(COALESCE(cache_write_tokens, 0))",
    "output_tokens": "SUM(COALESCE(output_tokens, 0))",
    "reasoning_tokens": "SUM(COALESCE(reasoning_tokens, 0))",
    "cost_nanousd": "SUM(COALESCE(cost_nanousd, 0))",
    "saved_nanousd": "SUM(COALESCE(saved_nanousd, 0))",
    "latency_sum_ms": "SUM(latency_ms)",
    "first_tokens": "COUNT(first_token_ms)",
    "first_token_sum_ms": "SUM(COALESCE(first_token_ms, 0))",
}
_CALL_KEY: Sequence[tuple[str, Any]] = (
    ("provider", _ID),
    ("provider_id", _ID),
    ("model", sa.Text()),
    ("outcome", _ID),
)
_CALL_SUMS = {
    "calls": "COUNT(*)",
    "latency_sum_ms": "SUM(attempts.latency_ms)",
    "first_tokens": "COUNT(attempts.first_token_ms)",
    "first_token_sum_ms": "SUM(COALESCE(attempts.first_token_ms, 0))",
}
_LATENCY_KEY: Sequence[tuple[str, Any]] = (
    ("measure", sa.Integer()),
    ("provider", _ID),
    ("model", sa.Text()),
    ("bucket", sa.Integer()),
)
# The times of each measure: where they stand, under which provider and model, and which of them count.
_TIMES = (
    (0, "operations", "latency_ms", "''", "''", "latency_ms IS NOT NULL"),
    (1, "operations", "first_token_ms", "''", "''", "first_token_ms IS NOT NULL"),
    (2, "attempts", "latency_ms", "attempts.provider", "attempts.model", "attempts.outcome = 'ok'"),
    (
        3,
        "attempts",
        "first_token_ms",
        "attempts.provider",
        "attempts.model",
        "attempts.outcome = 'ok' AND attempts.first_token_ms IS NOT NULL",
    ),
)


def upgrade() -> None:
    """Adds a column and the tables, and fills them from the rows that are there."""
    op.add_column("operations", sa.Column("saved_nanousd", sa.BigInteger(), nullable=True))
    for span, span_us in (("minutes", _MINUTE_US), ("hours", _HOUR_US), ("days", _DAY_US)):
        _make(f"usage_{span}", _USAGE_KEY, list(_USAGE_SUMS))
        _fill_usage(f"usage_{span}", span_us)
    for span, span_us in (("hours", _HOUR_US), ("days", _DAY_US)):
        _make(f"call_{span}", _CALL_KEY, list(_CALL_SUMS))
        _fill_calls(f"call_{span}", span_us)
        _make(f"latency_{span}", _LATENCY_KEY, ["times"], "measure")
        _fill_latencies(f"latency_{span}", span_us)


def _make(name: str, key: Sequence[tuple[str, Any]], sums: Sequence[str], first: str = "start_us") -> None:
    keys = [("workspace_id", _ID), ("start_us", sa.BigInteger()), *key]
    others = [column for column, _ in keys if column not in {"workspace_id", first}]
    op.create_table(
        name,
        *(sa.Column(column, kind, nullable=False, autoincrement=False) for column, kind in keys),
        *(sa.Column(column, sa.BigInteger(), nullable=False) for column in sums),
        sa.PrimaryKeyConstraint("workspace_id", first, *others, name=f"pk_{name}"),
        sqlite_with_rowid=False,
    )


def _start(span_us: int) -> str:
    return f"operations.created_at - operations.created_at % {span_us}"


def _fill_usage(name: str, span_us: int) -> None:
    columns = {
        "workspace_id": "workspace_id",
        "start_us": _start(span_us),
        "provider": "provider",
        "provider_id": "provider_id",
        "model": "SUBSTR(CASE WHEN model = '' THEN model_requested ELSE model END, 1, 200)",
        "key_id": "COALESCE(key_id, '')",
        "status": "status",
        "outcome": "outcome",
        "is_cache_hit": "CASE WHEN is_cache_hit THEN 1 ELSE 0 END",
    }
    _insert(name, columns, _USAGE_SUMS, "FROM operations")


def _fill_calls(name: str, span_us: int) -> None:
    columns = {
        "workspace_id": "workspace_id",
        "start_us": _start(span_us),
        "provider": "attempts.provider",
        "provider_id": "attempts.provider_id",
        "model": "SUBSTR(attempts.model, 1, 200)",
        "outcome": "attempts.outcome",
    }
    _insert(name, columns, _CALL_SUMS, "FROM operations JOIN attempts ON attempts.request_id = operations.request_id")


def _insert(name: str, columns: dict[str, str], sums: dict[str, str], source: str) -> None:
    both = columns | sums
    groups = ", ".join(str(number) for number in range(1, len(columns) + 1))
    op.execute(f"INSERT INTO {name} ({', '.join(both)}) SELECT {', '.join(both.values())} {source} GROUP BY {groups}")


def _fill_latencies(name: str, span_us: int) -> None:
    """Puts the times into buckets here: not every database has logarithms."""
    connection = op.get_bind()
    sums: dict[tuple[Any, ...], int] = {}
    for measure, table, time, provider, model, condition in _TIMES:
        source = "operations"
        if table == "attempts":
            source = "operations JOIN attempts ON attempts.request_id = operations.request_id"
        found = connection.execute(
            sa.text(
                f"SELECT workspace_id, {_start(span_us)}, {provider}, SUBSTR({model}, 1, 200), "
                f"{table}.{time}, COUNT(*) "
                f"FROM {source} WHERE {condition} GROUP BY 1, 2, 3, 4, 5"
            )
        )
        for workspace_id, start_us, provider_name, model_name, time_ms, count in found:
            key = (workspace_id, start_us, measure, provider_name, model_name, _bucket(time_ms))
            sums[key] = sums.get(key, 0) + count
    names = ("workspace_id", "start_us", *(column for column, _ in _LATENCY_KEY), "times")
    insert = sa.text(f"INSERT INTO {name} ({', '.join(names)}) VALUES ({', '.join(f':{each}' for each in names)})")
    rows = [dict(zip(names, (*key, count), strict=True)) for key, count in sorted(sums.items())]
    if rows:
        connection.execute(insert, rows)


def _bucket(time_ms: int) -> int:
    return 0 if time_ms < 1 else min(math.ceil(math.log(time_ms) / math.log(1.1)) + 1, 256)

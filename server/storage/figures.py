"""Figures of a workspace, read from the roll-ups; from the rows only where a stretch does not begin or end with one.

Nothing here counts rows of more than an hour at either end, so a figure costs about the same however many rows there
are. What is summed up is told by the names of the roll-ups' columns.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from msgspec import Struct
from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Integer,
    Select,
    Table,
    case,
    cast,
    func,
    literal_column,
    select,
    type_coerce,
    union_all,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from server.storage.rows import MAX_MODEL_CHARS
from server.storage.selection import EVERY_OPERATION, OperationFilter
from server.storage.spans import ALL_TIME, Grain, Piece, Stretch
from server.storage.tables import (
    CALL_DAYS,
    CALL_SUMS,
    LATENCY_DAYS,
    LATENCY_HOURS,
    OPERATIONS,
    USAGE_DAYS,
    USAGE_HOURS,
    USAGE_MINUTES,
    USAGE_SUMS,
)

_USAGE: Final[Mapping[Grain, Table]] = {
    Grain.MINUTES: USAGE_MINUTES,
    Grain.HOURS: USAGE_HOURS,
    Grain.DAYS: USAGE_DAYS,
}


class UsageSums(Struct, frozen=True):
    """Sums over operations. Costs are of those with a known price; `unpriced_requests` used tokens without one."""

    requests: int = 0
    estimated_requests: int = 0
    unpriced_requests: int = 0
    input_tokens: int = 0
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0
    output_tokens: int = 0
    reasoning_tokens: int = 0
    cost_nanousd: int = 0
    saved_nanousd: int = 0
    latency_sum_ms: int = 0
    first_tokens: int = 0
    first_token_sum_ms: int = 0

    @property
    def prompt_tokens(self) -> int:
        """All that went in."""
        return self.input_tokens + self.cache_read_tokens + self.cache_write_tokens

    @property
    def completion_tokens(self) -> int:
        """All that came out."""
        return self.output_tokens + self.reasoning_tokens

    @property
    def total_tokens(self) -> int:
        """Everything."""
        return self.prompt_tokens + self.completion_tokens

    @property
    def latency_ms(self) -> int:
        """The mean latency in whole milliseconds, 0 without requests."""
        return mean(self.latency_sum_ms, self.requests)

    def __add__(self, other: "UsageSums") -> "UsageSums":
        return UsageSums(*(getattr(self, name) + getattr(other, name) for name in USAGE_SUMS))


class CallSums(Struct, frozen=True):
    """Sums over upstream calls that agree in their outcome."""

    calls: int = 0
    latency_sum_ms: int = 0
    first_tokens: int = 0
    first_token_sum_ms: int = 0

    def __add__(self, other: "CallSums") -> "CallSums":
        return CallSums(*(getattr(self, name) + getattr(other, name) for name in CALL_SUMS))


def mean(total: int, count: int) -> int:
    """The quotient rounded to the nearest whole number, halves up; 0 without any."""
    return (2 * total + count) // (2 * count) if count else 0


class Figures:
    """The figures of one transaction."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def usage(
        self,
        workspace_id: str,
        group_by: Sequence[str] = (),
        stretch: Stretch = ALL_TIME,
        *,
        only: OperationFilter = EVERY_OPERATION,
        minutes_from: datetime,
    ) -> dict[tuple[Any, ...], UsageSums]:
        """Sums by the values of columns of the roll-ups.

        `only` says which operations; its times do not count, those of `stretch` do. Grouped by `start_us`, the stretch
        must be of whole days. Sums by minute are read from `minutes_from` on.
        """
        queries = [_usage_of(piece, workspace_id, group_by, only) for piece in stretch.pieces(minutes_from)]
        sums: dict[tuple[Any, ...], UsageSums] = {}
        if not queries:
            return sums
        width = len(group_by)
        for row in await self._connection.execute(queries[0] if len(queries) == 1 else union_all(*queries)):
            key = tuple(row[:width])
            found = UsageSums(*row[width:])
            sums[key] = sums[key] + found if key in sums else found
        return sums

    async def count(self, workspace_id: str, only: OperationFilter = EVERY_OPERATION, *, minutes_from: datetime) -> int:
        """How many operations agree with a filter, its times included."""
        stretch = Stretch(only.start, only.end)
        found = await self.usage(workspace_id, (), stretch, only=only, minutes_from=minutes_from)
        return found[()].requests if found else 0

    async def calls(self, workspace_id: str, group_by: Sequence[str], from_us: int) -> dict[tuple[Any, ...], CallSums]:
        """Sums over upstream calls by the values of columns, from the day on that begins at `from_us`."""
        groups = [CALL_DAYS.c[name] for name in group_by]
        query = (
            select(*groups, *(_total(CALL_DAYS.c[name]) for name in CALL_SUMS))
            .where(CALL_DAYS.c.workspace_id == workspace_id, CALL_DAYS.c.start_us >= from_us)
            .group_by(*groups)
        )
        width = len(group_by)
        return {tuple(row[:width]): CallSums(*row[width:]) for row in await self._connection.execute(query)}

    async def latencies(
        self, workspace_id: str, measure: int, from_us: int, *, grain: Grain = Grain.DAYS
    ) -> dict[str, dict[int, int]]:
        """How many times fell into which bucket, by provider, from the hour or the day on that begins at `from_us`."""
        columns = (LATENCY_HOURS if grain is Grain.HOURS else LATENCY_DAYS).c
        query = (
            select(columns.provider, columns.bucket, _total(columns.times))
            .where(columns.workspace_id == workspace_id, columns.start_us >= from_us, columns.measure == measure)
            .group_by(columns.provider, columns.bucket)
        )
        found: dict[str, dict[int, int]] = {}
        for provider, bucket, times in await self._connection.execute(query):
            found.setdefault(provider, {})[bucket] = times
        return found


def _total(counter: ColumnElement[Any]) -> ColumnElement[int]:
    """The sum as a whole number: PostgreSQL would make it a decimal one."""
    return cast(func.coalesce(func.sum(counter), 0), BigInteger)


def _usage_of(piece: Piece, workspace_id: str, group_by: Sequence[str], only: OperationFilter) -> Select[Any]:
    table = _USAGE.get(piece.grain)
    columns: Mapping[str, ColumnElement[Any]] = _ROW_COLUMNS if table is None else dict(table.columns)
    groups = [columns[name] for name in group_by]
    query = select(*groups, *(_total(columns[name]) for name in USAGE_SUMS))
    query = query.where(columns["workspace_id"] == workspace_id, *_within(columns["start_us"], piece))
    query = query.where(*_agrees(columns, only))
    # Without groups an aggregate makes a row of nothing; that has to be none.
    return query.group_by(*groups) if groups else query.having(func.count() > 0)


def _within(start: ColumnElement[int], piece: Piece) -> Iterator[ColumnElement[bool]]:
    if piece.start_us is not None:
        yield start >= piece.start_us
    if piece.end_us is not None:
        yield start < piece.end_us


def _agrees(columns: Mapping[str, ColumnElement[Any]], only: OperationFilter) -> Iterator[ColumnElement[bool]]:
    for name in ("provider", "model", "status", "key_id"):
        wanted = getattr(only, name)
        if wanted is not None:
            yield columns[name] == wanted
    if only.is_ok is not None:
        yield columns["outcome"] == "ok" if only.is_ok else columns["outcome"] != "ok"


def _row_columns() -> Mapping[str, ColumnElement[Any]]:
    """The columns of the roll-ups, as what each row of the ledger adds to them."""
    row = OPERATIONS.c
    shown = case((row.model == "", row.model_requested), else_=row.model)
    counted: dict[str, ColumnElement[Any]] = {
        "start_us": type_coerce(row.created_at, BigInteger),
        "model": func.substr(shown, 1, MAX_MODEL_CHARS),
        "key_id": func.coalesce(row.key_id, ""),
        "is_cache_hit": case((row.is_cache_hit, 1), else_=0),
        "requests": literal_column("1", Integer),
        "estimated_requests": case((row.is_estimated.is_(True), 1), else_=0),
        "unpriced_requests": case((row.input_tokens.is_not(None) & row.cost_nanousd.is_(None), 1), else_=0),
        "latency_sum_ms": row.latency_ms,
        "first_tokens": case((row.first_token_ms.is_not(None), 1), else_=0),
        "first_token_sum_ms": func.coalesce(row.first_token_ms, 0),
    }
    same = ("workspace_id", "provider", "provider_id", "status", "outcome")
    nullable = [name for name in USAGE_SUMS if name not in counted]
    return {
        **counted,
        **{name: row[name] for name in same},
        **{name: func.coalesce(row[name], 0) for name in nullable},
    }


_ROW_COLUMNS: Final = _row_columns()

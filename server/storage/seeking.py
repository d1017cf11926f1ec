"""Finds where in time the rows of a page are, from the roll-ups, so that a page reads little more than its own rows.

The roll-ups know how many operations agree with a filter in each day, hour and recent minute. So a page by number need
not count through those before it, and one of a filter that little agrees with need not look at what lies between: whole
days, then hours, then minutes are passed over, and rows are looked at only in the spans that are left. On the rows
themselves nothing is counted but less than an hour at either end of the time that was asked for.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Final

from msgspec import Struct
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from server.storage.columns import to_micros
from server.storage.rollups import DAY_US, HOUR_US, MINUTE_US
from server.storage.selection import OperationFilter, condition_values, row_condition, sums_condition
from server.storage.spans import Grain, Piece, Stretch

_LENGTHS_US: Final = {Grain.DAYS: DAY_US, Grain.HOURS: HOUR_US, Grain.MINUTES: MINUTE_US}
_NAMES: Final = {Grain.DAYS: "usage_days", Grain.HOURS: "usage_hours", Grain.MINUTES: "usage_minutes"}
# Spans in one statement: databases bound how long it may be.
_MAX_ARMS: Final = 60
# With more rows than this a span is looked at more finely first.
_CROWDED_ROWS: Final = 2_000


class Span(Struct, frozen=True):
    """From `start_us` on and before `end_us`, in microseconds since 1970 UTC.

    So many rows agree with the filter; None where that is not known.
    """

    grain: Grain
    start_us: int
    end_us: int
    agreeing: int | None = None


class Wanted(Struct, frozen=True):
    """`limit` rows of a stretch, the newest first, after `skip` of them and after the place `before`."""

    stretch: Stretch
    limit: int
    skip: int = 0
    before: tuple[datetime, str] | None = None


def trimmed(spans: Iterable[Span], skip: int, limit: int) -> tuple[list[Span], int]:
    """Of spans, newest first, those that hold the rows wanted, and how many rows of theirs come before. Pure."""
    kept: list[Span] = []
    known = 0
    for span in spans:
        if not kept and span.agreeing is not None and skip >= span.agreeing:
            skip -= span.agreeing
        elif span.agreeing != 0:
            kept.append(span)
            known += span.agreeing or 0
            if known >= skip + limit:
                break
    return kept, skip


def joined(spans: Iterable[Span]) -> list[tuple[int, int]]:
    """Beginnings and ends of spans, newest first, as few as they can be. Pure."""
    found: list[tuple[int, int]] = []
    for span in spans:
        if found and found[-1][0] == span.end_us:
            found[-1] = (span.start_us, found[-1][1])
        else:
            found.append((span.start_us, span.end_us))
    return found


class Seeker:
    """Looks in one workspace for what agrees with a filter. Sums by minute are there from `minutes_from` on."""

    def __init__(
        self, connection: AsyncConnection, workspace_id: str, only: OperationFilter, minutes_from: datetime
    ) -> None:
        self._connection = connection
        self._values = {"workspace_id": workspace_id, **condition_values(only)}
        self._row_condition = row_condition(only)
        self._sums_condition = sums_condition(only)
        self._minutes_from = minutes_from

    async def ids(self, wanted: Wanted) -> list[str]:
        """The ids of the rows, newest first."""
        spans, skip = await self._located(wanted)
        bounds = joined(spans)
        found: list[str] = []
        for start in range(0, len(bounds), _MAX_ARMS):
            found += await self._rows(bounds[start : start + _MAX_ARMS], wanted, skip, wanted.limit - len(found))
            if len(found) >= wanted.limit:
                break
            skip = 0
        return found

    async def _located(self, wanted: Wanted) -> tuple[list[Span], int]:
        """The spans in which the rows are, newest first, and how many rows of theirs come before."""
        spans: list[Span] = []
        skip = wanted.skip
        for piece in reversed(wanted.stretch.pieces(self._minutes_from)):
            spans, skip = trimmed([*spans, *await self._spans(piece, is_counted=skip > 0)], skip, wanted.limit)
            if sum(span.agreeing or 0 for span in spans) >= skip + wanted.limit:
                break
        for fine in (Grain.HOURS, Grain.MINUTES):
            coarse = await self._crowded(spans) if fine is Grain.MINUTES else _of(spans, Grain.DAYS)
            if coarse:
                finer = await self._sums(fine, joined(coarse))
                rest = [span for span in spans if span not in coarse]
                spans, skip = trimmed(
                    sorted([*rest, *finer], key=lambda span: span.start_us, reverse=True), skip, wanted.limit
                )
        return spans, skip

    async def _crowded(self, spans: Iterable[Span]) -> list[Span]:
        """The hours with so many rows that it is worth while to look at their minutes, as far as those are there."""
        first_us = to_micros(self._minutes_from)
        recent = [span for span in _of(spans, Grain.HOURS) if span.start_us >= first_us]
        if not recent:
            return []
        totals = dict(await self._grouped(Grain.HOURS, joined(recent), ""))
        return [span for span in recent if totals[span.start_us] > _CROWDED_ROWS]

    async def _spans(self, piece: Piece, *, is_counted: bool) -> list[Span]:
        if piece.grain is not Grain.ROWS:
            return await self._sums(piece.grain, [(piece.start_us, piece.end_us)])
        assert piece.start_us is not None
        assert piece.end_us is not None
        agreeing = await self._count(piece.start_us, piece.end_us) if is_counted else None
        return [Span(Grain.ROWS, piece.start_us, piece.end_us, agreeing)]

    async def _sums(self, grain: Grain, bounds: Sequence[tuple[int | None, int | None]]) -> list[Span]:
        """Every span of that grain in which anything agrees, newest first."""
        rows = await self._grouped(grain, bounds, f" AND {self._sums_condition}")
        length_us = _LENGTHS_US[grain]
        found = [Span(grain, first, first + length_us, agreeing) for first, agreeing in rows]
        return sorted(found, key=lambda span: span.start_us, reverse=True)

    async def _grouped(
        self, grain: Grain, bounds: Sequence[tuple[int | None, int | None]], condition: str
    ) -> list[tuple[int, int]]:
        """Beginnings of spans of that grain, and how many requests of each meet the condition."""
        found: list[tuple[int, int]] = []
        for start in range(0, len(bounds), _MAX_ARMS):
            arms = [
                f"SELECT start_us, CAST(SUM(requests) AS BIGINT) FROM {_NAMES[grain]} "
                f"WHERE workspace_id = :workspace_id{_within('start_us', each)}{condition} GROUP BY start_us"
                for each in bounds[start : start + _MAX_ARMS]
            ]
            names = self._values if condition else {"workspace_id": self._values["workspace_id"]}
            rows = await self._connection.execute(text(" UNION ALL ".join(arms)), names)
            found += [(first, requests) for first, requests in rows]
        return found

    async def _count(self, start_us: int, end_us: int) -> int:
        query = (
            "SELECT COUNT(*) FROM operations WHERE workspace_id = :workspace_id"
            f"{_within('created_at', (start_us, end_us))} AND {self._row_condition}"
        )
        found: int = (await self._connection.execute(text(query), self._values)).scalar_one()
        return found

    async def _rows(self, bounds: Sequence[tuple[int, int]], wanted: Wanted, skip: int, limit: int) -> list[str]:
        values: dict[str, Any] = {**self._values, "limit": limit, "skip": skip}
        condition = self._row_condition
        if wanted.before is not None:
            condition += " AND (created_at, request_id) < (:before_us, :before_id)"
            values |= {"before_us": to_micros(wanted.before[0]), "before_id": wanted.before[1]}
        arms = [
            "SELECT created_at, request_id FROM operations WHERE workspace_id = :workspace_id"
            f"{_within('created_at', each)} AND {condition}"
            for each in bounds
        ]
        source = arms[0] if len(arms) == 1 else f"SELECT created_at, request_id FROM ({' UNION ALL '.join(arms)}) found"
        query = f"{source} ORDER BY created_at DESC, request_id DESC LIMIT :limit OFFSET :skip"
        return [row[1] for row in await self._connection.execute(text(query), values)]


def _of(spans: Iterable[Span], grain: Grain) -> list[Span]:
    return [span for span in spans if span.grain is grain]


def _within(column: str, bounds: tuple[int | None, int | None]) -> str:
    """Whole numbers of our own, so they may stand in the statement."""
    start_us, end_us = bounds
    first = "" if start_us is None else f" AND {column} >= {start_us:d}"
    return first + ("" if end_us is None else f" AND {column} < {end_us:d}")

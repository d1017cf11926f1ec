"""Request records: one operation per client request, one attempt per upstream call.

Rows are only ever added, and adding one twice is the same as adding it once, so that a batch can be replayed.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Row, exists, func, or_, select, tuple_, type_coerce
from sqlalchemy.ext.asyncio import AsyncConnection

from server.chat.rates import Used
from server.chat.records import AttemptRecord, OperationRecord
from server.chat.usage import Usage
from server.storage.backend import Backend
from server.storage.batches import Batch
from server.storage.rows import whole
from server.storage.seeking import Seeker, Wanted
from server.storage.selection import EVERY_OPERATION, OperationFilter
from server.storage.spans import Stretch
from server.storage.tables import ATTEMPTS, OPERATIONS

_USAGE_FIELDS = (
    "input_tokens",
    "cache_read_tokens",
    "cache_write_tokens",
    "output_tokens",
    "reasoning_tokens",
    "is_estimated",
)
_TOKEN_FIELDS = _USAGE_FIELDS[:5]
_CALL_FIELDS = ("call_started_at", "call_latency_ms", "call_first_token_ms")
_ELSEWHERE = frozenset((*_USAGE_FIELDS, *_CALL_FIELDS, "price_version"))
_OPERATION_FIELDS = tuple(column.name for column in OPERATIONS.columns if column.name not in _ELSEWHERE)
_ATTEMPT_FIELDS = tuple(
    column.name for column in ATTEMPTS.columns if column.name not in _ELSEWHERE and column.name != "request_id"
)
_NEWEST_FIRST = OPERATIONS.c.created_at.desc(), OPERATIONS.c.request_id.desc()
EXPORTED = (
    "created_at", "request_id", "status", "outcome", "model", "model_requested", "provider", "provider_id", "key_id",
    *_USAGE_FIELDS, "cost_nanousd", "saved_nanousd", "latency_ms", "first_token_ms", "is_stream", "is_cache_hit",
    "strategy", "complexity", "surface", "client_request_id", "notes",
)  # fmt: skip
"""The columns of an export."""

Place = tuple[datetime, str]
"""The time and the id of a row."""

NO_MINUTES = datetime.max.replace(tzinfo=UTC)
"""From when on sums by minute are there, if none are."""

_MICROSECOND = timedelta(microseconds=1)
_LAST = NO_MINUTES - _MICROSECOND


class Operations:
    """The request records of one transaction."""

    def __init__(self, connection: AsyncConnection, backend: Backend) -> None:
        self._connection = connection
        self._backend = backend

    async def add_many(self, operations: Sequence[OperationRecord], price_version: str) -> None:
        """Adds operations with their attempts, and to the roll-ups; those that are there already change nothing.

        `price_version` is the source of prices behind costs whose record names none. They are written in order of their
        ids, so that no two writers wait for each other.
        """
        if operations:
            batch = Batch(operations, price_version)
            new_ids = await self._backend.add_new(self._connection, OPERATIONS, whole(batch.rows()))
            await self._backend.add_all(self._connection, batch.also(new_ids))

    async def get(self, workspace_id: str, request_id: str) -> OperationRecord | None:
        """The workspace's operation of that id with all its attempts."""
        query = select(OPERATIONS).where(
            OPERATIONS.c.request_id == request_id, OPERATIONS.c.workspace_id == workspace_id
        )
        row = (await self._connection.execute(query)).first()
        if row is None:
            return None
        if row._mapping["call_started_at"] is not None:
            return _operation(row, (_only_attempt(row),))
        attempts = select(ATTEMPTS).where(ATTEMPTS.c.request_id == request_id).order_by(ATTEMPTS.c.number)
        rows = await self._connection.execute(attempts)
        return _operation(row, tuple(_attempt(attempt) for attempt in rows))

    async def recent(
        self,
        workspace_id: str,
        limit: int,
        before: Place | None = None,
        *,
        only: OperationFilter = EVERY_OPERATION,
        skip: int = 0,
        minutes_from: datetime = NO_MINUTES,
    ) -> tuple[OperationRecord, ...]:
        """The workspace's newest operations, newest first, without their attempts.

        `before` is the time and the id of the last one seen: the answer goes on after it. `skip` leaves out so many,
        for pages by number; not both. Sums by minute are read from `minutes_from` on.
        """
        stretch = _stretch(only, before)
        if only.takes_all and not skip:
            query = select(OPERATIONS).where(*_own(workspace_id, stretch, before)).limit(limit)
        else:
            seeker = Seeker(self._connection, workspace_id, only, minutes_from)
            ids = await seeker.ids(Wanted(stretch, limit, skip, before))
            query = select(OPERATIONS).where(OPERATIONS.c.request_id.in_(ids))
        return tuple(_operation(row, ()) for row in await self._connection.execute(query.order_by(*_NEWEST_FIRST)))

    async def export(
        self,
        workspace_id: str,
        limit: int,
        before: Place | None = None,
        *,
        only: OperationFilter = EVERY_OPERATION,
        minutes_from: datetime = NO_MINUTES,
    ) -> Sequence[Sequence[Any]]:
        """As `recent`, but the values of the columns `EXPORTED` alone, with the time in microseconds since 1970."""
        time, *others = (OPERATIONS.c[name] for name in EXPORTED)
        query = select(type_coerce(time, BigInteger), *others).order_by(*_NEWEST_FIRST)
        stretch = _stretch(only, before)
        if only.takes_all:
            query = query.where(*_own(workspace_id, stretch, before)).limit(limit)
        else:
            ids = await Seeker(self._connection, workspace_id, only, minutes_from).ids(
                Wanted(stretch, limit, 0, before)
            )
            query = query.where(OPERATIONS.c.request_id.in_(ids))
        return (await self._connection.execute(query)).all()

    async def used(self, user_id: str, key_id: str | None, start: datetime, end: datetime) -> Used:
        """What limits have to count of a user, or of one of its keys, from `start` to just before `end`."""
        requests = await self.count_dispatched(user_id, start, end, key_id)
        if key_id is None or not requests:
            return Used(requests)
        columns = OPERATIONS.c
        query = (
            select(*(func.sum(columns[name]) for name in _TOKEN_FIELDS))
            .where(columns.user_id == user_id, columns.key_id == key_id, ~columns.is_cache_hit)
            .where(columns.created_at >= start, columns.created_at < end)
        )
        sums = (await self._connection.execute(query)).one()
        return Used(requests, sum(int(tokens or 0) for tokens in sums))

    async def count_dispatched(self, user_id: str, start: datetime, end: datetime, key_id: str | None = None) -> int:
        """How many of the user's operations, settled from `start` to just before `end`, were admitted.

        Those came to an upstream call, or were answered from another's. With a key, only those of that key.
        """
        columns = OPERATIONS.c
        first = exists().where(ATTEMPTS.c.request_id == columns.request_id, ATTEMPTS.c.number == 1)
        query = (
            select(func.count())
            .select_from(OPERATIONS)
            .where(columns.user_id == user_id, columns.created_at >= start, columns.created_at < end)
            .where(or_(columns.call_started_at.is_not(None), columns.is_cache_hit, first))
        )
        if key_id is not None:
            query = query.where(columns.key_id == key_id)
        return (await self._connection.execute(query)).scalar_one()


async def append_operations(backend: Backend, operations: Sequence[OperationRecord], price_version: str) -> None:
    """`Operations.add_many`, in a transaction of its own."""
    if operations:
        batch = Batch(operations, price_version)
        await backend.append_new(OPERATIONS, batch.rows, batch.also)


def _stretch(only: OperationFilter, before: Place | None) -> Stretch:
    """The time in which rows are, the newest that may be left included."""
    end = only.end
    if before is not None:
        after = min(before[0], _LAST) + _MICROSECOND
        end = after if end is None else min(end, after)
    return Stretch(only.start, end)


def _own(workspace_id: str, stretch: Stretch, before: Place | None) -> Iterator[ColumnElement[bool]]:
    columns = OPERATIONS.c
    yield columns.workspace_id == workspace_id
    if stretch.start is not None:
        yield columns.created_at >= stretch.start
    if before is not None:
        yield tuple_(columns.created_at, columns.request_id) < before
    if stretch.end is not None:
        yield columns.created_at < stretch.end


def _operation(row: Row[Any], attempts: tuple[AttemptRecord, ...]) -> OperationRecord:
    fields = {name: row._mapping[name] for name in _OPERATION_FIELDS}
    return OperationRecord(**fields, usage=_usage(row), attempts=attempts)


def _attempt(row: Row[Any]) -> AttemptRecord:
    return AttemptRecord(**{name: row._mapping[name] for name in _ATTEMPT_FIELDS}, usage=_usage(row))


def _only_attempt(row: Row[Any]) -> AttemptRecord:
    """What the row of an operation says of it."""
    said = row._mapping
    alike = {name: said[name] for name in ("provider_id", "provider", "model", "outcome", "status", "cost_nanousd")}
    started_at, latency_ms, first_token_ms = (said[name] for name in _CALL_FIELDS)
    return AttemptRecord(
        1, **alike, started_at=started_at, latency_ms=latency_ms, first_token_ms=first_token_ms, usage=_usage(row)
    )


def _usage(row: Row[Any]) -> Usage | None:
    if row._mapping["input_tokens"] is None:
        return None
    return Usage(**{name: row._mapping[name] for name in _USAGE_FIELDS})

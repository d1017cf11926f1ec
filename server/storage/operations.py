"""Request records: one operation per client request, one attempt per upstream call.

Rows are only ever added, and adding one twice is the same as adding it once, so that a batch can be replayed.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from operator import attrgetter
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Row, and_, func, or_, select, tuple_, type_coerce
from sqlalchemy.ext.asyncio import AsyncConnection

from server.chat.rates import Used
from server.chat.records import AttemptRecord, OperationRecord
from server.chat.usage import Usage
from server.storage.backend import Addition, Backend
from server.storage.columns import to_json, to_micros
from server.storage.rollups import rollup_additions
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
_ELSEWHERE = frozenset(_USAGE_FIELDS) | {"price_version"}
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

_ATTEMPT_KEY = ("request_id", "number")
_NO_USAGE: tuple[Any, ...] = (None,) * len(_USAGE_FIELDS)
_usage_values = attrgetter(*_USAGE_FIELDS)


@dataclass(frozen=True, slots=True)
class OperationFilter:
    """Which operations: those that agree with everything that is not None.

    `model` is the one that answered, or where none did the one asked for. `is_ok` are those whose outcome is `ok`, or
    all others. They were settled from `start` on and before `end`.
    """

    provider: str | None = None
    model: str | None = None
    status: int | None = None
    is_ok: bool | None = None
    key_id: str | None = None
    start: datetime | None = None
    end: datetime | None = None


EVERY_OPERATION = OperationFilter()


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
        if not operations:
            return
        by_id = {operation.request_id: operation for operation in reversed(operations)}
        rows = [_operation_row(by_id[request_id], price_version) for request_id in sorted(by_id)]
        new_ids = await self._backend.add_new(self._connection, OPERATIONS, rows)
        new = [by_id[request_id] for request_id in sorted(new_ids)]
        attempts = [
            _attempt_row(operation.request_id, attempt, price_version)
            for operation in new
            for attempt in operation.attempts
        ]
        additions = [Addition(ATTEMPTS, _ATTEMPT_KEY, attempts), *rollup_additions(new)]
        await self._backend.add_all(self._connection, additions)

    async def get(self, workspace_id: str, request_id: str) -> OperationRecord | None:
        """The workspace's operation of that id with all its attempts."""
        query = select(OPERATIONS).where(
            OPERATIONS.c.request_id == request_id, OPERATIONS.c.workspace_id == workspace_id
        )
        row = (await self._connection.execute(query)).first()
        if row is None:
            return None
        attempts = select(ATTEMPTS).where(ATTEMPTS.c.request_id == request_id).order_by(ATTEMPTS.c.number)
        rows = await self._connection.execute(attempts)
        return _operation(row, tuple(_attempt(attempt) for attempt in rows))

    async def recent(
        self,
        workspace_id: str,
        limit: int,
        before: tuple[datetime, str] | None = None,
        *,
        only: OperationFilter = EVERY_OPERATION,
        skip: int = 0,
    ) -> tuple[OperationRecord, ...]:
        """The workspace's newest operations, newest first, without their attempts.

        `before` is the time and the id of the last one seen: the answer goes on after it. `skip` leaves out so many,
        which reads them all: it is for pages by number.
        """
        found = select(OPERATIONS.c.request_id).where(OPERATIONS.c.workspace_id == workspace_id, *_conditions(only))
        if before is not None:
            found = found.where(tuple_(OPERATIONS.c.created_at, OPERATIONS.c.request_id) < before)
        # What is skipped is read from the index alone where the filter allows it.
        page = found.order_by(*_NEWEST_FIRST).limit(limit).offset(skip).subquery()
        query = select(OPERATIONS).join(page, page.c.request_id == OPERATIONS.c.request_id).order_by(*_NEWEST_FIRST)
        return tuple(_operation(row, ()) for row in await self._connection.execute(query))

    async def export(
        self,
        workspace_id: str,
        limit: int,
        before: tuple[datetime, str] | None = None,
        *,
        only: OperationFilter = EVERY_OPERATION,
    ) -> Sequence[Sequence[Any]]:
        """As `recent`, but the values of the columns `EXPORTED` alone, with the time in microseconds since 1970."""
        time, *others = (OPERATIONS.c[name] for name in EXPORTED)
        query = select(type_coerce(time, BigInteger), *others)
        query = query.where(OPERATIONS.c.workspace_id == workspace_id, *_conditions(only))
        if before is not None:
            query = query.where(tuple_(OPERATIONS.c.created_at, OPERATIONS.c.request_id) < before)
        query = query.order_by(*_NEWEST_FIRST).limit(limit)
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
        first = ATTEMPTS.alias()
        query = (
            select(func.count())
            .select_from(
                OPERATIONS.outerjoin(first, (first.c.request_id == OPERATIONS.c.request_id) & (first.c.number == 1))
            )
            .where(OPERATIONS.c.user_id == user_id, OPERATIONS.c.created_at >= start, OPERATIONS.c.created_at < end)
            .where(or_(first.c.number.is_not(None), OPERATIONS.c.is_cache_hit))
        )
        if key_id is not None:
            query = query.where(OPERATIONS.c.key_id == key_id)
        return (await self._connection.execute(query)).scalar_one()


def _conditions(only: OperationFilter) -> Iterator[ColumnElement[bool]]:
    columns = OPERATIONS.c
    if only.provider is not None:
        yield columns.provider == only.provider
    if only.model is not None:
        asked = and_(columns.model == "", columns.model_requested == only.model)
        yield or_(columns.model == only.model, asked)
    if only.status is not None:
        yield columns.status == only.status
    if only.is_ok is not None:
        yield columns.outcome == "ok" if only.is_ok else columns.outcome != "ok"
    if only.key_id is not None:
        yield columns.key_id == only.key_id
    if only.start is not None:
        yield columns.created_at >= only.start
    if only.end is not None:
        yield columns.created_at < only.end


def _operation_row(operation: OperationRecord, price_version: str) -> tuple[Any, ...]:
    """The values of a row, in the order of the table's columns. Written out because it runs for every request."""
    return (
        operation.request_id,
        operation.workspace_id,
        operation.user_id,
        operation.key_id,
        operation.surface,
        None if operation.client_request_id is None else _plain(operation.client_request_id),
        _plain(operation.model_requested),
        operation.model,
        operation.provider,
        operation.provider_id,
        operation.strategy,
        operation.complexity,
        operation.is_stream,
        operation.is_cache_hit,
        operation.status,
        operation.outcome,
        *_usage_row(operation.usage),
        operation.cost_nanousd,
        None if operation.cost_nanousd is None else operation.price_version or price_version,
        operation.latency_ms,
        operation.first_token_ms,
        to_micros(operation.created_at),
        to_json(operation.notes),
        operation.saved_nanousd,
    )


def _attempt_row(request_id: str, attempt: AttemptRecord, price_version: str) -> tuple[Any, ...]:
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
        *_usage_row(attempt.usage),
        attempt.cost_nanousd,
        None if attempt.cost_nanousd is None else attempt.price_version or price_version,
        _plain(attempt.detail),
    )


def _plain(text: str) -> str:
    """What strangers wrote, without NUL, which not every database can hold."""
    return text.replace("\x00", "\ufffd") if "\x00" in text else text


def _usage_row(usage: Usage | None) -> tuple[Any, ...]:
    return _NO_USAGE if usage is None else _usage_values(usage)


def _operation(row: Row[Any], attempts: tuple[AttemptRecord, ...]) -> OperationRecord:
    fields = {name: row._mapping[name] for name in _OPERATION_FIELDS}
    return OperationRecord(**fields, usage=_usage(row), attempts=attempts)


def _attempt(row: Row[Any]) -> AttemptRecord:
    return AttemptRecord(**{name: row._mapping[name] for name in _ATTEMPT_FIELDS}, usage=_usage(row))


def _usage(row: Row[Any]) -> Usage | None:
    if row._mapping["input_tokens"] is None:
        return None
    return Usage(**{name: row._mapping[name] for name in _USAGE_FIELDS})

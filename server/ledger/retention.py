"""Removes what is no longer to be kept, behind everything else: old content, responses and logs, and what is left of
workspaces.

It goes by small batches with pauses, so that requests and the ledger never wait for long, and begins anew every few
minutes, so that nothing stays an hour longer than it should. Sums stay, but for those by minute, which only recent
stretches need, and those of workspaces that are gone.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Final

from msgspec import Struct

from server.errors import StoreUnavailable
from server.ledger.analytics import MINUTES_KEPT
from server.storage.database import Database, Transaction

EVERY_S: Final = 300.0
BATCH_ROWS: Final = 500
PAUSE_S: Final = 0.02

_MINUTES_MARGIN: Final = timedelta(hours=1)

_log = logging.getLogger(__name__)


class RetentionRules(Struct, frozen=True):
    """Content is kept for `content_days` days; logs for `log_days` whole days in UTC and today, 0 being for ever.

    Responses are kept for `response_days` days, and of a workspace the newest that take `response_bytes` together.
    """

    content_days: int
    log_days: int = 0
    response_days: int = 30
    response_bytes: int = 256 * 1024 * 1024

    def logs_from(self, now: datetime) -> datetime | None:
        """The moment from which on logs are kept; None for all."""
        if not self.log_days:
            return None
        return _midnight(now) - timedelta(days=self.log_days)


@dataclass(slots=True)
class Removed:
    """What one round has removed: rows."""

    contents: int = 0
    operations: int = 0
    sums: int = 0
    responses: int = 0


class Retention:
    """Removes while the gateway serves. `start` it in the event loop that it belongs to, and `close` it."""

    def __init__(
        self,
        database: Database,
        rules: RetentionRules,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        *,
        every_s: float = EVERY_S,
        pause_s: float = PAUSE_S,
    ) -> None:
        self._database = database
        self._rules = rules
        self._now = now
        self._every_s = every_s
        self._pause_s = pause_s
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Goes to work at once, and again from time to time."""
        self._task = asyncio.get_running_loop().create_task(self._run_forever(), name="retention")

    async def close(self) -> None:
        """Stops between two batches. Safe to call twice."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    async def run_once(self) -> Removed:
        """Removes all that is due. Raises StoreUnavailable."""
        removed = Removed()
        now = self._now()
        content_end = now - timedelta(days=self._rules.content_days)
        removed.contents += await self._drain(lambda tx: tx.contents.remove_before(content_end, BATCH_ROWS))
        removed.responses += await self._bound_responses(now - timedelta(days=self._rules.response_days))
        async with self._database.read() as tx:
            known = await tx.expiry.workspaces()
            gone = frozenset(await tx.expiry.gone(known))
        for workspace_id in known:
            if workspace_id in gone:
                await self._clear(workspace_id, now, removed)
            else:
                await self._thin_out(workspace_id, now, removed)
        return removed

    async def _bound_responses(self, end: datetime) -> int:
        """Removes responses that are too old, and the oldest of workspaces that have too much."""
        count = await self._drain(lambda tx: tx.responses.remove_before(end, BATCH_ROWS))
        async with self._database.read() as tx:
            shares = await tx.responses.shares(self._rules.response_bytes)
        for workspace_id in shares:
            count += await self._drain(partial(self._remove_beyond, workspace_id))
        return count

    async def _remove_beyond(self, workspace_id: str, tx: Transaction) -> int:
        beyond = (await tx.responses.shares(self._rules.response_bytes)).get(
            workspace_id, 0
        ) - self._rules.response_bytes
        return 0 if beyond <= 0 else await tx.responses.remove_bytes(workspace_id, beyond, BATCH_ROWS)

    async def _thin_out(self, workspace_id: str, now: datetime, removed: Removed) -> None:
        minutes_end = now - MINUTES_KEPT - _MINUTES_MARGIN
        removed.sums += await self._drain(lambda tx: tx.expiry.remove_minutes(workspace_id, minutes_end))
        logs_from = self._rules.logs_from(now)
        if logs_from is not None:
            removed.operations += await self._drain(
                lambda tx: tx.expiry.remove_operations(workspace_id, logs_from, BATCH_ROWS)
            )

    async def _clear(self, workspace_id: str, now: datetime, removed: Removed) -> None:
        """Removes a workspace that is gone. Today's requests of users who are still there count for their limits."""
        removed.contents += await self._drain(lambda tx: tx.contents.remove_of(workspace_id, BATCH_ROWS))
        removed.responses += await self._drain(lambda tx: tx.responses.remove_of(workspace_id, BATCH_ROWS))
        removed.operations += await self._drain(
            lambda tx: tx.expiry.remove_operations(workspace_id, _midnight(now), BATCH_ROWS)
        )
        removed.operations += await self._drain(
            lambda tx: tx.expiry.remove_operations_of_nobody(workspace_id, BATCH_ROWS)
        )
        async with self._removing() as tx:
            if not await tx.expiry.has_operations(workspace_id):
                removed.sums += await tx.expiry.remove_sums(workspace_id)

    async def _drain(self, remove: Callable[[Transaction], Awaitable[int]]) -> int:
        """Removes batch by batch until nothing is left to remove."""
        total = 0
        while True:
            async with self._removing() as tx:
                count = await remove(tx)
            if not count:
                return total
            total += count
            await asyncio.sleep(self._pause_s)

    @asynccontextmanager
    async def _removing(self) -> AsyncIterator[Transaction]:
        async with self._database.append() as tx:
            yield tx

    async def _run_forever(self) -> None:
        while True:
            try:
                removed = await self.run_once()
            except StoreUnavailable:
                _log.warning("The database is away; what is too old is removed later")
            else:
                if removed.contents or removed.operations:
                    _log.info("Removed %d contents and %d request records", removed.contents, removed.operations)
            await asyncio.sleep(self._every_s)


def _midnight(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)

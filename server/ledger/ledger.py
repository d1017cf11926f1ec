"""The ledger: takes a finished request's record at once, and writes it down soon.

`BatchLedger` keeps records in memory until a batch is full or 50 ms have passed, and writes them with one commit. While
the database is away it keeps them, up to a bound, and tries again; what must be given up is counted and logged.
"""

import asyncio
import logging
from collections import deque
from itertools import islice
from typing import Protocol

from server.chat.records import OperationRecord
from server.errors import StoreUnavailable
from server.storage.database import Database

BATCH_RECORDS = 100
MAX_COMMIT_RECORDS = 500
BATCH_DELAY_S = 0.05
MAX_PENDING_RECORDS = 50_000

_FIRST_PAUSE_S = 0.1
_LONGEST_PAUSE_S = 5.0
_CLOSE_TIMEOUT_S = 10.0
_LOGGED_EVERY = 1000

_log = logging.getLogger(__name__)


class Ledger(Protocol):
    """Where the pipeline leaves its records."""

    def record(self, operation: OperationRecord) -> None:
        """Takes a settled request. Returns at once and never raises."""

    async def flush(self) -> None:
        """Waits until everything that was recorded before is written, or given up."""

    async def close(self) -> None:
        """Writes what it can within a bounded time, and ends."""


class BatchLedger:
    """Writes in batches behind the requests. Made in the event loop that it belongs to; `close` it.

    `price_version` names the source of the prices behind the costs. At most `max_pending` records wait in memory.
    """

    def __init__(
        self,
        database: Database,
        price_version: str,
        max_pending: int = MAX_PENDING_RECORDS,
        close_timeout_s: float = _CLOSE_TIMEOUT_S,
    ) -> None:
        self._database = database
        self._price_version = price_version
        self._max_pending = max_pending
        self._close_timeout_s = close_timeout_s
        self._loop = asyncio.get_running_loop()
        self._pending: deque[OperationRecord] = deque()
        self._due = asyncio.Event()
        self._progress = asyncio.Event()
        self._timer: asyncio.TimerHandle | None = None
        self._writer = self._loop.create_task(self._write_forever(), name="ledger")
        self._finished_count = 0
        self.written_count = 0
        self.dropped_count = 0

    @property
    def pending_count(self) -> int:
        """How many records wait to be written."""
        return len(self._pending)

    def record(self, operation: OperationRecord) -> None:
        """Queues a record; drops, counts and logs it when too many wait or the ledger is closed."""
        pending = self._pending
        waiting = len(pending)
        if waiting >= self._max_pending or self._writer.done():
            self._drop(1, "too many wait for the database, or the ledger is closed")
            return
        pending.append(operation)
        if self._timer is None:
            self._timer = self._loop.call_later(BATCH_DELAY_S, self._due.set)
        elif waiting + 1 == BATCH_RECORDS:
            self._due.set()

    async def flush(self) -> None:
        """Waits until everything that was recorded before is written or given up."""
        target = self._finished_count + len(self._pending)
        while self._finished_count < target and not self._writer.done():
            self._due.set()
            self._progress.clear()
            waiting = asyncio.ensure_future(self._progress.wait())
            try:
                await asyncio.wait([waiting, self._writer], return_when=asyncio.FIRST_COMPLETED)
            finally:
                waiting.cancel()

    async def close(self) -> None:
        """Writes what is pending within the time-out, gives up the rest, and ends. Safe to call twice."""
        try:
            async with asyncio.timeout(self._close_timeout_s):
                await self.flush()
        except TimeoutError:
            _log.warning("The database did not answer within %s s of closing", self._close_timeout_s)
        self._writer.cancel()
        await asyncio.wait([self._writer])
        if self._timer is not None:
            self._timer.cancel()
        if self._pending:
            self._drop(len(self._pending), "the gateway stopped while the database was away")
            self._pending.clear()

    async def _write_forever(self) -> None:
        while True:
            await self._due.wait()
            self._due.clear()
            last = self._finished_count + len(self._pending)
            while self._finished_count < last:
                await self._write_batch(last - self._finished_count)
            # What came meanwhile waits for a batch of its own.
            if self._timer is not None:
                self._timer.cancel()
                self._timer = self._loop.call_later(BATCH_DELAY_S, self._due.set) if self._pending else None

    async def _write_batch(self, available: int) -> None:
        """Writes the oldest records; they leave the queue only when they are written or given up."""
        batch = list(islice(self._pending, min(MAX_COMMIT_RECORDS, available)))
        pause_s = _FIRST_PAUSE_S
        while True:
            try:
                await self._write(batch)
                break
            except StoreUnavailable:
                _log.warning("The database is away; %d request records wait", len(self._pending))
                await asyncio.sleep(pause_s)
                pause_s = min(pause_s * 2, _LONGEST_PAUSE_S)
            except Exception as error:  # noqa: BLE001 - one record that cannot be written must not hold up the others
                if len(batch) == 1:
                    self._drop(1, f"{batch[0].request_id} cannot be written: {error!r}")
                    break
                batch = batch[: len(batch) // 2]
        for _ in batch:
            self._pending.popleft()
        self._finished_count += len(batch)
        self._progress.set()

    async def _write(self, batch: list[OperationRecord]) -> None:
        async with self._database.append() as tx:
            await tx.operations.add_many(batch, self._price_version)
        self.written_count += len(batch)

    def _drop(self, count: int, why: str) -> None:
        before = self.dropped_count
        self.dropped_count += count
        if before == 0 or before // _LOGGED_EVERY != self.dropped_count // _LOGGED_EVERY:
            _log.error("%d request records are lost so far: %s", self.dropped_count, why)

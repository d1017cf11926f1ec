"""The ledger: takes a finished request's record at once, and writes it down soon.

`BatchLedger` puts a record into the spool, which outlives the process, keeps it in memory until a batch is full or
0.5 s have passed, 50 ms without a spool, and writes batches with one commit. While the database is away it goes on, up
to the bounds of memory and spool; what memory has no room for is read back from the spool later. What must be given up
is counted and logged.
"""

import asyncio
import contextlib
import logging
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Iterable
from operator import itemgetter
from typing import Final, Protocol

from msgspec import Struct

from server.chat.records import OperationRecord, OperationStart
from server.errors import StoreUnavailable
from server.ledger.spool.replay import Backlog, Spilled
from server.ledger.spool.segment import Segment
from server.ledger.spool.spool import Spool
from server.ledger.writing import PatientWriter
from server.storage.database import Database

BATCH_RECORDS = 1000
"""So many are written at once: the spool has them, so nobody waits for the database, and a batch costs of itself."""
MAX_COMMIT_RECORDS = BATCH_RECORDS * 5 // 4
"""Beside a full batch, what came before the writer ran: by itself it would cost as much as a whole one."""
BATCH_DELAY_S = 0.5
"""How long a record waits for others at most: what a batch costs of itself is most of the cost of a small one."""
UNSPOOLED_DELAY_S = 0.05
"""The same where a record is in memory alone, and would be lost with the process."""

_LOGGED_EVERY = 1000
_RECORD_OF: Final = itemgetter(0)
_SEGMENT_OF: Final = itemgetter(1)

_log = logging.getLogger(__name__)


class Ledger(Protocol):
    """Where the pipeline leaves its records."""

    def check(self) -> None:
        """Raises StoreUnavailable when requests must be written down and a new one could not be."""

    def begin(self, start: OperationStart) -> None:
        """Takes the beginning of a request that must not vanish with the process. Returns at once and never raises."""

    def record(self, operation: OperationRecord) -> None:
        """Takes a settled request, durably if that can be had. Returns at once and never raises."""

    def secured(self) -> Awaitable[None] | None:
        """Done once what was recorded before outlives the machine too; None if nobody has to wait for that."""

    async def flush(self) -> None:
        """Waits until everything that was recorded before is written, or given up."""

    async def close(self) -> None:
        """Writes what it can within a bounded time, and ends."""


class LedgerBounds(Struct, frozen=True):
    """At most `max_pending` records wait in memory; closing waits `close_timeout_s` for the database.

    `requires_log` refuses requests that could not be written down.
    """

    max_pending: int = 20_000
    close_timeout_s: float = 10.0
    requires_log: bool = False


_BOUNDS: Final = LedgerBounds()


class BatchLedger:
    """Writes in batches behind the requests. Made in the event loop that it belongs to; `close` it.

    `price_version` names the source of the prices behind the costs. `broken_count` are the stretches of spools that
    could not be read back.
    """

    def __init__(
        self, database: Database, price_version: str, spool: Spool | None = None, bounds: LedgerBounds = _BOUNDS
    ) -> None:
        self._price_version = price_version
        self._spool = spool
        self.begin: Callable[[OperationStart], None] = _forget if spool is None else spool.start
        """See `Ledger`."""
        self._delay_s = UNSPOOLED_DELAY_S if spool is None else BATCH_DELAY_S
        self._bounds = bounds
        self._loop = asyncio.get_running_loop()
        self._pending: list[tuple[OperationRecord, Segment | None]] = []
        self._max_pending = bounds.max_pending
        self._out = PatientWriter(database, self._pending.__len__)
        self._due = asyncio.Event()
        self._progress = asyncio.Event()
        self._timer: asyncio.TimerHandle | None = None
        self._finished_count = 0
        self._lost_count = 0
        self.broken_count = 0
        self._backlog: deque[Backlog] = deque()
        self._backlog_due = asyncio.Event()
        self._replayed = asyncio.Event()
        self._writer = self._loop.create_task(self._write_forever(), name="ledger")
        self._writer.add_done_callback(self._take_no_more)
        self._replayer = self._loop.create_task(self._replay_forever(), name="ledger backlog")

    @property
    def pending_count(self) -> int:
        """How many records wait in memory."""
        return len(self._pending)

    @property
    def written_count(self) -> int:
        """How many records were written, those read back from the spool included."""
        return self._out.written_count

    @property
    def dropped_count(self) -> int:
        """How many records are lost."""
        return self._lost_count + self._out.refused_count

    @property
    def spool(self) -> Spool | None:
        """The spool, if there is one."""
        return self._spool

    def check(self) -> None:
        """See `Ledger`."""
        if self._bounds.requires_log and (self._spool is None or self._spool.is_full):
            message = "The request could not be written down, as it must be: there is no room for its record."
            raise StoreUnavailable(message, retry_after_s=1.0)

    def record(self, operation: OperationRecord) -> None:
        """Spools and queues a record. What memory has no room for waits in the spool; without one it is lost."""
        spool, pending, segment = self._spool, self._pending, None
        # What is refused for want of room takes none from those under way.
        if spool is not None and (operation.attempts or not (self._bounds.requires_log and spool.is_full)):
            segment = spool.settle(self._price_version, operation)
        waiting = len(pending)
        if waiting >= self._max_pending:
            self._pass_over(segment)
            return
        pending.append((operation, segment))
        if self._timer is None:
            self._timer = self._loop.call_later(self._delay_s, self._due.set)
        elif waiting + 1 == BATCH_RECORDS:
            self._due.set()

    def secured(self) -> Awaitable[None] | None:
        """See `Ledger`."""
        spool = self._spool
        return None if spool is None or not spool.holds_back else spool.secured()

    def replay(self, backlog: Iterable[Backlog]) -> None:
        """Writes down what waits on the disk, behind the requests."""
        self._backlog.extend(backlog)
        if self._backlog:
            self._replayed.clear()
            self._backlog_due.set()
        else:
            self._replayed.set()

    async def replayed(self, within_s: float) -> bool:
        """Waits until what was given to `replay` is written; says whether it was within that time."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                await self._replayed.wait()
        return self._replayed.is_set()

    async def flush(self) -> None:
        """Waits until everything that was recorded before, and has room in memory, is written or given up."""
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
        """Writes what is pending within the time-out and ends; the spool keeps the rest. Safe to call twice."""
        try:
            async with asyncio.timeout(self._bounds.close_timeout_s):
                await self.flush()
        except TimeoutError:
            _log.warning("The database did not answer within %s s of closing", self._bounds.close_timeout_s)
        for task in (self._writer, self._replayer):
            task.cancel()
        await asyncio.wait([self._writer, self._replayer])
        if self._timer is not None:
            self._timer.cancel()
        if self._pending:
            self._leave_pending()
        for backlog in self._backlog:
            backlog.release()
        self._backlog.clear()
        if self._spool is not None:
            await self._spool.close()

    def _leave_pending(self) -> None:
        unkept = sum(segment is None for _, segment in self._pending)
        if unkept:
            self._lose(unkept, "the gateway stopped while the database was away")
        if kept := len(self._pending) - unkept:
            _log.warning("%d request records wait in the spool for the next start", kept)
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
                self._timer = self._loop.call_later(self._delay_s, self._due.set) if self._pending else None
            if len(self._pending) >= BATCH_RECORDS:  # no record more will be the one that makes a batch full
                self._due.set()

    async def _write_batch(self, available: int) -> None:
        """Writes the oldest records; they leave the queue only when they are written or given up."""
        pending = self._pending
        batch = list(map(_RECORD_OF, pending[: min(MAX_COMMIT_RECORDS, available)]))
        done = await self._out.write(batch, self._price_version)
        for segment, count in Counter(map(_SEGMENT_OF, pending[:done])).items():
            if segment is not None:
                segment.waiting -= count
        del pending[:done]
        self._finished_count += done
        self._progress.set()
        if self._spool is not None:
            self._spool.tidy()
            if self._spool.has_spilled and 2 * len(self._pending) <= self._bounds.max_pending:
                self._backlog_due.set()

    async def _replay_forever(self) -> None:
        while True:
            await self._backlog_due.wait()
            self._backlog_due.clear()
            while self._backlog:
                await self._replay_one(self._backlog[0])
                self._backlog.popleft()
            self._replayed.set()
            while self._spool is not None and (segment := self._spool.spilled()) is not None:
                await self._replay_one(Spilled(segment, self._spool.tidy))

    async def _replay_one(self, backlog: Backlog) -> None:
        async for version, records in backlog.batches():
            await self._out.write_all(records, version)
        self.broken_count += backlog.broken_count
        backlog.finish()

    def _take_no_more(self, writer: asyncio.Task[None]) -> None:
        """Nobody writes any more: memory has room for nothing."""
        self._max_pending = 0

    def _pass_over(self, segment: Segment | None) -> None:
        """A record for which memory has no room."""
        if segment is None:
            self._lose(1, "too many wait for the database, or the ledger is closed")
            return
        segment.waiting -= 1
        segment.is_spilled = True

    def _lose(self, count: int, why: str) -> None:
        before = self._lost_count
        self._lost_count += count
        if before == 0 or before // _LOGGED_EVERY != self._lost_count // _LOGGED_EVERY:
            _log.error("%d request records are lost so far: %s", self._lost_count, why)


def _forget(start: OperationStart) -> None:
    """Without a spool a beginning is nowhere."""

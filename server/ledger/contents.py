"""Keeps prompts and answers of workspaces that want it, behind the requests and apart from their records.

What waits to be written is bounded in bytes; beyond that it is dropped and counted, and so it is while the database is
away for long. Records never wait for it, and are never dropped for it.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

from msgspec import Struct

from server.chat.content import KEEPS_CONTENT, Content, ContentPolicy
from server.chat.records import OperationRecord
from server.errors import StoreUnavailable
from server.ledger.redaction import redacted
from server.storage.contents import KeptContent, Packed, packed
from server.storage.database import Database

MAX_WAITING_BYTES: Final = 64 * 1024 * 1024
BATCH_BYTES: Final = 4 * 1024 * 1024
BATCH_ROWS: Final = 100
BATCH_DELAY_S: Final = 0.2

_FIRST_PAUSE_S: Final = 0.2
_LONGEST_PAUSE_S: Final = 5.0
_CLOSE_TIMEOUT_S: Final = 5.0
_LOGGED_EVERY: Final = 1000

Whole = Callable[[Sequence[bytes]], bytes]
"""From the events of a stream to its answer in one piece, whole or not."""

_log = logging.getLogger(__name__)


class ContentKeeper(Protocol):
    """Where the pipeline leaves what was said."""

    def begin(self, policy: ContentPolicy, request: bytes) -> Content | None:
        """What to hold of a request while it runs; None if nothing is to be kept."""

    def keep(self, record: OperationRecord, content: Content) -> None:
        """Takes what was said in a settled request. Returns at once and never raises."""


class NoContent:
    """Keeps nothing."""

    def begin(self, policy: ContentPolicy, request: bytes) -> Content | None:
        """See `ContentKeeper`."""
        return None

    def keep(self, record: OperationRecord, content: Content) -> None:
        """See `ContentKeeper`."""


class ContentBounds(Struct, frozen=True):
    """At most `cap_bytes` of a request and as many of its answer; at most `waiting_bytes` in memory."""

    cap_bytes: int
    waiting_bytes: int = MAX_WAITING_BYTES


@dataclass(frozen=True, slots=True)
class _Waiting:
    record: OperationRecord
    content: Content = field(repr=False)


class ContentWriter:
    """Writes in batches. Made in the event loop that it belongs to; `close` it."""

    def __init__(self, database: Database, bounds: ContentBounds, whole: Whole) -> None:
        self._database = database
        self._bounds = bounds
        self._whole = whole
        self._loop = asyncio.get_running_loop()
        self._waiting: deque[_Waiting] = deque()
        self._due = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._timer: asyncio.TimerHandle | None = None
        self._writer = self._loop.create_task(self._write_forever(), name="contents")
        self.waiting_bytes = 0
        self.written_count = 0
        self.dropped_count = 0

    def begin(self, policy: ContentPolicy, request: bytes) -> Content | None:
        """See `ContentKeeper`."""
        if policy not in KEEPS_CONTENT:
            return None
        return Content(policy == "redacted", self._bounds.cap_bytes, request)

    def keep(self, record: OperationRecord, content: Content) -> None:
        """Queues it; drops, counts and logs it when too much waits or the writer is closed."""
        if self.waiting_bytes + content.size_bytes > self._bounds.waiting_bytes or self._writer.done():
            self._drop(1, "too much waits for the database, or the gateway stops")
            return
        self._waiting.append(_Waiting(record, content))
        self.waiting_bytes += content.size_bytes
        self._idle.clear()
        if self._timer is None:
            self._timer = self._loop.call_later(BATCH_DELAY_S, self._due.set)

    async def flush(self) -> None:
        """Waits until everything that was queued is written, or given up."""
        while not self._idle.is_set() and not self._writer.done():
            self._due.set()
            waiting = asyncio.ensure_future(self._idle.wait())
            try:
                await asyncio.wait([waiting, self._writer], return_when=asyncio.FIRST_COMPLETED)
            finally:
                waiting.cancel()

    async def close(self) -> None:
        """Writes what is waiting within a bounded time, gives up the rest, and ends. Safe to call twice."""
        try:
            async with asyncio.timeout(_CLOSE_TIMEOUT_S):
                await self.flush()
        except TimeoutError:
            _log.warning("The database did not answer within %s s of closing", _CLOSE_TIMEOUT_S)
        self._writer.cancel()
        await asyncio.wait([self._writer])
        if self._timer is not None:
            self._timer.cancel()
        if self._waiting:
            self._drop(len(self._waiting), "the gateway stopped while the database was away")
            self._waiting.clear()

    async def _write_forever(self) -> None:
        while True:
            await self._due.wait()
            self._due.clear()
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None
            while batch := self._batch():
                await self._write(batch)
            self._idle.set()

    def _batch(self) -> list[_Waiting]:
        batch: list[_Waiting] = []
        size_bytes = 0
        for waiting in self._waiting:
            if batch and (len(batch) == BATCH_ROWS or size_bytes + waiting.content.size_bytes > BATCH_BYTES):
                break
            batch.append(waiting)
            size_bytes += waiting.content.size_bytes
        return batch

    async def _write(self, batch: list[_Waiting]) -> None:
        """Writes the oldest; they leave the queue only when they are written or given up."""
        pause_s = _FIRST_PAUSE_S
        try:
            # Compressing takes long, and lets other threads run meanwhile.
            rows = await asyncio.to_thread(self._rows, batch)
            while not await self._added(rows):
                await asyncio.sleep(pause_s)
                pause_s = min(pause_s * 2, _LONGEST_PAUSE_S)
            self.written_count += len(batch)
        except Exception as error:  # noqa: BLE001 - what cannot be written must not hold up what comes after it
            self._drop(len(batch), f"they cannot be written: {type(error).__name__}")
        for waiting in batch:
            self._waiting.popleft()
            self.waiting_bytes -= waiting.content.size_bytes

    async def _added(self, rows: Sequence[Packed]) -> bool:
        try:
            async with self._database.append() as tx:
                await tx.contents.add_many(rows)
        except StoreUnavailable:
            return False
        return True

    def _rows(self, batch: Sequence[_Waiting]) -> list[Packed]:
        return [packed(self._kept(waiting.record, waiting.content)) for waiting in batch]

    def _kept(self, record: OperationRecord, content: Content) -> KeptContent:
        request, answer = content.request, b"".join(content.pieces)
        if record.is_stream and content.pieces:
            answer = self._whole(content.pieces[:-1] if content.is_cut else content.pieces)
        if content.is_redacted:
            request, answer = _redacted(request), _redacted(answer)
        return KeptContent(
            record.request_id,
            record.workspace_id,
            record.created_at,
            request,
            answer,
            content.is_cut,
            content.is_redacted,
        )

    def _drop(self, count: int, why: str) -> None:
        before = self.dropped_count
        self.dropped_count += count
        if before == 0 or before // _LOGGED_EVERY != self.dropped_count // _LOGGED_EVERY:
            _log.error("What was said in %d requests is not kept so far: %s", self.dropped_count, why)


def _redacted(text: bytes) -> bytes:
    return redacted(text.decode("utf-8", "replace")).encode()

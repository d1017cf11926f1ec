"""Reads records back: from segments of our own that memory had no room for, and from those of processes that died.

A beginning without an end becomes the record of an interrupted request. What is broken is counted and passed over. The
same record may come again, now or after another start: whoever writes it down must not count it twice.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import IO, Protocol

from server.chat.records import OperationRecord, OperationStart
from server.ledger.spool.entries import Settled, entry_of, interrupted
from server.ledger.spool.frames import Scan
from server.ledger.spool.runs import remove_run
from server.ledger.spool.segment import SUFFIX, Segment, mark_of

BATCH_RECORDS = 200

_log = logging.getLogger(__name__)

Batch = tuple[str, list[OperationRecord]]
"""Records with the source of prices behind their costs."""


class Backlog(Protocol):
    """Records that wait on the disk. `broken_count` are the stretches that could not be read, once all are told."""

    broken_count: int

    def batches(self) -> AsyncIterator[Batch]:
        """All of them, once."""

    def finish(self) -> None:
        """They are in the database."""

    def release(self) -> None:
        """Leaves them for another time."""


class Reading:
    """What is found while segments are read, in any order. `broken` counts what could not be read."""

    def __init__(self) -> None:
        self.broken = 0
        self._starts: dict[str, OperationStart] = {}
        self._ended: set[str] = set()

    def ends(self, data: bytes, mark: bytes) -> Iterator[Settled]:
        """The ends in a segment; beginnings are kept in mind."""
        scan = Scan(data, mark)
        for payload in scan:
            try:
                entry = entry_of(payload)
            except ValueError:
                self.broken += 1
                continue
            if isinstance(entry, Settled):
                self._ended.add(entry.operation.request_id)
                self._starts.pop(entry.operation.request_id, None)
                yield entry
            elif entry.request_id not in self._ended:
                self._began(entry)
        self.broken += scan.broken + scan.is_torn

    def _began(self, start: OperationStart) -> None:
        """The last attempt counts, wherever it stands: segments may be made in another order than they are used."""
        known = self._starts.get(start.request_id)
        if known is None or start.number >= known.number:
            self._starts[start.request_id] = start

    def interrupted(self) -> list[OperationRecord]:
        """The records of requests that began and did not end."""
        return [interrupted(start) for start in self._starts.values()]


def in_batches(ends: Iterator[Settled]) -> Iterator[Batch]:
    """Ends in batches of one source of prices each."""
    version, records = "", list[OperationRecord]()
    for settled in ends:
        if records and (settled.price_version != version or len(records) >= BATCH_RECORDS):
            yield version, records
            records = []
        version = settled.price_version
        records.append(settled.operation)
    if records:
        yield version, records


class Spilled:
    """A segment of our own whose ends are nowhere else."""

    def __init__(self, segment: Segment, tidy: Callable[[], None]) -> None:
        self._segment = segment
        self._tidy = tidy
        self.broken_count = 0

    async def batches(self) -> AsyncIterator[Batch]:
        """See `Backlog`."""
        reading = Reading()
        for batch in in_batches(reading.ends(self._segment.written(), self._segment.mark)):
            yield batch
        self.broken_count = reading.broken

    def finish(self) -> None:
        """See `Backlog`."""
        self._segment.is_spilled = False
        self._tidy()

    def release(self) -> None:
        """See `Backlog`."""


class Orphan:
    """The spool of a process that died; its lock is ours. `price_version` is the source of prices for what has none."""

    def __init__(self, directory: Path, lock: IO[bytes], price_version: str) -> None:
        self._directory = directory
        self._lock = lock
        self._price_version = price_version
        self._has_unread = False
        self.found_count = 0
        self.interrupted_count = 0
        self.broken_count = 0

    async def batches(self) -> AsyncIterator[Batch]:
        """See `Backlog`."""
        reading = Reading()
        for path in sorted(self._directory.glob(f"*{SUFFIX}")):
            data = await asyncio.to_thread(self._read, path)
            if data is None:
                continue
            for batch in in_batches(reading.ends(data, mark_of(path))):
                self.found_count += len(batch[1])
                yield batch
        left = reading.interrupted()
        self.interrupted_count, self.broken_count = len(left), reading.broken
        for start in range(0, len(left), BATCH_RECORDS):
            yield self._price_version, left[start : start + BATCH_RECORDS]

    def finish(self) -> None:
        """See `Backlog`. Says what was found."""
        if self.broken_count:
            _log.error("The spool of a process that died had %d stretches that cannot be read", self.broken_count)
        if self.found_count or self.interrupted_count:
            message = "Took over the spool of a process that died: %d records, and %d of requests that it interrupted"
            _log.warning(message, self.found_count, self.interrupted_count)
        if not self._has_unread:
            remove_run(self._directory)
        self.release()

    def release(self) -> None:
        """See `Backlog`."""
        self._lock.close()

    def _read(self, path: Path) -> bytes | None:
        try:
            mark_of(path)
            return path.read_bytes()
        except (OSError, ValueError) as error:
            _log.error("The file %s of the spool cannot be read and stays where it is: %s", path, error)
            self._has_unread = True
            return None

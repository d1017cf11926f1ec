"""The spool of this process: beginnings and ends of requests, in a row of segments, until the database has them.

A record is in memory that belongs to the kernel when `settle` returns: a client that gets the last bytes after that is
in the books whatever happens to this process. Segments go when nothing in them is needed any more; what is still
running and stands in an old one is written again into the newest, so that one long stream does not keep all of them.
"""

import asyncio
import errno
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Self

from msgspec import Struct

from server.chat.records import OperationRecord, OperationStart
from server.ledger.spool.entries import SETTLED, START, encode
from server.ledger.spool.runs import new_run, remove_run
from server.ledger.spool.segment import Segment
from server.ledger.spool.sync import Syncer, SyncPolicy

_MIB = 1024 * 1024
_TRY_AGAIN_S = 1.0
_KEPT_FOR_STARTS = 8
_NEXT_AT = 0.5  # of a segment: time to make the next
_LAST_CALL = 0.75  # of a segment: what is left is for those under way, should the next not come
_LOGGED_EVERY = 1000

_log = logging.getLogger(__name__)


class SpoolBounds(Struct, frozen=True):
    """How large segments are, how much they may take together, and when the disk is asked."""

    segment_bytes: int = 4 * _MIB
    max_bytes: int = 512 * _MIB
    sync: SyncPolicy = SyncPolicy.OFF


class Spool:
    """Belongs to one event loop; `close` it. `unkept_count` are the ends that it had no room for.

    `holds_back`: who was recorded has to wait for `secured`.
    """

    def __init__(self, directory: Path, lock: IO[bytes], bounds: SpoolBounds) -> None:
        self.directory = directory
        self._lock = lock
        self._bounds = bounds
        self._loop = asyncio.get_running_loop()
        self._next_at_bytes = _NEXT_AT * bounds.segment_bytes
        self._syncer = Syncer(bounds.sync)
        self._syncs = bounds.sync is not SyncPolicy.OFF
        # Of a segment: what is written beyond it has to be attended to.
        self._attended_at_bytes = -1.0 if self._syncs else self._next_at_bytes
        self.holds_back = bounds.sync is SyncPolicy.ALWAYS
        self._sealed: list[Segment] = []
        self._current: Segment | None = None
        self._next: Segment | None = None
        self._making: asyncio.Future[None] | None = None
        self._not_before = 0.0
        self._made_count = 0
        self._open: dict[str, tuple[Segment, bytes]] = {}
        self._is_closed = False
        self.kept_count = 0
        self.unkept_count = 0

    @classmethod
    def open(cls, root: Path, bounds: SpoolBounds) -> Self:
        """Makes a directory below `root` for this process alone. Raises OSError when it cannot be written."""
        directory, lock = new_run(root)
        spool = cls(directory, lock, bounds)
        spool._make_now()
        spool._seal()
        return spool

    @property
    def size_bytes(self) -> int:
        """What its files take."""
        return sum(segment.size_bytes for segment in self._segments())

    @property
    def is_full(self) -> bool:
        """Whether there may be no room for requests that begin now. Those under way have room to end."""
        current = self._current
        if self._next is None:
            self._prepare()
        if self._next is not None:
            return False
        return current is None or current.filled > (_LAST_CALL if self._making is not None else _NEXT_AT)

    def start(self, start: OperationStart) -> None:
        """Writes that a request goes upstream; again for each attempt."""
        try:
            payload = START + encode(start)
        except (ValueError, OverflowError, TypeError):
            return
        # Here and where it ends in few steps, because it runs for every request.
        segment = self._current
        if segment is None or not segment.append(payload):
            segment = self._appended_to_next(payload)
            if segment is None:
                return
        if segment.end_bytes > self._attended_at_bytes:
            self._attend(segment)
        self._open[start.request_id] = segment, payload

    def settle(self, price_version: str, operation: OperationRecord) -> Segment | None:
        """Writes how a request ended, and answers where; the segment has it `waiting`. None if there was no room."""
        segment = self._current
        try:
            payload = SETTLED + encode((price_version, operation))
        except (ValueError, OverflowError, TypeError):
            segment = None  # nothing that has such a value can be written down anywhere
        else:
            if segment is None or not segment.append(payload):
                segment = self._appended_to_next(payload)
        self._open.pop(operation.request_id, None)
        if segment is None:
            self._not_kept()
            return None
        if segment.end_bytes > self._attended_at_bytes:
            self._attend(segment)
        segment.waiting += 1
        self.kept_count += 1
        return segment

    def secured(self) -> asyncio.Future[None] | None:
        """Done once the disk has what was written before; None if nobody has to wait for that."""
        return self._syncer.secured()

    def tidy(self) -> None:
        """Removes the segments that nobody needs, and keeps no more in memory than has to be."""
        if len(self._sealed) > _KEPT_FOR_STARTS:
            self._carry_over()
        if self._sealed:
            needed = self._needed()
            for segment in [segment for segment in self._sealed if segment not in needed]:
                self._sealed.remove(segment)
                segment.remove()
        if self._current is not None:
            self._current.release()
        self._prepare()

    @property
    def has_spilled(self) -> bool:
        """Whether there are ends that must be read back."""
        return any(segment.is_spilled for segment in self._segments())

    def spilled(self) -> Segment | None:
        """The oldest segment whose ends must be read back, sealed; None if there is none."""
        if self._current is not None and self._current.is_spilled:
            self._seal()
        return next((segment for segment in self._sealed if segment.is_spilled), None)

    async def close(self) -> None:
        """Leaves nothing behind if nothing is needed any more, else all that is. Safe to call twice."""
        if self._is_closed:
            return
        self._is_closed = True
        if self._making is not None:
            await self._making
        await self._syncer.close()
        needed = self._needed()
        for segment in self._segments():
            if segment in needed:
                segment.close()
            else:
                segment.remove()
        if not needed:
            remove_run(self.directory)
        self._lock.close()
        self._sealed, self._current, self._next = [], None, None

    def _needed(self) -> set[Segment]:
        """Segments with something that is nowhere else: ends, or beginnings whose end is not written."""
        needed = {segment for segment, _ in self._open.values()}
        needed.update(segment for segment in self._segments() if segment.has_ends)
        return needed

    def _segments(self) -> Sequence[Segment]:
        others = (segment for segment in (self._current, self._next) if segment is not None)
        return [*self._sealed, *others]

    def _attend(self, current: Segment) -> None:
        """What few writes need: a next segment, or the disk."""
        if current.end_bytes > self._next_at_bytes and self._next is None:
            self._prepare()
        if self._syncs:
            self._syncer.note(current)

    def _appended_to_next(self, payload: bytes) -> Segment | None:
        if self._is_closed or len(payload) > self._bounds.segment_bytes // 2:
            return None
        if self._next is None:
            self._make_now()
        if self._next is None:
            return None
        self._seal()
        assert self._current is not None
        return self._current if self._current.append(payload) else None

    def _seal(self) -> None:
        """Goes on in the next segment, if there is one."""
        if self._current is not None:
            self._current.release()
            self._sealed.append(self._current)
        self._current, self._next = self._next, None
        if not self._syncs:
            self._attended_at_bytes = self._next_at_bytes

    def _prepare(self) -> None:
        """Has the next segment made before it is needed, in a thread, unless that failed a moment ago."""
        is_time = self._current is None or self._current.filled > _NEXT_AT
        if is_time and self._making is None and self._next is None and self._may_make():
            self._making = asyncio.ensure_future(self._make())

    async def _make(self) -> None:
        try:
            made = await self._loop.run_in_executor(None, self._create)
        except OSError as error:
            self._cannot_make(error)
        else:
            self._take(made)
        finally:
            self._making = None

    def _make_now(self) -> None:
        """Makes the next segment while somebody waits for it."""
        if not self._may_make():
            return
        try:
            self._take(self._create())
        except OSError as error:
            self._cannot_make(error)

    def _take(self, made: Segment) -> None:
        self._not_before = 0.0
        if self._next is None and not self._is_closed:
            self._next = made
            if not self._syncs:
                self._attended_at_bytes = self._bounds.segment_bytes
        else:
            made.remove()

    def _may_make(self) -> bool:
        if self._is_closed or self._loop.time() < self._not_before:
            return False
        making = 0 if self._making is None else self._bounds.segment_bytes
        if self.size_bytes + making + self._bounds.segment_bytes > self._bounds.max_bytes:
            self._cannot_make(OSError(errno.EDQUOT, "it has all the room that it may take"))
            return False
        return True

    def _create(self) -> Segment:
        self._made_count += 1
        return Segment.create(self.directory, self._made_count, self._bounds.segment_bytes)

    def _cannot_make(self, error: OSError) -> None:
        if self._not_before == 0.0:
            _log.error("The spool cannot grow: %s; records that it has no room for are in memory alone", error.strerror)
        self._not_before = self._loop.time() + _TRY_AGAIN_S

    def _not_kept(self) -> None:
        before = self.unkept_count
        self.unkept_count += 1
        if before % _LOGGED_EVERY == 0:
            _log.error("%d request records found no room in the spool so far", self.unkept_count)

    def _carry_over(self) -> None:
        """Writes what is still running and stands in an old segment once more, into the newest."""
        old = {segment for segment in self._sealed if not segment.has_ends}
        for request_id, (segment, payload) in list(self._open.items()):
            if segment not in old:
                continue
            carried = self._current
            if carried is None or not carried.append(payload):
                carried = self._appended_to_next(payload)
                if carried is None:
                    return
            self._attend(carried)
            self._open[request_id] = carried, payload

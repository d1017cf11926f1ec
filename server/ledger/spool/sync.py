"""When the disk itself is asked to keep what is in the spool: never, ten times a second, or before each answer ends.

A process that is killed loses nothing in any case; this is about machines that lose power.
"""

import asyncio
import enum
import errno
import logging
from collections.abc import Sequence

from server.ledger.spool.segment import Segment

BATCH_S = 0.1

_log = logging.getLogger(__name__)


class SyncPolicy(enum.Enum):
    """When to ask the disk."""

    OFF = "off"
    BATCH = "batch"
    ALWAYS = "always"


class Syncer:
    """Asks the disk, in a thread, one time after the other. Belongs to one event loop; `close` it."""

    def __init__(self, policy: SyncPolicy) -> None:
        self._policy = policy
        self._loop = asyncio.get_running_loop()
        self._dirty: dict[Segment, None] = {}
        self._waiting: list[asyncio.Future[None]] = []
        self._timer: asyncio.TimerHandle | None = None
        self._task: asyncio.Task[None] | None = None

    def note(self, segment: Segment) -> None:
        """Something was written."""
        if self._policy is SyncPolicy.OFF:
            return
        self._dirty[segment] = None
        if self._policy is SyncPolicy.BATCH and self._timer is None:
            self._timer = self._loop.call_later(BATCH_S, self._start)

    def secured(self) -> asyncio.Future[None] | None:
        """Done once the disk has all that was written before; None if nobody has to wait for that."""
        if self._policy is not SyncPolicy.ALWAYS:
            return None
        done: asyncio.Future[None] = self._loop.create_future()
        self._waiting.append(done)
        self._start()
        return done

    async def close(self) -> None:
        """Asks for what is left, and ends."""
        while self._dirty or self._waiting or self._task is not None:
            self._start()
            if self._task is not None:
                await self._task
        if self._timer is not None:
            self._timer.cancel()

    def _start(self) -> None:
        self._timer = None
        if self._task is None and (self._dirty or self._waiting):
            self._task = asyncio.ensure_future(self._run())

    async def _run(self) -> None:
        while self._dirty or self._waiting:
            dirty, self._dirty = list(self._dirty), {}
            waiting, self._waiting = self._waiting, []
            error = await self._loop.run_in_executor(None, _sync_all, dirty)
            if error is not None:
                _log.error("The disk does not keep the spool: %s", error.strerror)
            for done in waiting:
                if not done.done():
                    done.set_result(None)
            if self._policy is SyncPolicy.BATCH:
                break
        self._task = None
        if self._dirty and self._timer is None:
            self._timer = self._loop.call_later(BATCH_S, self._start)


def _sync_all(segments: Sequence[Segment]) -> OSError | None:
    """Asks for each; answers what went wrong last. A segment that was removed meanwhile is in the database."""
    failure: OSError | None = None
    for segment in segments:
        try:
            segment.sync()
        except OSError as error:
            if error.errno != errno.EBADF:
                failure = error
    return failure

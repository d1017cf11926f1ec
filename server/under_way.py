"""The requests under way in this process, so that they can be told to end when the gateway stops.

A request belongs to the task that serves it. One that is given up is cancelled like one whose caller has left, and this
is where the two are told apart. While what was made is being sent, the task is not ours to cancel: the request is told
when it comes back for more. This must not decide when anything ends.
"""

import asyncio
from collections.abc import Awaitable, Callable

from msgspec import Struct

from server.draining import NO_DRAINS, Counting, DrainRules, Drains, Readable
from server.errors import ClientGone, Draining, PerpetuoError


class Visit(Struct, eq=False):
    """One request. `is_away` says that its task does something else for it, as sending what is there.

    `has_left` says that its caller has.
    """

    task: "asyncio.Task[object]"
    is_away: bool = False
    is_given_up: bool = False
    has_left: bool = False

    def give_up(self) -> None:
        """Ends the request."""
        self.is_given_up = True
        if not self.is_away:
            self.task.cancel()

    def back(self) -> None:
        """The task is back. Raises Draining if the request was given up meanwhile."""
        self.is_away = False
        if self.is_given_up:
            raise _draining()

    def reason(self, error: BaseException) -> PerpetuoError:
        """Why the request has ended: what was raised, or who cancelled it."""
        if isinstance(error, PerpetuoError):
            return error
        if self.is_given_up:
            return _draining()
        self.has_left = True
        return ClientGone("The caller left.")

    def tell(self, error: BaseException) -> None:
        """Raises Draining in the place of our own cancellation: the caller is still there to be told."""
        if self.is_given_up and isinstance(error, asyncio.CancelledError):
            self.task.uncancel()
            raise _draining() from None


class UnderWay:
    """All of them. Belongs to one event loop. `drains` are the streams that are read on without their callers.

    `is_over` says that everything was given up.
    """

    def __init__(self, rules: DrainRules = NO_DRAINS) -> None:
        self._visits: set[Visit] = set()
        self.is_over = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self.drains = Drains(rules)

    def __len__(self) -> int:
        return len(self._visits)

    def enter(self) -> Visit:
        """Notes a request of the running task; it must `leave`. Raises Draining once everything was given up."""
        if self.is_over:
            raise _draining()
        loop = self._loop
        if loop is None:
            loop = self._loop = asyncio.get_running_loop()
        task = asyncio.current_task(loop)  # without the loop it would ask the kernel for the process
        assert task is not None
        visit = Visit(task)
        self._visits.add(visit)
        return visit

    def leave(self, visit: Visit) -> None:
        """The request is over."""
        self._visits.discard(visit)

    async def leave_stream(
        self, visit: Visit, live: Readable | None, counting: Counting, end: Callable[[], Awaitable[None]]
    ) -> None:
        """A request for a stream is over, and `end` follows: now, or once what is left of the stream was read."""
        self.leave(visit)
        has_left = visit.has_left and not self.is_over
        if live is None or not has_left or not self.drains.take(live, counting, end):
            await end()

    def give_up(self) -> None:
        """Ends every request, and lets none begin any more."""
        self.is_over = True
        for visit in tuple(self._visits):
            visit.give_up()


def _draining() -> Draining:
    return Draining("The gateway is stopping and had to give this request up; ask again.", retry_after_s=1.0)

"""Runs what a task is to do in the very calls of the loop that bring it forward, as long as it waits but once.

To wake a task takes longer than much of what it then does. So a task waits here, as for a bell, and a generator is run
in its place: begun by the call that brings work, and run on by the call that brings the one thing that it waits for.
What waits once more is left to the task. The task stands for all of it: it is the current task meanwhile, as tasks that
are not asyncio's own do it (`asyncio._enter_task`), and who cancels it cancels what is run.
"""

import asyncio
from asyncio.tasks import _enter_task, _leave_task
from collections.abc import Generator
from types import coroutine
from typing import Any, Final, Protocol

from edge.bell import Bell

IDLE: Final = object()
"""What the generator yields when its work is done; then it is sent the next. All else it yields is to be awaited."""

_NOTHING_YET: Final = object()


class Keeper(Protocol):
    """Has runners work. `waiting` is the one that is to have the next work; one in whose place work is run stays it."""

    waiting: "Runner | None"

    def release(self, runner: "Runner") -> None:
        """Is not `waiting` any more: its task has work, or is cancelled."""

    def take_back(self, runner: "Runner") -> bool:
        """Has no work any more; whether more may come, or the task ends."""


class Runner(Bell[Any]):
    """A task, which has to `run`, and the generator that does its work.

    `stands_for` is what work waits for that is run in the place of the task; None where none is.
    """

    __slots__ = ("_is_cut", "_keeper", "_left", "_send", "_throw", "stands_for", "task")

    task: asyncio.Task[None]

    def __init__(self, loop: asyncio.AbstractEventLoop, working: Any, keeper: Keeper) -> None:
        super().__init__(loop)
        self._send, self._throw, self._keeper = working.send, working.throw, keeper
        self._send(None)
        self.stands_for: Any = None
        self._left: Any = None
        self._is_cut = False

    async def run(self, work: Any) -> None:
        """What the task does: work, until it is brought None."""
        while work is not None:
            waits, self._left = self._left if work is self else self._send(work), None
            await self._go_through(waits)
            if not self._keeper.take_back(self):
                return
            work = await self

    def begin(self, work: Any) -> None:
        """Begins work in the place of the task, which has to wait. For calls of the loop, where no task runs."""
        loop, task, context, send = self._loop, self.task, self._context, self._send
        self.stands_for = _NOTHING_YET
        _enter_task(loop, task)
        try:
            waits = context.run(send, work)
        except BaseException as defect:  # noqa: BLE001  # the task raises it
            waits = self._break(defect)
        finally:
            _leave_task(loop, task)
        if waits is IDLE or waits is None:
            context.run(self._stop, waits)
        else:
            self.stands_for = waits
            waits.add_done_callback(self._go_on, context=context)

    def _go_on(self, _: object) -> None:
        """What was waited for is there."""
        loop, task, send = self._loop, self.task, self._send
        _enter_task(loop, task)
        try:
            waits = self._cut() if self._is_cut else send(None)
        except BaseException as defect:  # noqa: BLE001  # the same
            waits = self._break(defect)
        finally:
            _leave_task(loop, task)
        if waits is IDLE and self._keeper.waiting is self:
            self.stands_for = None
        else:
            self._stop(waits)

    def _stop(self, waits: Any) -> None:
        """Runs nothing any more: the work is done, or the task does the rest. For calls in the task's context."""
        keeper, is_cut = self._keeper, self._is_cut
        self.stands_for, self._is_cut = None, False
        if waits is not IDLE:
            keeper.release(self)
            self._left = waits
            self._brought, self.is_awaited = self, False
            self._wake(self)
            if is_cut:
                self.task.uncancel()
                self.task.cancel()
        elif is_cut or (keeper.waiting is not self and not keeper.take_back(self)):
            self.ring_soon(None)

    def _cut(self) -> Any:
        self._is_cut = False
        return self._throw(asyncio.CancelledError())

    def _break(self, defect: BaseException) -> Any:
        """The generator has raised, which ends the task."""
        self._raised, self._is_cut = defect, True
        self._keeper.release(self)
        return IDLE

    @coroutine
    def _go_through(self, waits: Any) -> Generator[Any, Any, None]:
        """Does the work that waits for something, in the task."""
        while waits is not IDLE:
            try:
                yield waits
            except BaseException as error:  # noqa: BLE001  # it is the generator's to judge
                waits = self._throw(error)
            else:
                waits = self._send(None)

    def cancel(self, msg: object = None) -> bool:
        """The task was cancelled while it waits. False: it was woken before."""
        if not self.is_awaited or self.stands_for is None:
            return super().cancel(msg)
        self._keeper.release(self)
        self._is_cut = True
        self._cancel_it()
        return True

    def _cancel_it(self) -> None:
        """Cancels what is waited for, once that is known."""
        standing = self.stands_for
        if standing is _NOTHING_YET:
            self._loop.call_soon(self._cancel_it)
        elif standing is not None:
            standing.cancel()

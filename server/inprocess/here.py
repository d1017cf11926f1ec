"""A unary call whose handler runs in the task that awaits the call: no second task, and no copies of messages.

For a caller that makes one call in a task, awaits it at once and changes neither request nor answer: the REST face.
Limits, deadline, cancellation and statuses are those of any call. What differs: nothing runs before it is awaited, the
handler sees the context of its caller, and an outcome that is due waits until a handler which was cancelled is done.
"""

import asyncio
from collections.abc import Coroutine, Generator
from typing import Any, TypeVar

from server.inprocess.call import BaseCall, UnaryUnaryCall
from server.inprocess.context import InProcessContext
from server.inprocess.direct import Running
from server.inprocess.handling import Router, conclude, serve_unary
from server.inprocess.metadata import Pairs
from server.inprocess.payload import Reader, Writer
from server.inprocess.rpc import Rpc

Req = TypeVar("Req")
Res = TypeVar("Res")


async def run_here(
    call: BaseCall, context: InProcessContext, handling: Coroutine[Any, Any, None], running: set[Running]
) -> None:
    """Runs the handler of a call to its end. The call's end cancels the task, but must not end more than the call."""
    rpc = context.rpc
    rpc.task = task = asyncio.current_task()
    assert task is not None
    running.add(rpc)
    failure: BaseException | None = None
    try:
        await handling
    except asyncio.CancelledError as error:
        failure = error
        if task.cancelling() > rpc.cancels:
            rpc.task = None
            call.cancel()
            raise
    except Exception as error:  # noqa: BLE001  # there is no task of its own from which to read how it ended
        failure = error
    finally:
        running.discard(rpc)
        conclude(context, failure)
        failure = None  # whose traceback holds this frame
        for _ in range(rpc.cancels):
            task.uncancel()


class HereCall(UnaryUnaryCall[Res, Req]):
    """One request, one response."""

    _has_begun = False

    def __init__(self, rpc: Rpc, writer: Writer, reader: Reader[Any], router: Router, running: set[Running]) -> None:
        super().__init__(rpc, writer, reader)
        self._router = router
        self._running = running

    def __await__(self) -> Generator[Any, None, Res]:
        """Runs the call, once; raises AioRpcError, or CancelledError when the call was cancelled here."""
        return self._run().__await__() if not self._has_begun else super().__await__()

    @property
    def received_metadata(self) -> tuple[Pairs, Pairs]:
        """Initial and trailing metadata of a call that has ended."""
        outcome = self._rpc.outcome
        return self._rpc.initial_metadata or (), () if outcome is None else outcome.trailing

    async def _run(self) -> Res:
        self._has_begun = True
        rpc = self._rpc
        if rpc.outcome is None and rpc.request is not None:
            context = InProcessContext(rpc)
            await run_here(self, context, serve_unary(context, self._router, rpc.request), self._running)
        outcome = rpc.outcome
        assert outcome is not None
        self._raise_unless_ok(outcome)
        if self._answer is None and rpc.response is not None:
            self._answer = self._reader.open(rpc.response)
            rpc.response = None
        return self._answer  # type: ignore[return-value]  # an OK outcome came with a response

"""A server stream whose handler runs in the task of its caller: each message is taken in the call that writes it.

For a caller that makes one call in a task, runs it at once and changes neither request nor messages: the REST face.
There is no queue and no second task, so that a caller that takes nothing blocks the handler itself. Limits, deadline,
cancellation and statuses are those of any call; as with `here.py`, nothing runs before `into`, and an outcome that is
due waits until a handler which was cancelled is done.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, Generic, TypeVar

from server.inprocess.call import BaseCall
from server.inprocess.context import InProcessContext
from server.inprocess.direct import Running
from server.inprocess.handling import Router, serve
from server.inprocess.here import run_here
from server.inprocess.metadata import Pairs
from server.inprocess.payload import Reader, Sealed, Writer
from server.inprocess.rpc import Rpc

Res = TypeVar("Res")

_NOT_TAKEN: Final = "The caller could not take a message."


class HereStream(Generic[Res], BaseCall):
    """A call with a stream of responses."""

    def __init__(self, rpc: Rpc, writer: Writer, reader: Reader[Res], router: Router, running: set[Running]) -> None:
        super().__init__(rpc, writer, reader)
        self._router = router
        self._running = running
        self._take: Callable[[Res], Awaitable[None]] | None = None
        self._refusal: Exception | None = None

    @property
    def received_metadata(self) -> Pairs:
        """Initial metadata, which are there with the first message or at the end."""
        return self._rpc.initial_metadata or ()

    def hand_to(self, take: Callable[[Sequence[bytes]], bool]) -> None:
        """Has responses that the handler pushes given to `take` at once; see `StreamResponse.hand_to`."""
        self._rpc.take, self._rpc.takes = take, self._reader.message_class

    async def into(self, take: Callable[[Res], Awaitable[None]]) -> None:
        """Runs the call, once, and gives every message to `take`.

        Raises AioRpcError, CancelledError when the call was cancelled here, or what `take` raised, which cancels it.
        """
        rpc = self._rpc
        self._take, rpc.sink = take, self._given
        if rpc.outcome is None:
            context = InProcessContext(rpc)
            try:
                await run_here(self, context, serve(context, self._router), self._running)
            finally:
                # Who takes holds this call, and would be garbage that only a collection finds.
                self._take = rpc.sink = rpc.take = None
        if self._refusal is not None:
            raise self._refusal
        outcome = rpc.outcome
        assert outcome is not None
        self._raise_unless_ok(outcome)

    async def _given(self, sealed: Sealed) -> None:
        """Gives a message to the caller. What it cannot take ends the call, and the handler as if it were cancelled."""
        assert self._take is not None
        try:
            await self._take(self._reader.open(sealed))
        except Exception as error:  # noqa: BLE001  # it is the caller's, and must not be told as the handler's
            self._refusal = error
            self._rpc.task = None
            self._rpc.cancel(_NOT_TAKEN)
            raise asyncio.CancelledError from None

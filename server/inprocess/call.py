"""What a caller holds: the grpc.aio call objects over the shared state of a call.

Iterating over a call makes no reference cycle, so that a stream which its reader abandons is cancelled as soon as the
call object is dropped, whether or not the reader remembered `cancel`. A unary call goes on when its object is dropped,
as over a socket.
"""

import asyncio
import logging
from collections.abc import AsyncIterable, AsyncIterator, Callable, Generator, Iterable, Sequence
from enum import Enum
from functools import partial
from typing import Any, Generic, TypeVar

import grpc

from server.inprocess.payload import Reader, Sealed, Writer
from server.inprocess.rpc import LOCALLY_CANCELLED, Outcome, Rpc

_LOGGER = logging.getLogger(__name__)
_COLLECTED = "Cancelled upon garbage collection!"
_STYLES_MIXED = "The iterator and read/write APIs may not be mixed on a single RPC."

Req = TypeVar("Req")
Res = TypeVar("Res")
Requests = AsyncIterable[Req] | Iterable[Req]


class Style(Enum):
    """Which of the two interfaces to a stream a caller has chosen, by using it first."""

    ITERATOR = 1
    READER_WRITER = 2


class BaseCall(grpc.aio.Call):
    """What all kinds of calls share."""

    def __init__(self, rpc: Rpc, writer: Writer, reader: Reader[Any]) -> None:
        self._rpc = rpc
        self._writer = writer
        self._reader = reader

    def __repr__(self) -> str:
        outcome = self._rpc.outcome
        state = "in flight" if outcome is None else f"{outcome.code} {outcome.details!r}"
        return f"<{type(self).__name__} of {self._rpc.method}: {state}>"

    def cancelled(self) -> bool:
        """The call ended with CANCELLED, by whichever side."""
        outcome = self._rpc.outcome
        return outcome is not None and outcome.code is grpc.StatusCode.CANCELLED

    def done(self) -> bool:
        """The outcome is known."""
        return self._rpc.outcome is not None

    def time_remaining(self) -> float | None:
        """Seconds until the deadline, at least 0; None without one."""
        return self._rpc.time_remaining()

    def cancel(self) -> bool:
        """Ends the call at once. False: it had ended before."""
        return self._rpc.cancel(LOCALLY_CANCELLED)

    def add_done_callback(self, callback: Callable[[Any], None]) -> None:
        """Calls back with this call when it ends, at once when it has."""
        if self._rpc.outcome is not None:
            callback(self)
        else:
            self._rpc.done_callbacks.append(partial(callback, self))

    async def initial_metadata(self) -> grpc.aio.Metadata:
        """Waits for the initial metadata, or for the end of the call."""
        return grpc.aio.Metadata(*await self._rpc.received_initial_metadata())

    async def trailing_metadata(self) -> grpc.aio.Metadata:
        """Waits for the end of the call."""
        return grpc.aio.Metadata(*(await self._rpc.settled()).trailing)

    async def code(self) -> grpc.StatusCode:
        """Waits for the end of the call."""
        return (await self._rpc.settled()).code

    async def details(self) -> str:
        """Waits for the end of the call."""
        return (await self._rpc.settled()).details

    async def debug_error_string(self) -> str:
        """Waits for the end of the call; says no more than its details."""
        return (await self._rpc.settled()).details

    async def wait_for_connection(self) -> None:
        """Waits until the handler has shown itself; raises as awaiting the call would if it has failed by then."""
        await self._rpc.received_initial_metadata()
        if self._rpc.outcome is not None:
            self._raise_unless_ok(self._rpc.outcome)

    def _raise_unless_ok(self, outcome: Outcome) -> None:
        if self._rpc.is_locally_cancelled:
            raise asyncio.CancelledError
        if outcome.code is not grpc.StatusCode.OK:
            raise outcome.error(self._rpc.initial_metadata or ())


class UnaryResponse(Generic[Res], BaseCall):
    """A call with one response."""

    _answer: Res | None = None

    def __await__(self) -> Generator[Any, None, Res]:
        """Waits for the response; raises AioRpcError, or CancelledError when the call was cancelled here."""
        rpc = self._rpc
        while rpc.outcome is None:
            try:
                yield from rpc.changed()
            except asyncio.CancelledError:
                self.cancel()
                raise
        self._raise_unless_ok(rpc.outcome)
        if self._answer is None and rpc.response is not None:
            self._answer = self._reader.open(rpc.response)
            rpc.response = None
        return self._answer  # type: ignore[return-value]  # an OK outcome came with a response

    async def wait_for_connection(self) -> None:
        """Waits for the end of the call; raises as awaiting the call would."""
        self._raise_unless_ok(await self._rpc.settled())


class StreamResponse(Generic[Res], BaseCall):
    """A call with a stream of responses, read by iteration or by `read`."""

    _response_style: Style | None = None

    def __del__(self) -> None:
        rpc = self._rpc
        if rpc.outcome is None and not rpc.loop.is_closed():
            rpc.loop.call_soon_threadsafe(rpc.cancel, _COLLECTED)

    def __aiter__(self) -> AsyncIterator[Res]:
        self._use_responses(Style.ITERATOR)
        return self

    async def __anext__(self) -> Res:
        sealed = await self._next()
        if sealed is None:
            raise StopAsyncIteration
        return self._reader.open(sealed)  # type: ignore[no-any-return]  # the reader is of the caller's own making

    def hand_to(self, take: Callable[[Sequence[bytes]], bool]) -> None:
        """Has responses that come while the iteration waits given to `take` at once, where the handler pushes them.

        For responses whose only field is a list of bytes, and what is given is this list: no message is made. `take`
        answers False for what it does not take, which the iteration gives then. Raises UsageError after `read`.
        """
        self._use_responses(Style.ITERATOR)
        if self._reader.message_class is not None:
            self._rpc.take, self._rpc.takes = take, self._reader.message_class

    async def read(self) -> Any:
        """The next response, or grpc.aio.EOF; raises as the iteration does."""
        self._use_responses(Style.READER_WRITER)
        sealed = await self._next()
        return grpc.aio.EOF if sealed is None else self._reader.open(sealed)

    async def _next(self) -> Sealed | None:
        rpc = self._rpc
        sealed = None
        if rpc.outcome is None and rpc.responses is not None:
            try:
                sealed = await rpc.responses.get()
            except asyncio.CancelledError:
                self.cancel()
                raise
            rpc.settle_if_drained()
        if sealed is None:
            self._raise_unless_ok(await rpc.settled())
        return sealed

    def _use_responses(self, style: Style) -> None:
        if self._response_style not in (None, style):
            raise grpc.aio.UsageError(_STYLES_MIXED)
        self._response_style = style


class StreamRequest(Generic[Req], BaseCall):
    """A call with a stream of requests, taken from an iterator or written one by one."""

    _pump: asyncio.Task[None] | None = None
    _has_closed_requests = False

    def feed(self, requests: Requests[Req]) -> None:
        """Sends what the iterator yields, in a task that ends with the call. What it raises cancels the call."""
        if self._rpc.outcome is not None:
            return
        self._pump = self._rpc.loop.create_task(_pump(self._rpc, self._writer, requests))
        self._pump.add_done_callback(partial(_end_pump, self._rpc))
        self._rpc.done_callbacks.append(partial(_stop_pump, self._pump))

    async def write(self, request: Req) -> None:
        """Sends a request, and waits while the handler is behind. Raises InvalidStateError after the end."""
        self._refuse_iterator()
        if self._has_closed_requests:
            raise asyncio.InvalidStateError('RPC is half closed after calling "done_writing".')
        if self._rpc.outcome is not None:
            raise asyncio.InvalidStateError("RPC already finished.")
        try:
            is_sent = await _send(self._rpc, self._writer, request)
        except asyncio.CancelledError:
            self.cancel()
            raise
        if not is_sent and self._rpc.outcome is not None:
            self._raise_unless_ok(self._rpc.outcome)

    async def done_writing(self) -> None:
        """Tells the handler that no request comes any more. Safe to call twice."""
        self._refuse_iterator()
        self._has_closed_requests = True
        if self._rpc.requests is not None:
            self._rpc.requests.close()

    async def wait_for_connection(self) -> None:
        """Returns at once: nothing has to be connected; raises as awaiting the call would if it has failed."""
        if self._rpc.outcome is not None:
            self._raise_unless_ok(self._rpc.outcome)

    def _refuse_iterator(self) -> None:
        if self._pump is not None:
            raise grpc.aio.UsageError(_STYLES_MIXED)


class UnaryUnaryCall(UnaryResponse[Res], grpc.aio.UnaryUnaryCall[Req, Res]):
    """One request, one response."""


class UnaryStreamCall(StreamResponse[Res], grpc.aio.UnaryStreamCall[Req, Res]):
    """One request, a stream of responses."""


class StreamUnaryCall(StreamRequest[Req], UnaryResponse[Res], grpc.aio.StreamUnaryCall[Req, Res]):
    """A stream of requests, one response."""


class StreamStreamCall(StreamRequest[Req], StreamResponse[Res], grpc.aio.StreamStreamCall[Req, Res]):
    """Streams both ways."""


async def _send(rpc: Rpc, writer: Writer, request: object) -> bool:
    sealed = writer.seal(request)
    refusal = rpc.refuse_size(sealed, "CLIENT", "SERVER")
    if refusal is not None:
        rpc.drop(refusal)
        return False
    return rpc.requests is not None and await rpc.requests.put(sealed)


async def _pump(rpc: Rpc, writer: Writer, requests: Requests[Any]) -> None:
    if isinstance(requests, AsyncIterable):
        async for request in requests:
            if not await _send(rpc, writer, request):
                return
    else:
        for request in requests:
            if not await _send(rpc, writer, request):
                return
    if rpc.requests is not None:
        rpc.requests.close()


def _stop_pump(task: asyncio.Task[None]) -> None:
    task.cancel()


def _end_pump(rpc: Rpc, task: asyncio.Task[None]) -> None:
    failure = None if task.cancelled() else task.exception()
    if failure is not None:
        _LOGGER.debug("The iterator of requests raised", exc_info=failure)
    if failure is not None or task.cancelled():
        rpc.cancel(LOCALLY_CANCELLED)

"""One call: the state that the caller's side and the handler's side share, and who may change it when.

The caller sees one outcome, set once: by the handler's status after every message before it was read, or at once by
cancellation, by the deadline or by a shutdown. It must not know how either side looks to its user; that is what
`call.py` and `context.py` are for.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import grpc
from msgspec import Struct

from server.inprocess.metadata import InvalidMetadataError, MetadataLike, Pairs, from_server, size_bytes
from server.inprocess.payload import Sealed
from server.inprocess.pipe import Pipe

DEADLINE_DETAILS = "Deadline Exceeded"
LOCALLY_CANCELLED = "Locally cancelled by application!"
_QUEUED_MESSAGES = 2


class Limits(Struct, frozen=True):
    """Bounds of a call in bytes, -1 for none; the options of a socket channel that bear the same names."""

    receive_bytes: int = 4 * 1024 * 1024
    send_bytes: int = -1
    metadata_bytes: int = 16 * 1024

    def refuse_metadata(self, pairs: Pairs) -> "Outcome | None":
        """The outcome of metadata that are larger than the limit."""
        limit = self.metadata_bytes
        if not pairs or limit < 0 or size_bytes(pairs) <= limit:
            return None
        details = f"received metadata size exceeds hard limit ({size_bytes(pairs)} vs. {limit})"
        return Outcome(grpc.StatusCode.RESOURCE_EXHAUSTED, details)

    def refuse_bytes(self, size: int, sender: str, receiver: str) -> "Outcome | None":
        """The outcome of a message that is larger than its sender or its receiver takes."""
        if 0 <= self.send_bytes < size:
            details = f"{sender}: Sent message larger than max ({size} vs. {self.send_bytes})"
        elif 0 <= self.receive_bytes < size:
            details = f"{receiver}: Received message larger than max ({size} vs. {self.receive_bytes})"
        else:
            return None
        return Outcome(grpc.StatusCode.RESOURCE_EXHAUSTED, details)

    def outcome(self, outcome: "Outcome", trailing: Pairs) -> "Outcome":
        """An outcome with a handler's trailing metadata, or what comes instead when these cannot be sent."""
        try:
            checked = from_server(trailing)
        except InvalidMetadataError:
            return INVALID_METADATA
        if not checked:
            return outcome
        return self.refuse_metadata(checked) or Outcome(outcome.code, outcome.details, checked)


class Outcome(Struct, frozen=True):
    """How a call ended, as the caller sees it."""

    code: grpc.StatusCode
    details: str = ""
    trailing: Pairs = ()

    def error(self, initial: Pairs = ()) -> grpc.aio.AioRpcError:
        """It as its caller gets it, where it is not OK."""
        return grpc.aio.AioRpcError(
            self.code,
            grpc.aio.Metadata(*initial),
            grpc.aio.Metadata(*self.trailing),
            details=self.details,
            debug_error_string=self.details,
        )


OK = Outcome(grpc.StatusCode.OK)
INVALID_METADATA = Outcome(grpc.StatusCode.INTERNAL, "Invalid metadata")
HANDLER_CANCELLED = Outcome(grpc.StatusCode.CANCELLED, "The handler was cancelled.")


class Rpc:
    """A call in flight. `deadline` is absolute, in seconds of the loop's clock.

    `task` is what the handler runs in, while it does; `cancels` counts how often it was cancelled from here. `sink` is
    what takes a stream of responses that has no queue.
    """

    __slots__ = (
        "_ended",
        "_timer",
        "_waiters",
        "cancels",
        "deadline",
        "done_callbacks",
        "initial_metadata",
        "is_locally_cancelled",
        "limits",
        "loop",
        "metadata",
        "method",
        "outcome",
        "request",
        "requests",
        "response",
        "responses",
        "sent",
        "sink",
        "take",
        "takes",
        "task",
    )

    def __init__(self, loop: asyncio.AbstractEventLoop, method: str, metadata: Pairs, limits: Limits) -> None:
        self.loop = loop
        self.method = method
        self.metadata = metadata
        self.limits = limits
        self.deadline: float | None = None
        self.request: Sealed | None = None
        self.response: Sealed | None = None
        self.requests: Pipe | None = None
        self.responses: Pipe | None = None
        self.initial_metadata: Pairs | None = None
        self.sent: Outcome | None = None
        self.sink: Callable[[Sealed], Awaitable[None]] | None = None
        self.outcome: Outcome | None = None
        self.is_locally_cancelled = False
        self.take: Callable[[Sequence[bytes]], bool] | None = None
        self.takes: type | None = None
        self.task: asyncio.Task[Any] | None = None
        self.cancels = 0
        self.done_callbacks: list[Callable[[], None]] = []
        self._timer: asyncio.TimerHandle | None = None
        self._waiters: list[asyncio.Future[None]] = []
        self._ended: asyncio.Future[None] | None = None

    def open_requests(self) -> Pipe:
        """Makes the call's requests a stream."""
        self.requests = Pipe(self.loop, _QUEUED_MESSAGES)
        return self.requests

    def open_responses(self) -> Pipe:
        """Makes the call's responses a stream."""
        self.responses = Pipe(self.loop, _QUEUED_MESSAGES)
        return self.responses

    def set_timeout(self, timeout_s: float) -> None:
        """Ends the call with DEADLINE_EXCEEDED when the time is over, at once when there is none."""
        self.deadline = self.loop.time() + timeout_s
        if timeout_s <= 0:
            self.expire()
        else:
            self._timer = self.loop.call_later(timeout_s, self.expire)

    def time_remaining(self) -> float | None:
        """Seconds until the deadline, at least 0; None without one."""
        return None if self.deadline is None else max(self.deadline - self.loop.time(), 0.0)

    async def settled(self) -> Outcome:
        """Waits for the outcome."""
        while self.outcome is None:
            await self.changed()
        return self.outcome

    async def received_initial_metadata(self) -> Pairs:
        """Waits for the initial metadata, which is empty when the call ended without."""
        while self.initial_metadata is None:
            await self.changed()
        return self.initial_metadata

    def changed(self) -> asyncio.Future[None]:
        """A future of the caller's own that is done when metadata arrive or the call ends."""
        waiter = self.loop.create_future()
        self._waiters.append(waiter)
        return waiter

    # What the handler's side does.

    def send_initial_metadata(self, metadata: MetadataLike | None) -> None:
        """Shows the initial metadata to the caller. What cannot be sent ends the call and raises InternalError."""
        try:
            pairs = from_server(metadata)
        except InvalidMetadataError:
            self.finish(INVALID_METADATA)
            raise
        refusal = self.refuse_metadata(pairs)
        if refusal is not None:
            self.finish(refusal)
            raise grpc.aio.InternalError(refusal.details)
        self.initial_metadata = pairs
        self._wake()

    def finish(self, outcome: Outcome) -> None:
        """Sends the status, once. The caller sees it when it has read what came before."""
        if self.sent is not None:
            return
        self.sent = outcome
        if self.requests is not None:
            self.requests.discard()
        if self.responses is None:
            self._publish(outcome)
            return
        self.responses.close()
        self.settle_if_drained()

    def refuse_metadata(self, pairs: Pairs) -> Outcome | None:
        """The outcome of metadata that are larger than the limit."""
        return self.limits.refuse_metadata(pairs)

    def refuse_size(self, sealed: Sealed, sender: str, receiver: str) -> Outcome | None:
        """The outcome of a message that is larger than its sender or its receiver takes."""
        return self.refuse_bytes(sealed.size_bytes, sender, receiver)

    def refuse_bytes(self, size: int, sender: str, receiver: str) -> Outcome | None:
        """The same of so many bytes."""
        return self.limits.refuse_bytes(size, sender, receiver)

    # What the caller's side and the clock do.

    def settle_if_drained(self) -> None:
        """Shows the handler's status once its last message was read."""
        if self.sent is not None and (self.responses is None or self.responses.is_drained):
            self._publish(self.sent)

    def cancel(self, details: str) -> bool:
        """Ends the call for the caller at once and cancels the handler. False: it had ended before."""
        if self.outcome is not None:
            return False
        self.is_locally_cancelled = True
        self.drop(Outcome(grpc.StatusCode.CANCELLED, details))
        return True

    def expire(self) -> None:
        """Ends the call because its time is over; the handler is cancelled whether or not it heeds that."""
        self.drop(Outcome(grpc.StatusCode.DEADLINE_EXCEEDED, DEADLINE_DETAILS))

    def drop(self, outcome: Outcome) -> None:
        """Ends the call with an outcome that is not the handler's, and cancels the handler."""
        if self.outcome is None:
            self._publish(outcome)
        for pipe in (self.requests, self.responses):
            if pipe is not None:
                pipe.discard()
        if self.task is not None:
            self.cancels += 1
            self.task.cancel()

    def ended(self) -> asyncio.Future[None]:
        """Done when the handler has ended, however the call did."""
        if self._ended is None:
            self._ended = self.loop.create_future()
        return self._ended

    def end(self) -> None:
        """The handler has ended."""
        self.task = None
        if self._ended is not None:
            self._ended.set_result(None)

    def _publish(self, outcome: Outcome) -> None:
        if self.outcome is not None:
            return
        self.outcome = outcome
        if self.initial_metadata is None:
            self.initial_metadata = ()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._wake()
        callbacks, self.done_callbacks = self.done_callbacks, []
        for callback in callbacks:
            callback()

    def _wake(self) -> None:
        if not self._waiters:
            return
        waiters, self._waiters = self._waiters, []
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(None)

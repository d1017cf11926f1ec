"""What a handler sees of its call: a grpc.aio.ServicerContext over the shared state of the call.

It must not start or end tasks; ending a call is the business of `rpc.py`. Behaviour is that of grpc.aio's own context,
as the common behaviour suite pins it, but that `abort` with OK answers UNKNOWN at once, as the synchronous stack does,
where grpc.aio leaves the caller waiting for its deadline.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, Never

import grpc

from server.inprocess.metadata import MetadataLike, Pairs
from server.inprocess.payload import Reader, Writer
from server.inprocess.rpc import OK, Outcome, Rpc

_FINISHED = "RPC already finished."
_GONE = "the caller is gone"
# A tag and a length, of a field whose number is below 16.
ENTRY_BYTES = 6
_NO_READER: Reader[Any] = Reader(None)
_NO_WRITER = Writer(None)
_IS_STATUS = {code.value[0]: code for code in grpc.StatusCode}


class InProcessContext(grpc.aio.ServicerContext[Any, Any]):
    """The context of one call. Only the task of its handler may use it."""

    hands_over = False
    """Whether `rpc.responses` is done with a message when it was put there, so that it needs no copy."""

    def __init__(self, rpc: Rpc) -> None:
        self.rpc = rpc
        self._reader = _NO_READER
        self._writer = _NO_WRITER
        self._code: grpc.StatusCode | None = None
        self._details = ""
        self._trailing: Pairs = ()
        self._has_sent_metadata = False
        self._abort: grpc.aio.AbortError | None = None
        self.done_callbacks: list[Callable[[], None]] = []

    def bind(self, reader: Reader[Any], writer: Writer) -> None:
        """Sets how messages of the method are read and written, before its handler runs."""
        self._reader = reader
        self._writer = writer

    # Messages.

    async def read(self) -> Any:
        """The next request, or grpc.aio.EOF."""
        self.raise_for_termination()
        if self.rpc.requests is None:
            return grpc.aio.EOF
        sealed = await self.rpc.requests.get()
        self.raise_for_termination()
        return grpc.aio.EOF if sealed is None else self._reader.open(sealed)

    async def write(self, message: Any) -> None:
        """Sends a response, and waits while the caller is behind. Raises InternalError when the caller is gone."""
        self.raise_for_termination()
        rpc = self.rpc
        sink = rpc.sink
        is_kept = sink is None and not self.hands_over
        sealed = self._writer.seal(message) if is_kept else self._writer.hand_over(message)
        refusal = rpc.refuse_size(sealed, "SERVER", "CLIENT")
        if refusal is not None:
            rpc.finish(refusal)
            raise grpc.aio.InternalError(refusal.details)
        if not self._has_sent_metadata:
            self._has_sent_metadata = True
            rpc.send_initial_metadata(())
        if sink is not None and rpc.outcome is None:
            await sink(sealed)
        elif rpc.responses is None or not await rpc.responses.put(sealed):
            raise grpc.aio.InternalError(_GONE)

    def push(self, kind: type, entries: Sequence[bytes]) -> bool:
        """Gives a caller that takes it at once, in this very call, a response that is nothing but a list of bytes.

        False: a message of that `kind` has to be written, because the caller takes none so, or none now.
        """
        rpc = self.rpc
        take, pipe = rpc.take, rpc.responses
        if take is None or kind is not rpc.takes or rpc.sent is not None or rpc.outcome is not None:
            return False
        if pipe is not None and not pipe.is_awaited:
            return False
        # At most what the message would have; where that is too much, the message itself is looked at.
        size_bytes = ENTRY_BYTES * len(entries)
        for entry in entries:
            size_bytes += len(entry)
        limits = rpc.limits
        if 0 <= limits.receive_bytes < size_bytes or 0 <= limits.send_bytes < size_bytes:
            return False
        return take(entries)

    # Metadata and status.

    async def send_initial_metadata(self, initial_metadata: MetadataLike) -> None:
        """Sends the initial metadata, at most once and before the first message; else raises UsageError."""
        self.raise_for_termination()
        if self._has_sent_metadata:
            raise grpc.aio.UsageError("Send initial metadata failed: already sent")
        self._has_sent_metadata = True
        self.rpc.send_initial_metadata(initial_metadata)

    def set_trailing_metadata(self, trailing_metadata: MetadataLike) -> None:
        """Keeps what is sent with the status; raises TypeError for what is not a sequence of pairs."""
        if isinstance(trailing_metadata, str) or not isinstance(trailing_metadata, Iterable):
            raise TypeError(f"Invalid trailing metadata type, expected pairs: {type(trailing_metadata).__name__}")
        self._trailing = tuple(trailing_metadata)

    def trailing_metadata(self) -> Pairs:  # type: ignore[override]  # a tuple in grpc.aio too, whatever its stubs say
        """What will be sent with the status."""
        return self._trailing

    def invocation_metadata(self) -> Pairs:  # type: ignore[override]  # a tuple in grpc.aio too
        """What the caller sent."""
        return self.rpc.metadata

    async def abort(
        self, code: grpc.StatusCode | int, details: str = "", trailing_metadata: MetadataLike = ()
    ) -> Never:
        """Ends the call and raises AbortError, which the handler must let pass."""
        if self._abort is not None:
            raise grpc.aio.UsageError("Abort already called!")
        self._abort = grpc.aio.AbortError("Locally aborted.")
        status = _IS_STATUS[code] if isinstance(code, int) else code
        if status is grpc.StatusCode.OK:
            status, details = grpc.StatusCode.UNKNOWN, ""
        self._code = status
        self._details = details or self._details
        trailing = tuple(trailing_metadata)
        self._trailing = trailing or self._trailing
        self.conclude(Outcome(status, self._details))
        raise self._abort

    async def abort_with_status(self, status: grpc.Status) -> Never:
        """Ends the call with a ready status, its details in the trailing metadata."""
        await self.abort(status.code, status.details, status.trailing_metadata or ())

    def set_code(self, code: grpc.StatusCode | int) -> None:
        """Keeps the code that is sent when the handler returns or raises."""
        self._code = _IS_STATUS[code] if isinstance(code, int) else code

    def code(self) -> grpc.StatusCode:
        """The code set so far; None when there is none, as in grpc.aio."""
        return self._code  # type: ignore[return-value]  # None in grpc.aio too

    def set_details(self, details: str) -> None:
        """Keeps the details that are sent when the handler returns."""
        self._details = details

    def details(self) -> str:
        """The details set so far."""
        return self._details

    def conclude(self, outcome: Outcome) -> None:
        """Sends a status with the trailing metadata, or INTERNAL when these cannot be sent."""
        self.rpc.finish(self.rpc.limits.outcome(outcome, self._trailing))

    def own_outcome(self) -> Outcome:
        """The status that the handler has set, OK by default; OK has no details, as on the wire."""
        return OK if self._code in (None, grpc.StatusCode.OK) else Outcome(self._code, self._details)

    def raise_for_termination(self) -> None:
        """Raises when the handler has aborted or answered, so that it cannot go on."""
        if self._abort is not None:
            raise self._abort
        if self.rpc.sent is not None:
            raise grpc.aio.UsageError(_FINISHED)

    # The call itself.

    def time_remaining(self) -> float:
        """Seconds until the caller's deadline, at least 0; None when there is none, as in grpc.aio."""
        return self.rpc.time_remaining()  # type: ignore[return-value]  # None in grpc.aio too

    def cancelled(self) -> bool:
        """The handler has set CANCELLED; a caller who cancels shows as CancelledError in the handler."""
        return self._code is grpc.StatusCode.CANCELLED

    def done(self) -> bool:
        """A status has been sent."""
        return self.rpc.sent is not None

    def add_done_callback(self, callback: Callable[[Any], None]) -> None:
        """Calls back with this context when the handler has ended."""
        self.done_callbacks.append(partial(callback, self))

    def peer(self) -> str:
        """Always `inproc:`."""
        return "inproc:"

    def peer_identities(self) -> Sequence[bytes] | None:
        """None: there is no transport security in one process."""
        return None

    def peer_identity_key(self) -> str | None:
        """None: there is no transport security in one process."""
        return None

    def auth_context(self) -> Mapping[str, Iterable[bytes]]:
        """Empty: there is no transport security in one process."""
        return {}

    def set_compression(self, compression: grpc.Compression) -> None:
        """Nothing is compressed; raises RuntimeError after the initial metadata, as in grpc.aio."""
        if self._has_sent_metadata:
            raise RuntimeError("Compression setting must be specified before sending initial metadata")

    def disable_next_message_compression(self) -> None:
        """Nothing is compressed."""

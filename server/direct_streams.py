"""Raw model calls of this process that stream their answer: the same steps as those of `direct.py`, for each method.

An id, the door, identity, the service, then its events as they come, the access log, and an error told as a status.
Nothing is told to the caller before the first events, so that until then every failure is a status.
"""

from collections.abc import AsyncGenerator, Mapping, Sequence
from typing import Final

from server.direct import Chain, DirectEntry, Prepared
from server.inprocess.direct import DirectCall, Sink
from server.inprocess.metadata import Pairs
from server.inprocess.registry import RawStream
from server.inprocess.rpc import Outcome
from server.interceptors.context import CallInfo

# What an event has around it in the message that it would be in: a tag, and a length of at most five bytes.
_ENTRY_BYTES: Final = 6
_VARINT_BITS: Final = 7
_UNBOUNDED: Final = 1 << 62


class _NotTakenError(Exception):
    """Ends a stream whose caller could not take what came; `reason` is what the caller is told."""

    def __init__(self, reason: BaseException) -> None:
        super().__init__()
        self.reason = reason


class DirectStreamMethod(DirectEntry):
    """A method whose answer is lists of events."""

    def __init__(self, method: str, serve: RawStream, chain: Chain) -> None:
        super().__init__(method, chain)
        self._serve = serve
        bounds = [bound for bound in (self._limits.receive_bytes, self._limits.send_bytes) if bound >= 0]
        self._most_bytes = min(bounds, default=_UNBOUNDED)

    async def stream(self, call: DirectCall, prepared: Prepared, body: bytes, sink: Sink) -> None:
        """Makes a call; see `server.inprocess.direct.DirectStream`."""
        try:
            info = self.enter(call, prepared)
            if info.principal is None and self._check is not None:
                await self.identify(info, prepared)
            info.pass_on = sink.pass_on
            await self._hand_over(info, self._serve(info, body, sink.push), sink)
        except _NotTakenError as error:
            raise self.give_up(call, error.reason) from None
        except BaseException as error:  # noqa: BLE001  # the border: whatever a service raises ends here
            raise self.fail(call, error) from None
        self.leave(call)

    async def _hand_over(self, info: CallInfo, events: AsyncGenerator[list[bytes], None], sink: Sink) -> None:
        """Gives the caller all events, the initial metadata with the first."""
        try:
            async for some in events:
                if not sink.push(some):
                    await self._give(info, some, sink)
        finally:
            await events.aclose()

    async def _give(self, info: CallInfo, events: Sequence[bytes], sink: Sink) -> None:
        """Gives the caller what cannot be pushed, if it is the first because it is that."""
        head = None if info.has_sent_request_id else self.head(info)
        if isinstance(head, Outcome):
            raise _NotTakenError(head.error())
        info.has_sent_request_id = True
        self._check_size(events, () if head is None else head.metadata)
        try:
            await (sink.take(events) if head is None else sink.begin(head, events, self._most_bytes))
        except Exception as error:  # noqa: BLE001  # it is the caller's, and must not be told as the service's
            raise _NotTakenError(error) from None

    def _check_size(self, events: Sequence[bytes], initial: Pairs) -> None:
        """Raises _NotTakenError for events that no message could hold."""
        size_bytes = _ENTRY_BYTES * len(events)
        for event in events:
            size_bytes += len(event)
        if size_bytes > self._most_bytes:
            refusal = self._limits.refuse_bytes(_message_bytes(events), "SERVER", "CLIENT")
            if refusal is not None:
                raise _NotTakenError(refusal.error(initial))


def direct_streams(raw_streams: Mapping[str, RawStream], chain: Chain) -> Mapping[str, DirectStreamMethod]:
    """Those methods that have a raw form that streams, by `/package.Service/Method`."""
    return {method: DirectStreamMethod(method, serve, chain) for method, serve in raw_streams.items()}


def _message_bytes(events: Sequence[bytes]) -> int:
    """The size of a message that holds nothing but these events."""
    return sum(1 + -(-max(len(event), 1).bit_length() // _VARINT_BITS) + len(event) for event in events)

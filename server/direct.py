"""Raw model calls of this process: what the interceptors do for every call, composed once for each method.

The same steps in the same order as for a call over gRPC, by the same interceptors, without its messages, contexts and
nested coroutines: an id, the door, identity, the service, the access log, and an error told as a status. It must not
decide anything by itself.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from msgspec import Struct

from server.inprocess import InProcessChannel
from server.inprocess.direct import Answer, DirectCall
from server.inprocess.metadata import (
    InvalidMetadataError,
    MetadataLike,
    Pairs,
    from_client,
    from_server,
    texts_from_server,
)
from server.inprocess.registry import RawForm
from server.inprocess.rpc import HANDLER_CANCELLED, INVALID_METADATA, Outcome
from server.interceptors.authenticate import AuthenticateInterceptor, Credentials
from server.interceptors.context import CallInfo, Told, read_metadata
from server.interceptors.shedding import OPEN, Door, asks
from server.interceptors.status import StatusInterceptor

# What the message around a body has besides, and room: its content type with a tag and a length, two more of each.
_ENVELOPE_BYTES: Final = 64
_TYPE_BYTES: Final = 2 + len("application/json")
_VARINT_BITS: Final = 7
_UNBOUNDED: Final = 1 << 62


@dataclass(frozen=True, slots=True)
class Chain:
    """What every call passes."""

    channel: InProcessChannel
    status: StatusInterceptor
    authenticate: AuthenticateInterceptor
    door: Door | None = None


class Prepared(Struct, frozen=True):
    """What calls with the same metadata have in common."""

    told: Told
    sent: Credentials


class DirectEntry:
    """What methods of all kinds have in common. It is for one event loop, that of the channel."""

    begin = DirectCall

    def __init__(self, method: str, chain: Chain) -> None:
        self._method = method
        self._channel = chain.channel
        self._status = chain.status
        self._check = chain.authenticate.check_of(method)
        self._door = OPEN if chain.door is None or not asks(method) else chain.door
        self._limits = chain.channel.limits
        bounds = [bound for bound in (self._limits.receive_bytes, self._limits.send_bytes) if bound >= 0]
        self.max_bytes = min(bounds, default=_UNBOUNDED) - _ENVELOPE_BYTES

    def prepare(self, metadata: MetadataLike) -> Prepared | None:
        """What calls with these metadata have in common; None: they have to go the way of messages."""
        try:
            pairs = from_client(metadata)
        except InvalidMetadataError:
            return None
        if self._limits.refuse_metadata(pairs) is not None:
            return None
        return Prepared(read_metadata(pairs), Credentials(pairs))

    def head(self, pairs: Pairs, body: bytes = b"") -> Answer | Outcome:
        """An answer with its metadata, or what comes instead when these cannot be sent."""
        texts, limit_bytes = texts_from_server(pairs), self._limits.metadata_bytes
        if texts is not None and (texts.size_bytes <= limit_bytes or limit_bytes < 0):
            return Answer(body, texts.names, texts.values, True)
        try:
            checked = from_server(pairs)
        except InvalidMetadataError:
            return INVALID_METADATA
        refusal = self._limits.refuse_metadata(checked)
        names, values = zip(*checked, strict=True)
        return Answer(body, names, values, False) if refusal is None else refusal


class DirectMethod(DirectEntry):
    """A method of one answer."""

    def __init__(self, method: str, serve: RawForm, chain: Chain) -> None:
        super().__init__(method, chain)
        self._serve = serve

    async def answer(self, call: DirectCall, prepared: Prepared, body: bytes) -> Answer:
        """Makes a call; see `Direct`."""
        refusal = self._channel.refusal()
        if refusal is not None:
            raise refusal.error()
        status, door, running = self._status, self._door, self._channel.running
        info = status.enter(self._method, prepared.told)
        running.add(call)
        try:
            door.enter()
            try:
                if self._check is not None:
                    info.principal = await self._check(prepared.sent)
                    info.credential = prepared.sent.told
                answer = await self._serve(info, body)
            finally:
                door.leave()
        except asyncio.CancelledError:
            status.cancelled(info)
            if call.task.cancelling() > call.cancels:
                raise
            raise end_of(call, HANDLER_CANCELLED) from None
        except Exception as error:  # noqa: BLE001  # the border: whatever a service raises ends here
            told = status.fail(info, error)
            raise end_of(call, self._limits.outcome(Outcome(told.code, told.message), told.trailing)) from None
        else:
            return self._answered(call, info, answer)
        finally:
            running.discard(call)
            call.end()

    def _answered(self, call: DirectCall, info: CallInfo, body: bytes) -> Answer:
        made = self.head(info.outgoing(), body)
        if isinstance(made, Outcome):
            self._status.cancelled(info)
            raise made.error()
        self._status.leave(info)
        if call.outcome is not None:
            raise end_of(call, call.outcome)
        if len(body) > self.max_bytes:
            refusal = self._limits.refuse_bytes(_message_bytes(len(body)), "SERVER", "CLIENT")
            if refusal is not None:
                raise refusal.error(made.metadata)
        return made


def direct_methods(raw_forms: Mapping[str, RawForm], chain: Chain) -> Mapping[str, DirectMethod]:
    """Those methods that have a raw form, by `/package.Service/Method`."""
    return {method: DirectMethod(method, serve, chain) for method, serve in raw_forms.items()}


def end_of(call: DirectCall, otherwise: Outcome) -> BaseException:
    """How a call ends for its caller that is not answered: as somebody decided meanwhile, or otherwise."""
    return asyncio.CancelledError() if call.is_gone else (call.outcome or otherwise).error()


def _message_bytes(body_bytes: int) -> int:
    """The size of a message that holds nothing but a JSON body of that size, which is not empty."""
    inside = _TYPE_BYTES + 1 + _varint_bytes(body_bytes) + body_bytes
    return 1 + _varint_bytes(inside) + inside


def _varint_bytes(number: int) -> int:
    return -(-number.bit_length() // _VARINT_BITS)

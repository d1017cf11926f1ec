"""Raw model calls of this process: what the interceptors do for every call, composed once for each method.

The same steps in the same order as for a call over gRPC, by the same interceptors, without its messages, contexts and
nested coroutines: an id, the door, identity, the service, the access log, and an error told as a status. It must not
decide anything by itself.
"""

import asyncio
from collections.abc import Awaitable, Mapping
from typing import Any, Final

from msgspec import Struct

from server.chat.principal import Principal
from server.inprocess import InProcessChannel
from server.inprocess.direct import Announced, Answer, AnyAnswer, DirectCall, UsualAnswer
from server.inprocess.metadata import (
    InvalidMetadataError,
    MetadataLike,
    Pairs,
    from_client,
    from_server,
    texts_of,
)
from server.inprocess.registry import RawForm
from server.inprocess.rpc import HANDLER_CANCELLED, INVALID_METADATA, OK, Outcome
from server.interceptors.authenticate import AuthenticateInterceptor, Credentials
from server.interceptors.context import REQUEST_ID_KEY, CallInfo, Told, read_metadata
from server.interceptors.shedding import OPEN, Door, asks
from server.interceptors.status import OK_NAME, StatusInterceptor
from server.telemetry.logs import LineForm

# What the message around a body has besides, and room: its content type with a tag and a length, two more of each.
_ENVELOPE_BYTES: Final = 64
_TYPE_BYTES: Final = 2 + len("application/json")
_VARINT_BITS: Final = 7
_UNBOUNDED: Final = 1 << 62
# What is announced by answers without limits to tell, and ids that are ours; more is not remembered.
_MAX_ANNOUNCED: Final = 4
_MAX_ANNOUNCED_BYTES: Final = 576
_MAX_ID_BYTES: Final = 64
_MAX_KNOWN: Final = 512
_NOTHING: Final = Announced((REQUEST_ID_KEY,), ())


class Chain(Struct, frozen=True):
    """What every call passes."""

    channel: InProcessChannel
    status: StatusInterceptor
    authenticate: AuthenticateInterceptor
    door: Door | None = None


class Prepared(Struct, eq=False):
    """What calls with the same metadata have in common. `secret` is the gateway key among them, empty without one.

    `form` is that of the log lines of `form_of`, who called last.
    """

    told: Told
    sent: Credentials
    secret: str
    form_of: Principal | None = None
    form: LineForm | None = None


class DirectEntry:
    """What methods of all kinds have in common. It is for one event loop, that of the channel."""

    begin = DirectCall

    def __init__(self, method: str, chain: Chain) -> None:
        self._announced: dict[tuple[tuple[str, str | bytes], ...], Announced] = {}
        # What was announced last of that.
        self._told: list[tuple[str, str]] | None = None
        self._told_so = _NOTHING
        self._method = method
        self._channel = chain.channel
        self._running = chain.channel.running
        self._status = chain.status
        self._make_id = chain.status.make_id
        self._well: Any = chain.status.well
        self._counted: list[int] | None = None
        self._now_s = chain.channel.loop.time
        self._check = chain.authenticate.check_of(method)
        self._known = chain.authenticate.known_of(method) or _nobody
        self._door = OPEN if chain.door is None or not asks(method) else chain.door
        self._limits = chain.channel.limits
        self._metadata_bytes = self._limits.metadata_bytes if self._limits.metadata_bytes >= 0 else _UNBOUNDED
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
        sent = Credentials(pairs)
        return Prepared(read_metadata(pairs), sent, "" if sent.is_token else sent.told)

    def enter(self, call: DirectCall, prepared: Prepared) -> CallInfo:
        """A call begins, to be left by `fail` or `leave` from now on; notes who calls where that is known at once.

        Raises AioRpcError where no call is taken, UsageError when the channel is closed, and Overloaded.
        """
        if not self._channel.takes_all:
            self._refuse()
        info = call.info = self._begun(prepared.told, None, "")
        call.prepared = prepared
        self._channel.running.add(call)
        self._door.enter()
        call.is_inside = True
        secret = prepared.secret
        if secret and (principal := self._known(secret)) is not None:
            info.principal, info.credential = principal, secret
        return info

    def _refuse(self) -> None:
        """Raises AioRpcError where no call is taken, UsageError when the channel is closed."""
        if (refusal := self._channel.refusal()) is not None:
            raise refusal.error()

    def _begun(self, told: Told, principal: Principal | None, credential: str) -> CallInfo:
        """A call that begins now, and who calls with what where that is known."""
        make_id, now_s = self._make_id, self._now_s
        return CallInfo(make_id(), self._method, now_s(), told, principal, credential)

    async def identify(self, info: CallInfo, prepared: Prepared) -> None:
        """Checks who calls. Raises the reason why nobody is let in."""
        if self._check is not None:
            info.principal = await self._check(prepared.sent)
            info.credential = prepared.sent.told

    def fail(self, call: DirectCall, error: BaseException) -> BaseException:
        """A call ends because of what was raised; gives what its caller is told."""
        info = call.info
        if info is None:
            return error
        self._go(call)
        try:
            if isinstance(error, asyncio.CancelledError):
                self._status.cancelled(info)
                return error if call.task.cancelling() > call.cancels else end_of(call, HANDLER_CANCELLED)
            if isinstance(error, Exception):
                told = self._status.fail(info, error)
                return end_of(call, self._limits.outcome(Outcome(told.code, told.message), told.trailing))
            return error
        finally:
            call.end()

    def give_up(self, call: DirectCall, reason: BaseException) -> BaseException:
        """A call ends because its caller takes nothing more; gives the reason back."""
        info = call.info
        self._go(call)
        self._status.cancelled(info)
        call.end()
        return reason

    def leave(self, call: DirectCall) -> None:
        """A call was served. Raises what its caller is told that has ended it meanwhile."""
        info = call.info
        self._go(call)
        try:
            self._leave(info, call.prepared)
            if call.outcome is not None:
                raise end_of(call, call.outcome)
        finally:
            call.end()

    def _leave(self, info: CallInfo, prepared: Prepared) -> None:
        """Counts and logs a call that was answered."""
        principal, well, now_s, counted = info.principal, self._well, self._now_s, self._counted
        if principal is not prepared.form_of:
            prepared.form, prepared.form_of = self._status.form_of(info), principal
        form = prepared.form
        if form is None:
            self._status.leave(info)
        else:
            # As `leave` does it, for the line of a call of that form.
            if counted is None:
                counted = self._counted = self._status.counted(self._method, OK_NAME)
            counted[0] += 1
            well(form, info.request_id, (now_s() - info.started_s) * 1000.0)

    def _go(self, call: DirectCall) -> None:
        """The call is not inside any more."""
        call.info = None
        if call.is_inside:
            self._door.leave()
        self._channel.running.discard(call)

    def head(self, info: CallInfo, body: bytes = b"") -> AnyAnswer | Outcome:
        """An answer with its metadata, or what comes instead when these cannot be sent."""
        told, request_id = info.response_metadata, info.request_id
        if told == self._told:
            return UsualAnswer(body, request_id, self._told_so)
        pairs = tuple(told)
        try:
            announced = self._announced.get(pairs)
        except TypeError:  # it cannot be a key, and so is no text
            return self._head_by_pair(((REQUEST_ID_KEY, request_id), *pairs), body)
        if announced is None:
            return self._new_head(((REQUEST_ID_KEY, request_id), *pairs), body)
        self._told, self._told_so = list(pairs), announced
        return UsualAnswer(body, request_id, announced)

    def _new_head(self, pairs: Pairs, body: bytes) -> Answer | Outcome:
        """The same for what is not known yet; what is short will be, as it mostly comes again."""
        texts, limit_bytes = texts_of(pairs), self._limits.metadata_bytes
        if texts is None or texts.size_bytes > limit_bytes >= 0:
            return self._head_by_pair(pairs, body)
        announced = None
        most_bytes = texts.size_bytes - len(texts.values[0]) + _MAX_ID_BYTES
        if len(pairs) <= _MAX_ANNOUNCED and most_bytes <= min(_MAX_ANNOUNCED_BYTES, self._metadata_bytes):
            if len(self._announced) >= _MAX_KNOWN:
                self._announced.clear()
            announced = self._announced[pairs[1:]] = Announced(texts.names, texts.values[1:])
        return Answer(body, texts.names, texts.values, True, announced)

    def _head_by_pair(self, pairs: Pairs, body: bytes) -> Answer | Outcome:
        """The same, each pair looked at."""
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

    async def answer(self, call: DirectCall, prepared: Prepared, body: bytes) -> AnyAnswer:
        """Makes a call; see `Direct`."""
        try:
            info = self.enter(call, prepared)
            served = self._serve_known(info, prepared, body)
            if not isinstance(served, bytes):
                served = await served
        except BaseException as error:  # noqa: BLE001  # the border: whatever a service raises ends here
            raise self.fail(call, error) from None
        return self.finish(call, served)

    def start(
        self, task: asyncio.Task[Any], prepared: Prepared, body: bytes
    ) -> tuple[AnyAnswer, None] | tuple[None, DirectCall]:
        """Makes a call in parts, for callers that await themselves what serves it: here or in `task`.

        Gives the answer where it is there at once. Otherwise what is to be awaited is `served` of the call that it
        gives: what that gives goes to `finish`, what it raises to `fail`. Raises nothing.
        """
        channel, door, info, is_inside = self._channel, self._door, None, False
        served: Any
        try:
            if not channel.takes_all:
                self._refuse()
            door.enter()
            is_inside = True
            secret, serve, known, make_id, now_s = prepared.secret, self._serve, self._known, self._make_id, self._now_s
            principal = known(secret) if secret else None
            credential = "" if principal is None else secret
            info = CallInfo(make_id(), self._method, now_s(), prepared.told, principal, credential)
            if principal is None and self._check is not None:
                served = self._serve_checked(info, prepared, body)
            else:
                served = serve(info, body)
            if served.__class__ is bytes:
                answer: Any = self.head(info, served)
                if answer.__class__ is not Outcome and len(served) <= self.max_bytes:
                    door.leave()
                    self._leave(info, prepared)
                    return answer, None
                served = _given(served)
        except BaseException as error:  # noqa: BLE001  # the border: whatever a service raises ends in `fail`
            served = _failed(error)
            if info is None and channel.takes_all:
                info = self._begun(prepared.told, None, "")
        call = DirectCall(task, None, False, 0, info, prepared, is_inside, None, served)
        if info is not None:
            self._running.add(call)
        return None, call

    def _serve_known(self, info: CallInfo, prepared: Prepared, body: bytes) -> Awaitable[bytes] | bytes:
        """What serves a call, behind a look at who calls if that is not known."""
        if info.principal is None and self._check is not None:
            return self._serve_checked(info, prepared, body)
        return self._serve(info, body)

    async def _serve_checked(self, info: CallInfo, prepared: Prepared, body: bytes) -> bytes:
        await self.identify(info, prepared)
        served = self._serve(info, body)
        return served if isinstance(served, bytes) else await served

    def finish(self, call: DirectCall, served: bytes) -> AnyAnswer:
        """The answer of a call that was served. Raises as `answer`; what it raised `fail` gives back as it is."""
        info: CallInfo = call.info
        call.info = None
        self._door.leave()
        self._running.discard(call)
        ended = call.outcome
        if ended is None and call.end_told is None:
            call.outcome = OK
        else:
            call.end()
        made: Any = self.head(info, served)
        if made.__class__ is Outcome:
            self._status.cancelled(info)
            raise made.error()
        self._leave(info, call.prepared)
        if ended is not None:
            raise end_of(call, ended)
        if len(served) > self.max_bytes:
            refusal = self._limits.refuse_bytes(_message_bytes(len(served)), "SERVER", "CLIENT")
            if refusal is not None:
                raise refusal.error(made.metadata)
        answer: AnyAnswer = made
        return answer


def direct_methods(raw_forms: Mapping[str, RawForm], chain: Chain) -> Mapping[str, DirectMethod]:
    """Those methods that have a raw form, by `/package.Service/Method`."""
    return {method: DirectMethod(method, serve, chain) for method, serve in raw_forms.items()}


def _nobody(secret: str) -> None:
    """Knows no keys."""


async def _given(served: bytes) -> bytes:
    return served


async def _failed(error: BaseException) -> bytes:
    raise error


def end_of(call: DirectCall, otherwise: Outcome) -> BaseException:
    """How a call ends for its caller that is not answered: as somebody decided meanwhile, or otherwise."""
    return asyncio.CancelledError() if call.is_gone else (call.outcome or otherwise).error()


def _message_bytes(body_bytes: int) -> int:
    """The size of a message that holds nothing but a JSON body of that size, which is not empty."""
    inside = _TYPE_BYTES + 1 + _varint_bytes(body_bytes) + body_bytes
    return 1 + _varint_bytes(inside) + inside


def _varint_bytes(number: int) -> int:
    return -(-number.bit_length() // _VARINT_BITS)

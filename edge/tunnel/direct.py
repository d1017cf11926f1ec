"""Calls through a tunnel whose request and answer are one JSON body each, made without messages.

What calls of one connection have in common is sent once and then referred to. A call for which there is no tunnel, or
that the core has not begun, is made the plain way, with messages.
"""

import asyncio
from collections.abc import Callable
from typing import Any, Final

from google.protobuf import descriptor_pool, message_factory
from google.protobuf.descriptor import Descriptor
from google.protobuf.message import Message

from edge.tunnel.call import OK, status_error
from edge.tunnel.frames import PIECE_COST_BYTES, Body, End, Pairs
from edge.tunnel.method import Method
from edge.tunnel.tunnel import Tunnel

MAX_BYTES: Final = 128 * 1024
"""Larger bodies go the usual way."""

_RAW_BODY: Final = "google.api.HttpBody"
_JSON: Final = "application/json"
_UNAVAILABLE: Final = 14
_RESOURCE_EXHAUSTED: Final = 8
_NO_ID: Final = -1


class Prepared:
    """What calls have in common. `head_id` is what a tunnel knows it by that has these `heads`."""

    __slots__ = ("head_id", "heads", "metadata")

    def __init__(self, metadata: Pairs) -> None:
        self.metadata = metadata
        self.heads: Any = None
        self.head_id = _NO_ID


class DirectCall:
    """One call. `is_gone`: its caller cancelled it.

    It ends with a Body, an End, or None where it has to go the plain way.
    """

    __slots__ = (
        "_max_bytes",
        "_owed_bytes",
        "_parts",
        "_parts_bytes",
        "_refuse",
        "end",
        "id",
        "is_gone",
        "plain",
        "served",
        "tunnel",
    )

    def __init__(self, max_bytes: int, refuse: Callable[[], None]) -> None:
        self.is_gone = False
        self._refuse = refuse
        self.id = _NO_ID
        self.tunnel: Tunnel | None = None
        self.end: asyncio.Future[Body | End | None] | None = None
        self.plain: Any = None
        self.served: Any = None
        self._max_bytes = max_bytes
        self._parts: list[bytes] = []
        self._parts_bytes = 0
        self._owed_bytes = 0

    def cancel(self) -> bool:
        """Ends the call for its caller and in the core. False: it had ended before."""
        if self.plain is not None:
            self.is_gone = True
            return bool(self.plain.cancel())
        if self.end is None or self.end.done():
            return False
        self.is_gone = True
        self.leave()
        self.end.cancel()
        return True

    def leave(self) -> None:
        """Has the core end it."""
        if self.tunnel is not None:
            self.tunnel.forget(self.id, (1, self.id))

    # What the tunnel tells.

    def answer(self, frame: Any) -> None:
        """The whole answer has come."""
        self._finish(frame)

    def piece(self, payload: bytes, is_last: bool) -> None:
        """A piece of the answer has come; there is room for the next."""
        self._parts.append(payload)
        self._parts_bytes += len(payload)
        self._owed_bytes += len(payload) + PIECE_COST_BYTES
        tunnel = self.tunnel
        if self._parts_bytes > self._max_bytes:
            text = f"CLIENT: Received message larger than max ({self._parts_bytes} vs. {self._max_bytes})"
            self.leave()
            self._finish(End(self.id, _RESOURCE_EXHAUSTED, text, (), ()))
        elif tunnel is not None and self._owed_bytes >= tunnel.credit_step_bytes:
            tunnel.send((2, self.id, self._owed_bytes))
            self._owed_bytes = 0

    def take_end(self, end: End) -> None:
        """The call has ended."""
        if end.code != OK:
            self._finish(end)
            return
        names, values = zip(*end.initial, strict=True) if end.initial else ((), ())
        self._finish(Body(self.id, names, values, False, b"".join(self._parts)))

    def go_plain(self, *, is_for_good: bool = False) -> None:
        """The call was not begun, nor will any of its method, if it is for good."""
        if is_for_good:
            self._refuse()
        self._finish(None)

    def break_off(self) -> None:
        """The tunnel has broken."""
        self._finish(End(self.id, _UNAVAILABLE, "The tunnel to the core has broken.", (), ()))

    def _finish(self, end: Body | End | None) -> None:
        if self.end is not None and not self.end.done():
            self.end.set_result(end)


class DirectMethod:
    """One method that takes and gives nothing but a raw body. `tunnel_now` tells the tunnel that is open."""

    max_bytes = MAX_BYTES

    def __init__(self, method: Method, tunnel_now: Callable[[], Tunnel | None], kinds: "Kinds") -> None:
        self._method = method
        self._tunnel_now = tunnel_now
        self._kinds = kinds
        self._is_refused = False

    def begin(self, task: asyncio.Task[Any]) -> DirectCall:
        """A call that the running task is about to make."""
        return DirectCall(self._method.max_receive_bytes, self.refuse)

    def prepare(self, metadata: Pairs) -> Prepared | None:
        """What calls with these metadata have in common; None: they have to be made with messages."""
        return None if self._is_refused or self._tunnel_now() is None else Prepared(metadata)

    def start(self, task: asyncio.Task[Any], prepared: Prepared, body: bytes) -> tuple[None, DirectCall]:
        """Makes a call in parts: what is to be awaited is `served` of the call."""
        call = self.begin(task)
        call.served = self._serve(call, prepared, body)
        return None, call

    async def _serve(self, call: DirectCall, prepared: Prepared, body: bytes) -> Body:
        """Makes a call. Raises AioRpcError, UsageError when the channel is closed, and CancelledError."""
        tunnel = self._tunnel_now()
        if tunnel is None or not tunnel.takes(len(body)):
            return await self._answer_plainly(call, prepared, body)
        if prepared.heads is not tunnel.heads:
            prepared.head_id = tunnel.introduce(self._method.name, prepared.metadata)
            prepared.heads = tunnel.heads
        call.tunnel = tunnel
        call.end = end_told = tunnel.loop.create_future()
        call.id = tunnel.begin_directly(call, prepared.head_id, body)
        try:
            end = await end_told
        except asyncio.CancelledError:
            call.leave()
            raise
        if end.__class__ is Body:
            return end
        if end is None:
            return await self._answer_plainly(call, prepared, body)
        raise status_error(end, end.initial)

    def finish(self, call: DirectCall, served: Body) -> Body:
        """What came is the answer."""
        return served

    def fail(self, call: DirectCall, error: BaseException) -> BaseException:
        """What was raised is how the call ended."""
        return error

    def refuse(self) -> None:
        """The core does not make such calls."""
        self._is_refused = True

    async def _answer_plainly(self, call: DirectCall, prepared: Prepared, body: bytes) -> Body:
        call.plain = plain = self._method.plain(self._kinds.request_of(body), metadata=prepared.metadata)
        try:
            answer = await plain
            initial = tuple(await plain.initial_metadata())
        finally:
            plain.cancel()
        names, values = zip(*initial, strict=True) if initial else ((), ())
        return Body(_NO_ID, names, values, False, self._kinds.body_of(answer))


class Kinds:
    """The messages of a method around its raw bodies. ValueError for a method of other messages."""

    def __init__(self, name: str) -> None:
        service, _, method = name.lstrip("/").rpartition("/")
        try:
            found = descriptor_pool.Default().FindServiceByName(service).methods_by_name[method]
        except KeyError:
            raise ValueError(f"{name} is not known") from None
        self._request = message_factory.GetMessageClass(found.input_type)
        self._request_field = _raw_field(found.input_type)
        self._response_field = _raw_field(found.output_type)

    def request_of(self, body: bytes) -> Message:
        """The request that holds a body."""
        request = self._request()
        raw: Any = getattr(request, self._request_field)
        raw.content_type, raw.data = _JSON, body
        return request

    def body_of(self, response: Message) -> bytes:
        """The body that a response holds."""
        data: bytes = getattr(response, self._response_field).data
        return data


def _raw_field(kind: Descriptor) -> str:
    names = [field.name for field in kind.fields if field.message_type and field.message_type.full_name == _RAW_BODY]
    if len(names) != 1:
        raise ValueError(f"{kind.full_name} has no raw body")
    return names[0]

"""The call that the running task serves, for servicers and interceptors: who asks, under which id.

`StatusInterceptor` sets it before anything else runs, authentication adds who calls. It must not be used outside a
call, and it never leaves the task of the handler.
"""

from collections.abc import Iterable, Mapping
from contextvars import ContextVar
from typing import Any

import grpc
from msgspec import Struct

from server.chat.principal import PassOn, Principal

REQUEST_ID_KEY = "x-request-id"

_CLIENT_REQUEST_ID_MAX_CHARS = 128
_KNOB_PREFIX = "x-perpetuo-"
_READ_BY_FACES = frozenset({"cache-control", "anthropic-beta", "anthropic-version", "idempotency-key"})
_FORWARDED_FOR_KEY = "x-forwarded-for"
_SURFACE_KEY = "x-perpetuo-surface"
_PARENT_KEY = "traceparent"
_SURFACES = frozenset({"rest", "grpc"})


class Told(Struct, frozen=True):
    """What the metadata of a call tell, however often it is made with them.

    `client_request_id` is the caller's own id (printable, at most 128 characters). `surface` is `rest` or `grpc`, a
    label that the caller gives. `knobs` are the `x-perpetuo-*` metadata without the prefix, and what faces read besides
    (`cache-control`, `anthropic-beta`), of which repeated ones are joined by commas. `forwarded_for` is what came as
    `x-forwarded-for`, whoever wrote it, `traceparent` the caller's own span by W3C's trace context.
    """

    client_request_id: str | None = None
    surface: str = "grpc"
    knobs: Mapping[str, str] = {}
    forwarded_for: str = ""
    traceparent: str = ""


class CallInfo(Struct):
    """One call, as the interceptors know it.

    `request_id` is ours; `started_s` is in seconds of the loop's clock. `response_metadata` go out beside our id,
    before the first message or with the refusal. `principal` and `credential` stay None and empty on public methods.
    `pass_on` is the caller's own, see `server.chat.principal.Call`.
    """

    request_id: str
    method: str
    started_s: float
    told: Told
    principal: Principal | None = None
    credential: str = ""
    response_metadata: list[tuple[str, str]] = []
    has_sent_request_id: bool = False
    pass_on: PassOn | None = None

    def __repr__(self) -> str:
        """Without the credential."""
        return f"<CallInfo {self.request_id} of {self.method}>"

    def outgoing(self) -> tuple[tuple[str, str], ...]:
        """The metadata that the caller gets: our id and what was announced; none if they are sent already."""
        return () if self.has_sent_request_id else ((REQUEST_ID_KEY, self.request_id), *self.response_metadata)


_CURRENT: ContextVar[CallInfo] = ContextVar("perpetuo_call")


def current_call() -> CallInfo:
    """The call that this task serves. Raises LookupError outside a call."""
    return _CURRENT.get()


def enter_call(info: CallInfo) -> None:
    """Makes it the call of this task; a task serves one call, and then ends, so nothing has to be undone."""
    _CURRENT.set(info)


def read_metadata(metadata: Iterable[tuple[str, str | bytes]] | None) -> Told:
    """Reads from a call's metadata what the core takes from there.

    Of repeated entries the first counts, of `x-forwarded-for` and `x-perpetuo-surface` the last.
    """
    client_request_id: str | None = None
    surface, forwarded_for, traceparent = "grpc", "", ""
    knobs: dict[str, str] = {}
    for key, value in metadata or ():
        if not isinstance(value, str):
            continue
        if key == _SURFACE_KEY:
            surface = value if value in _SURFACES else surface
        elif key == _FORWARDED_FOR_KEY:
            forwarded_for = value
        elif key.startswith(_KNOB_PREFIX):
            knobs.setdefault(key.removeprefix(_KNOB_PREFIX), value)
        elif key in _READ_BY_FACES:
            knobs[key] = f"{knobs[key]},{value}" if key in knobs else value
        elif key == REQUEST_ID_KEY and client_request_id is None:
            client_request_id = value[:_CLIENT_REQUEST_ID_MAX_CHARS] if value.isprintable() and value else None
        elif key == _PARENT_KEY:
            traceparent = traceparent or value
    return Told(client_request_id, surface, knobs, forwarded_for, traceparent)


async def announce(context: grpc.aio.ServicerContext[Any, Any]) -> None:
    """Sends our request id and what was announced in the initial metadata, once, just before the first message.

    Not earlier: initial metadata commit a call, and a committed call is not retried by its client. When the handler has
    sent initial metadata of its own, ours are left to the trailing metadata.
    """
    info = _CURRENT.get()
    if info.has_sent_request_id:
        return
    try:
        await context.send_initial_metadata(info.outgoing())
    except grpc.aio.UsageError:
        return
    info.has_sent_request_id = True

"""Status, door and identity in one step for each call, as the three interceptors do one inside the other.

Each method is wrapped once, when it is called first. What the steps are is theirs; nothing is decided here.
"""

from collections.abc import Awaitable, Callable

import grpc

from server.interceptors.authenticate import AuthenticateInterceptor
from server.interceptors.shedding import OPEN, Door, asks
from server.interceptors.status import StatusInterceptor
from server.interceptors.wrapping import Handler, wrap

Find = Callable[[grpc.HandlerCallDetails], Handler | None]


class Together(grpc.aio.ServerInterceptor):
    """The only interceptor of a server, or by `found_by` none at all."""

    depends_on_call = False

    def __init__(self, status: StatusInterceptor, authenticate: AuthenticateInterceptor, door: Door | None) -> None:
        self._status = status
        self._authenticate = authenticate
        self._door = OPEN if door is None else door
        self._wrapped: dict[str, tuple[Handler, Handler]] = {}

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Handler | None]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Handler | None:
        """Wraps the handler of the method, if there is one; the same handler only once."""
        handler = await continuation(handler_call_details)
        return None if handler is None else self._wrap(handler_call_details.method, handler)

    def found_by(self, find: Find) -> Find:
        """Finds handlers that are wrapped already, which spares grpc.aio the way through interceptors."""

        def wrapped(details: grpc.HandlerCallDetails) -> Handler | None:
            handler = find(details)
            return None if handler is None else self._wrap(details.method, handler)

        return wrapped

    def _wrap(self, method: str, handler: Handler) -> Handler:
        known = self._wrapped.get(method)
        if known is not None and known[0] is handler:
            return known[1]
        door, check = self._door if asks(method) else OPEN, self._authenticate.check_of(method)
        is_unary = not handler.response_streaming
        made = wrap(handler, lambda behavior: self._status.guard(method, behavior, is_unary, door, check))
        self._wrapped[method] = handler, made
        return made

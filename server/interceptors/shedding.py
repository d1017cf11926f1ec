"""Refuses calls at the door when the gateway has more to do than it can, before anybody asks who calls.

Health checks, metrics and reflection are let in always: an operator must see what goes on. So are tunnels, because each
call in one is asked for by itself. What was let in runs to its end. How much is too much is the door's business.
"""

from collections.abc import Awaitable, Callable
from typing import Any, Protocol

import grpc

from server.interceptors.wrapping import Behavior, Context, Handler, wrap

_ALWAYS = ("/grpc.", "/perpetuo.v1.MetricsService/", "/perpetuo.internal.v1.TunnelService/")


class Door(Protocol):
    """Counts calls in and out."""

    def enter(self) -> None:
        """Lets a call in. Raises Overloaded."""

    def leave(self) -> None:
        """A call that was let in is over."""


class SheddingInterceptor(grpc.aio.ServerInterceptor):
    """Put it inside the status interceptor, which tells the refusal, and outside all others."""

    depends_on_call = False

    def __init__(self, door: Door) -> None:
        self.door = door
        self._wrapped: dict[str, tuple[Handler, Handler]] = {}

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Handler | None]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Handler | None:
        """Wraps the handler of the method, if there is one; the same handler only once."""
        handler = await continuation(handler_call_details)
        method = handler_call_details.method
        if handler is None or not asks(method):
            return handler
        inner, outer = self._wrapped.get(method, (None, None))
        if outer is None or inner is not handler:
            outer = wrap(handler, self._guard)
            self._wrapped[method] = handler, outer
        return outer

    def _guard(self, behavior: Behavior) -> Behavior:
        door = self.door

        async def guarded(request: Any, context: Context) -> Any:
            door.enter()
            try:
                return await behavior(request, context)
            finally:
                door.leave()

        return guarded


def asks(method: str) -> bool:
    """Whether calls of that method are asked at the door at all."""
    return not method.startswith(_ALWAYS)

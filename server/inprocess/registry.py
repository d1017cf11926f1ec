"""Where servicers are registered once, for every way in: sockets and the in-process channel.

The generated `add_…Servicer_to_server` functions accept it, because it is a grpc.aio.Server as far as they can see. It
must not serve anything itself.
"""

from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn

import grpc

from server.inprocess.metadata import Pairs

if TYPE_CHECKING:
    Handler = grpc.RpcMethodHandler[Any, Any]
else:
    Handler = grpc.RpcMethodHandler  # generic only in the stubs


@dataclass(slots=True)
class CallDetails:
    """What an interceptor is told about a call, as `grpc.HandlerCallDetails`."""

    method: str
    invocation_metadata: Pairs


RawForm = Callable[[Any, bytes], Awaitable[bytes] | bytes]
"""Serves a call whose request and answer are one JSON body each: what is known of the call, and the body."""

RawStream = Callable[[Any, bytes, Callable[[list[bytes]], bool]], AsyncGenerator[list[bytes], None]]
"""The same where the answer is lists of events; last, how events are sent at once to a caller who takes them so."""


class Found(grpc.GenericRpcHandler):
    """Serves whatever method is found."""

    def __init__(self, find: Callable[[grpc.HandlerCallDetails], Handler | None]) -> None:
        self._find = find

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> Handler | None:
        """The handler of a method, or None."""
        return self._find(handler_call_details)


class HandlerRegistry(grpc.aio.Server):
    """Keeps method handlers. Registered methods win over generic handlers, as in grpc.aio.

    A servicer may say by `raw_forms` and `raw_streams`, mappings by the names of methods, how some are served without
    messages.
    """

    def __init__(self) -> None:
        self._services: dict[str, dict[str, Handler]] = {}
        self._methods: dict[str, Handler] = {}
        self._generic: list[grpc.GenericRpcHandler] = []
        self.raw_forms: dict[str, RawForm] = {}
        self.raw_streams: dict[str, RawStream] = {}

    def add_generic_rpc_handlers(self, generic_rpc_handlers: Iterable[grpc.GenericRpcHandler]) -> None:
        """Adds handlers that are asked in turn for methods which nobody registered by name."""
        self._generic.extend(generic_rpc_handlers)

    def add_registered_method_handlers(self, service_name: str, method_handlers: Mapping[str, Handler]) -> None:
        """Adds the methods of a service; of two for one method the later one counts."""
        self._services.setdefault(service_name, {}).update(method_handlers)
        self._methods.update({f"/{service_name}/{name}": handler for name, handler in method_handlers.items()})
        for name, handler in method_handlers.items():
            servicer = _servicer(handler)
            forms: Mapping[str, RawForm] = getattr(servicer, "raw_forms", {})
            streams: Mapping[str, RawStream] = getattr(servicer, "raw_streams", {})
            if name in forms:
                self.raw_forms[f"/{service_name}/{name}"] = forms[name]
            elif name in streams:
                self.raw_streams[f"/{service_name}/{name}"] = streams[name]

    def find(self, details: grpc.HandlerCallDetails) -> Handler | None:
        """The handler of a method, or None."""
        handler = self._methods.get(details.method)
        if handler is not None:
            return handler
        for generic in self._generic:
            handler = generic.service(details)
            if handler is not None:
                return handler
        return None

    def service_names(self) -> tuple[str, ...]:
        """Full names of all services that are known by name, sorted."""
        named = {handler.service_name() for handler in self._generic if isinstance(handler, grpc.ServiceRpcHandler)}
        return tuple(sorted(named | self._services.keys()))

    def install(self, server: grpc.aio.Server) -> None:
        """Registers the same handlers with a server that has not been started.

        As one handler for all methods: grpc.aio waits for calls of each method that it knows by name, so that every
        call of one costs steps for all of them.
        """
        server.add_generic_rpc_handlers((Found(self.find),))

    def add_insecure_port(self, address: str) -> int:
        """Refused: raises UsageError."""
        self._refuse()

    def add_secure_port(self, address: str, server_credentials: grpc.ServerCredentials) -> int:
        """Refused: raises UsageError."""
        self._refuse()

    async def start(self) -> None:
        """Refused: raises UsageError."""
        self._refuse()

    async def stop(self, grace: float | None) -> None:
        """Refused: raises UsageError."""
        self._refuse()

    async def wait_for_termination(self, timeout: float | None = None) -> bool:
        """Refused: raises UsageError."""
        self._refuse()

    def _refuse(self) -> NoReturn:
        raise grpc.aio.UsageError("a registry only holds handlers; install them into a server")


def _servicer(handler: Handler) -> object:
    return getattr(handler.unary_unary or handler.unary_stream, "__self__", None)

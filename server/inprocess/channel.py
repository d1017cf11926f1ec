"""The channel itself: turns a stub's invocation into a call, and keeps the calls that run.

It must not look into messages or know a service. Stricter than a socket channel, each tested: metadata that belong to
the protocol are refused, `abort` with OK ends the call, a handler that raises CancelledError by itself ends the call
with CANCELLED, and a message that cannot be serialised raises where the call is made.
"""

import asyncio
import contextvars
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from types import MappingProxyType, TracebackType
from typing import Any, Self

import grpc

from server.inprocess import call as calls
from server.inprocess.context import InProcessContext
from server.inprocess.direct import Direct, DirectStream, Running
from server.inprocess.flow import HereStream
from server.inprocess.handling import Router, conclude, end_of, serve
from server.inprocess.here import HereCall
from server.inprocess.metadata import MetadataLike, from_client
from server.inprocess.payload import Deserializer, Reader, Serializer, Writer
from server.inprocess.registry import HandlerRegistry
from server.inprocess.rpc import Limits, Outcome, Rpc

_CANCEL_PATIENCE_S = 5.0
_NONE: Mapping[str, DirectStream] = MappingProxyType({})
_STOPPING = Outcome(grpc.StatusCode.UNAVAILABLE, "The server is stopping.")
_STOPPED = Outcome(grpc.StatusCode.UNAVAILABLE, "The server stopped before the call was done.")
_TOO_MANY = Outcome(grpc.StatusCode.RESOURCE_EXHAUSTED, "Concurrent RPC limit exceeded!")


class InProcessChannel(grpc.aio.Channel):
    """A grpc.aio.Channel to handlers of this process. Build it inside the running loop.

    `options` are those of a socket channel and server together; read are `grpc.max_receive_message_length` (bytes, by
    default 4 MiB, -1 for none), `grpc.max_send_message_length` (none) and `grpc.absolute_max_metadata_size` (16 KiB).
    Handlers run in copies of the context in which the channel is built. `running` are the calls whose handlers run.
    """

    def __init__(
        self,
        registry: HandlerRegistry,
        interceptors: Sequence[grpc.aio.ServerInterceptor] = (),
        options: Sequence[tuple[str, Any]] = (),
        maximum_concurrent_rpcs: int | None = None,
    ) -> None:
        self.loop = asyncio.get_running_loop()
        self._context = contextvars.copy_context()
        self.router = Router(registry, interceptors)
        self.limits = _limits(dict(options))
        self._maximum = maximum_concurrent_rpcs
        self.running: set[Running] = set()
        self.takes_all = maximum_concurrent_rpcs is None
        """Whether no call is refused; where some are, `refusal` tells."""
        self._direct: Mapping[str, Direct] = {}
        self._direct_streams: Mapping[str, DirectStream] = {}
        self._is_stopping = False
        self._closed = asyncio.Event()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc_val: BaseException | None, exc_tb: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self, grace: float | None = None) -> None:
        """Ends the caller's side: no new calls, running ones are cancelled after `grace` seconds."""
        self.takes_all = False
        self._closed.set()
        await self._wait(grace)
        for rpc in tuple(self.running):
            rpc.cancel("Channel closed!")

    async def stop(self, grace: float | None = None) -> None:
        """Ends the handlers' side: new calls get UNAVAILABLE, and so do those that outlast `grace` seconds.

        Returns when all handlers have ended, at the latest 5 s after they were cancelled.
        """
        self.takes_all, self._is_stopping = False, True
        await self._wait(grace)
        for rpc in tuple(self.running):
            rpc.drop(_STOPPED)
        await self._wait(_CANCEL_PATIENCE_S)

    def get_state(self, try_to_connect: bool = False) -> grpc.ChannelConnectivity:
        """READY until closed, then SHUTDOWN."""
        return grpc.ChannelConnectivity.SHUTDOWN if self._closed.is_set() else grpc.ChannelConnectivity.READY

    async def wait_for_state_change(self, last_observed_state: grpc.ChannelConnectivity) -> None:
        """Waits until the state differs from the given one; after SHUTDOWN nothing comes, so that raises UsageError."""
        if self.get_state() is not last_observed_state:
            return
        self._refuse_when_closed()
        await self._closed.wait()

    async def channel_ready(self) -> None:
        """Returns at once; raises UsageError when closed."""
        self._refuse_when_closed()

    def unary_unary(
        self,
        method: str,
        request_serializer: Serializer = None,
        response_deserializer: Deserializer = None,
        _registered_method: bool | None = False,
    ) -> "UnaryUnary":
        """A callable for a method with one request and one response."""
        return UnaryUnary(self, method, request_serializer, response_deserializer)

    def unary_stream(
        self,
        method: str,
        request_serializer: Serializer = None,
        response_deserializer: Deserializer = None,
        _registered_method: bool | None = False,
    ) -> "UnaryStream":
        """A callable for a method with one request and a stream of responses."""
        return UnaryStream(self, method, request_serializer, response_deserializer)

    def stream_unary(
        self,
        method: str,
        request_serializer: Serializer = None,
        response_deserializer: Deserializer = None,
        _registered_method: bool | None = False,
    ) -> "StreamUnary":
        """A callable for a method with a stream of requests and one response."""
        return StreamUnary(self, method, request_serializer, response_deserializer)

    def stream_stream(
        self,
        method: str,
        request_serializer: Serializer = None,
        response_deserializer: Deserializer = None,
        _registered_method: bool | None = False,
    ) -> "StreamStream":
        """A callable for a method with streams both ways."""
        return StreamStream(self, method, request_serializer, response_deserializer)

    def prepare(self, method: str, metadata: MetadataLike | None) -> Rpc:
        """A call that has not been started; raises UsageError when closed, InternalError for bad metadata."""
        self._refuse_when_closed()
        return Rpc(self.loop, method, from_client(metadata), self.limits)

    def start(self, rpc: Rpc, timeout: float | None) -> None:
        """Runs the handler, unless the call has to be refused."""
        if not self.admit(rpc, timeout):
            return
        context = InProcessContext(rpc)
        rpc.task = self.loop.create_task(serve(context, self.router), context=self._context.copy())
        self.running.add(rpc)
        rpc.task.add_done_callback(partial(self._ended, context))

    def serve_directly(self, methods: Mapping[str, Direct], streams: Mapping[str, DirectStream] = _NONE) -> None:
        """Has calls of these methods made directly by callers that can, once they are looked up.

        `streams` are those that stream their answer.
        """
        self._direct, self._direct_streams = methods, streams

    def direct_of(self, method: str) -> Direct | None:
        """How calls of that method are made directly, if they can be."""
        return self._direct.get(method)

    def direct_stream_of(self, method: str) -> DirectStream | None:
        """The same of one that streams its answer."""
        return self._direct_streams.get(method)

    def refusal(self) -> Outcome | None:
        """Why no call is taken now, if so; raises UsageError when closed."""
        self._refuse_when_closed()
        if self._is_stopping:
            return _STOPPING
        return _TOO_MANY if self._maximum is not None and len(self.running) >= self._maximum else None

    def admit(self, rpc: Rpc, timeout: float | None) -> bool:
        """Sets the deadline. False: the call has its outcome, and no handler is to run."""
        refusal = rpc.refuse_metadata(rpc.metadata)
        if rpc.request is not None:
            refusal = refusal or rpc.refuse_size(rpc.request, "CLIENT", "SERVER")
        refusal = self.refusal() or refusal
        if refusal is not None:
            rpc.finish(refusal)
        elif timeout is not None:
            rpc.set_timeout(timeout)
        return rpc.outcome is None

    def _ended(self, context: InProcessContext, task: asyncio.Task[None]) -> None:
        self.running.discard(context.rpc)
        conclude(context, end_of(task))

    async def _wait(self, timeout_s: float | None) -> None:
        ends = [rpc.ended() for rpc in self.running]
        if ends and timeout_s is not None:
            await asyncio.wait(ends, timeout=timeout_s)

    def _refuse_when_closed(self) -> None:
        if self._closed.is_set():
            raise grpc.aio.UsageError("Channel is closed.")


class _Method:
    def __init__(
        self, channel: InProcessChannel, method: str, serializer: Serializer, deserializer: Deserializer
    ) -> None:
        self._channel = channel
        self._method = method
        self._writer = Writer(serializer)
        self._reader: Reader[Any] = Reader(deserializer)


class UnaryUnary(_Method, grpc.aio.UnaryUnaryMultiCallable[Any, Any]):
    """Calls a method with one request and one response."""

    @property
    def direct(self) -> Direct | None:
        """How the method is called without messages and calls, where it can be; to be looked up once."""
        return self._channel.direct_of(self._method)

    def __call__(
        self,
        request: Any,
        *,
        timeout: float | None = None,
        metadata: MetadataLike | None = None,
        credentials: grpc.CallCredentials | None = None,
        wait_for_ready: bool | None = None,
        compression: grpc.Compression | None = None,
    ) -> calls.UnaryUnaryCall[Any, Any]:
        """Starts a call; `timeout` in seconds. The request may be changed afterwards, the handler has its copy."""
        rpc = self._channel.prepare(self._method, metadata)
        rpc.request = self._writer.seal(request)
        self._channel.start(rpc, timeout)
        return calls.UnaryUnaryCall(rpc, self._writer, self._reader)

    def here(
        self, request: Any, *, timeout: float | None = None, metadata: MetadataLike | None = None
    ) -> HereCall[Any, Any]:
        """A call that runs in the task that awaits it, and not before it is awaited; see `HereCall`."""
        channel = self._channel
        rpc = channel.prepare(self._method, metadata)
        rpc.request = self._writer.hand_over(request)
        channel.admit(rpc, timeout)
        return HereCall(rpc, self._writer, self._reader, channel.router, channel.running)


class UnaryStream(_Method, grpc.aio.UnaryStreamMultiCallable[Any, Any]):
    """Calls a method with one request and a stream of responses."""

    @property
    def direct_stream(self) -> DirectStream | None:
        """How the method is called without messages and calls, where it can be; to be looked up once."""
        return self._channel.direct_stream_of(self._method)

    def __call__(
        self,
        request: Any,
        *,
        timeout: float | None = None,
        metadata: MetadataLike | None = None,
        credentials: grpc.CallCredentials | None = None,
        wait_for_ready: bool | None = None,
        compression: grpc.Compression | None = None,
    ) -> calls.UnaryStreamCall[Any, Any]:
        """Starts a call; `timeout` in seconds. The request may be changed afterwards, the handler has its copy."""
        rpc = self._channel.prepare(self._method, metadata)
        rpc.request = self._writer.seal(request)
        rpc.open_responses()
        self._channel.start(rpc, timeout)
        return calls.UnaryStreamCall(rpc, self._writer, self._reader)

    def here(
        self, request: Any, *, timeout: float | None = None, metadata: MetadataLike | None = None
    ) -> HereStream[Any]:
        """A call that runs in the task that runs it, and not before; see `HereStream`."""
        channel = self._channel
        rpc = channel.prepare(self._method, metadata)
        rpc.request = self._writer.hand_over(request)
        channel.admit(rpc, timeout)
        return HereStream(rpc, self._writer, self._reader, channel.router, channel.running)


class StreamUnary(_Method, grpc.aio.StreamUnaryMultiCallable[Any, Any]):
    """Calls a method with a stream of requests and one response."""

    def __call__(
        self,
        request_iterator: calls.Requests[Any] | None = None,
        timeout: float | None = None,
        metadata: MetadataLike | None = None,
        credentials: grpc.CallCredentials | None = None,
        wait_for_ready: bool | None = None,
        compression: grpc.Compression | None = None,
    ) -> calls.StreamUnaryCall[Any, Any]:
        """Starts a call; `timeout` in seconds. Without an iterator, requests are written to the call."""
        rpc = self._channel.prepare(self._method, metadata)
        rpc.open_requests()
        self._channel.start(rpc, timeout)
        started: calls.StreamUnaryCall[Any, Any] = calls.StreamUnaryCall(rpc, self._writer, self._reader)
        if request_iterator is not None:
            started.feed(request_iterator)
        return started


class StreamStream(_Method, grpc.aio.StreamStreamMultiCallable[Any, Any]):
    """Calls a method with streams both ways."""

    def __call__(
        self,
        request_iterator: calls.Requests[Any] | None = None,
        timeout: float | None = None,
        metadata: MetadataLike | None = None,
        credentials: grpc.CallCredentials | None = None,
        wait_for_ready: bool | None = None,
        compression: grpc.Compression | None = None,
    ) -> calls.StreamStreamCall[Any, Any]:
        """Starts a call; `timeout` in seconds. Without an iterator, requests are written to the call."""
        rpc = self._channel.prepare(self._method, metadata)
        rpc.open_requests()
        rpc.open_responses()
        self._channel.start(rpc, timeout)
        started: calls.StreamStreamCall[Any, Any] = calls.StreamStreamCall(rpc, self._writer, self._reader)
        if request_iterator is not None:
            started.feed(request_iterator)
        return started


def _limits(options: dict[str, Any]) -> Limits:
    read: Callable[[str, int], int] = lambda name, default: int(options.get(name, default))  # noqa: E731
    defaults = Limits()
    return Limits(
        receive_bytes=read("grpc.max_receive_message_length", defaults.receive_bytes),
        send_bytes=read("grpc.max_send_message_length", defaults.send_bytes),
        metadata_bytes=read("grpc.absolute_max_metadata_size", defaults.metadata_bytes),
    )

"""A server with scripted handlers and a channel to it over four transports; over one, single requests in two ways.

Messages are google.protobuf wrappers, so no service of the product is involved. The handlers of a test are registered
as the service `stage.Stage`.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import grpc
from google.protobuf.wrappers_pb2 import StringValue
from perpetuo.internal.v1 import tunnel_pb2_grpc

from edge.tunnel import TunnelChannel
from server.inprocess import HandlerRegistry, InProcessChannel
from server.inprocess.channel import UnaryStream, UnaryUnary
from server.tunnel import TunnelServicer

SERVICE = "stage.Stage"
ISOLATING = ("tcp", "unix", "inprocess", "tunnel")
TRANSPORTS = (*ISOLATING, "here")
PATIENCE_S = 30.0
# A deadline that is soon, but late enough for the call to reach its handler first.
SOON_S = 1.0
_OWN_OPTIONS = (("grpc.so_reuseport", 0), ("grpc.http2.bdp_probe", 0))

Text = StringValue
Context = grpc.aio.ServicerContext[Any, Any]


def text(value: str) -> StringValue:
    """A message."""
    return StringValue(value=value)


@dataclass(frozen=True)
class Stage:
    """What a test holds: how to call, and how to end it."""

    channel: grpc.aio.Channel
    stop: Callable[[float | None], Coroutine[Any, Any, None]]

    def unary_unary(self, method: str = "Do") -> grpc.aio.UnaryUnaryMultiCallable[Text, Text]:
        return self.channel.unary_unary(f"/{SERVICE}/{method}", Text.SerializeToString, Text.FromString)

    def unary_stream(self, method: str = "Do") -> grpc.aio.UnaryStreamMultiCallable[Text, Text]:
        return self.channel.unary_stream(f"/{SERVICE}/{method}", Text.SerializeToString, Text.FromString)

    def stream_unary(self, method: str = "Do") -> grpc.aio.StreamUnaryMultiCallable[Text, Text]:
        return self.channel.stream_unary(f"/{SERVICE}/{method}", Text.SerializeToString, Text.FromString)

    def stream_stream(self, method: str = "Do") -> grpc.aio.StreamStreamMultiCallable[Text, Text]:
        return self.channel.stream_stream(f"/{SERVICE}/{method}", Text.SerializeToString, Text.FromString)


@dataclass(frozen=True)
class Script:
    """What a server is made of."""

    handlers: Mapping[str, Any]
    interceptors: Sequence[grpc.aio.ServerInterceptor] = ()
    options: Sequence[tuple[str, Any]] = field(default=())
    maximum_concurrent_rpcs: int | None = None


def unary_unary(behavior: Any) -> Any:
    """A handler of StringValue both ways."""
    return grpc.unary_unary_rpc_method_handler(behavior, Text.FromString, Text.SerializeToString)


def unary_stream(behavior: Any) -> Any:
    """A handler of StringValue both ways."""
    return grpc.unary_stream_rpc_method_handler(behavior, Text.FromString, Text.SerializeToString)


def stream_unary(behavior: Any) -> Any:
    """A handler of StringValue both ways."""
    return grpc.stream_unary_rpc_method_handler(behavior, Text.FromString, Text.SerializeToString)


def stream_stream(behavior: Any) -> Any:
    """A handler of StringValue both ways."""
    return grpc.stream_stream_rpc_method_handler(behavior, Text.FromString, Text.SerializeToString)


async def drain(call: Any, messages: list[str] | None = None) -> list[str]:
    """Reads a stream to its end; what was read before an error is in `messages`."""
    read = [] if messages is None else messages
    async for message in call:
        read.append(message.value)
    return read


class HereChannel(InProcessChannel):
    """Makes calls of one request run in the task that waits for them, begun here, because callers expect that."""

    def unary_unary(self, *args: Any, **kwargs: Any) -> Any:
        """A callable for a method with one request and one response."""
        return partial(_BegunCall, super().unary_unary(*args, **kwargs))

    def unary_stream(self, *args: Any, **kwargs: Any) -> Any:
        """A callable for a method with one request and a stream of responses."""
        return partial(_BegunStream, super().unary_stream(*args, **kwargs))


class _BegunStream:
    """A stream that is run by a task of its own, and read from this one."""

    def __init__(self, method: UnaryStream, *args: Any, **kwargs: Any) -> None:
        self._call = method.here(*args, **kwargs)
        self._messages: asyncio.Queue[Any] = asyncio.Queue(1)
        self._task = asyncio.ensure_future(self._run())

    def __getattr__(self, name: str) -> Any:
        return getattr(self._call, name)

    def add_done_callback(self, callback: Callable[[Any], None]) -> None:
        """Calls back with this and not with what is behind it."""
        self._call.add_done_callback(lambda _: callback(self))

    def __aiter__(self) -> Any:
        return self

    async def __anext__(self) -> Any:
        message = await self.read()
        if message is grpc.aio.EOF:
            raise StopAsyncIteration
        return message

    async def read(self) -> Any:
        """The next message, or the end."""
        if not self._messages.empty():
            return self._messages.get_nowait()
        reading = asyncio.ensure_future(self._messages.get())
        try:
            await asyncio.wait({reading, self._task}, return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            self._call.cancel()
            raise
        finally:
            reading.cancel()
        if reading.done() and not reading.cancelled():
            return reading.result()
        await self._task
        return grpc.aio.EOF

    async def _run(self) -> None:
        await self._call.into(self._messages.put)


class _BegunCall:
    """A call that is awaited by a task of its own."""

    def __init__(self, method: UnaryUnary, *args: Any, **kwargs: Any) -> None:
        self._call = method.here(*args, **kwargs)
        self._task = asyncio.ensure_future(self._run())

    def __getattr__(self, name: str) -> Any:
        return getattr(self._call, name)

    def __await__(self) -> Any:
        return self._task.__await__()

    def add_done_callback(self, callback: Callable[[Any], None]) -> None:
        """Calls back with this and not with what is behind it."""
        self._call.add_done_callback(lambda _: callback(self))

    async def _run(self) -> Any:
        return await self._call


@asynccontextmanager
async def open_stage(transport: str, script: Script, directory: Path) -> AsyncIterator[Stage]:
    """Serves a script over `tcp`, `unix`, `inprocess` or a `tunnel`; `here`: no task of its own for one request."""
    registry = HandlerRegistry()
    registry.add_registered_method_handlers(SERVICE, script.handlers)
    if transport in {"inprocess", "here"}:
        kind = InProcessChannel if transport == "inprocess" else HereChannel
        inside = kind(registry, script.interceptors, script.options, script.maximum_concurrent_rpcs)
        try:
            async with inside:
                yield Stage(inside, inside.stop)
        finally:
            await inside.stop(None)
        return
    options = (*_OWN_OPTIONS, *script.options)
    if transport == "tunnel":
        server = grpc.aio.server(options=_OWN_OPTIONS)
    else:
        server = grpc.aio.server(
            interceptors=script.interceptors,
            options=options,
            maximum_concurrent_rpcs=script.maximum_concurrent_rpcs,
        )
    tunnels = TunnelServicer()
    inside = InProcessChannel(registry, script.interceptors, script.options, script.maximum_concurrent_rpcs)
    tunnels.channel = inside
    registry.install(server)
    if transport == "tunnel":
        tunnel_pb2_grpc.add_TunnelServiceServicer_to_server(tunnels, server)
    async with _started(server, tunnels, f"unix:{directory / 's'}" if transport == "unix" else "") as address:
        own = _OWN_OPTIONS if transport == "tunnel" else options
        async with grpc.aio.insecure_channel(address, own) as channel:
            if transport != "tunnel":
                yield Stage(channel, server.stop)
                return
            async with dug(channel, dict(options)) as tunnelled:
                yield Stage(tunnelled, partial(_stop, server, tunnels))


@asynccontextmanager
async def _started(server: grpc.aio.Server, tunnels: TunnelServicer, path: str) -> AsyncIterator[str]:
    """The address of a server that listens: a path, or a port of its own."""
    port = server.add_insecure_port(path or "127.0.0.1:0")
    await server.start()
    try:
        yield path or f"127.0.0.1:{port}"
    finally:
        await _stop(server, tunnels, None)


@asynccontextmanager
async def dug(plain: grpc.aio.Channel, options: Mapping[str, Any]) -> AsyncIterator[TunnelChannel]:
    """A channel whose tunnel is open."""
    async with TunnelChannel(plain, options) as channel:
        async with asyncio.timeout(PATIENCE_S):
            while channel.tunnel is None:
                await asyncio.sleep(0.005)
        yield channel


async def _stop(server: grpc.aio.Server, tunnels: TunnelServicer, grace_s: float | None) -> None:
    assert tunnels.channel is not None
    tunnels.leave()
    await asyncio.gather(server.stop(grace_s), tunnels.channel.stop(grace_s))

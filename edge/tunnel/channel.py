"""A channel in front of a plain one: calls of one request go through a tunnel as long as one is open.

Everything else, and everything while there is none (at the start, after a break, with a core that has no tunnels, when
the tunnel is full), goes over the plain channel as if there were no tunnels at all.
"""

import asyncio
import logging
import random
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Final, Self

import grpc
from google.protobuf.message import Message
from msgspec import Struct
from perpetuo.internal.v1 import tunnel_pb2

from edge.tunnel.call import TunnelCall, UnaryCall
from edge.tunnel.direct import DirectMethod, Kinds
from edge.tunnel.method import Method
from edge.tunnel.stream import StreamCall
from edge.tunnel.tunnel import Tunnel

_log: Final = logging.getLogger(__name__)
_OPEN: Final = "/perpetuo.internal.v1.TunnelService/Open"
_DEFAULT_RECEIVE_BYTES: Final = 4 * 1024 * 1024
_PARTING_S: Final = 1.0


class Pauses(Struct, frozen=True):
    """Seconds between attempts to open a tunnel: from `first_s` on twice as long each time, up to `longest_s`.

    After a core that has none, `unsupported_s`: it may be a newer one some day.
    """

    first_s: float = 0.1
    longest_s: float = 5.0
    unsupported_s: float = 60.0


_PAUSES: Final = Pauses()


class TunnelChannel(grpc.aio.Channel):
    """Build it inside the running loop; it opens and keeps tunnels until it is closed, and closes `plain` with it.

    `options` are those of the plain channel; its limits of messages hold for each call in tunnels too.
    """

    def __init__(self, plain: grpc.aio.Channel, options: Mapping[str, Any], pauses: Pauses = _PAUSES) -> None:
        self.plain = plain
        self._limits_bytes = (
            _unbounded(options.get("grpc.max_send_message_length", -1)),
            _unbounded(options.get("grpc.max_receive_message_length", _DEFAULT_RECEIVE_BYTES)),
        )
        self._pauses = pauses
        self._open = plain.stream_stream(
            _OPEN, tunnel_pb2.OpenRequest.SerializeToString, tunnel_pb2.OpenResponse.FromString
        )
        self.tunnel: Tunnel | None = None
        self._tunnels: dict[asyncio.Task[None], Tunnel] = {}
        self._keeping = asyncio.get_running_loop().create_task(self._keep())

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc_val: BaseException | None, exc_tb: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self, grace: float | None = None) -> None:
        """Ends the tunnels, those that carry nothing any more politely, and closes the plain channel."""
        self._keeping.cancel()
        self.tunnel = None
        for tunnel in self._tunnels.values():
            tunnel.leave()
        running = [self._keeping, *self._tunnels]
        if grace is not None:
            await asyncio.wait(running, timeout=grace)
        for tunnel in self._tunnels.values():
            tunnel.cancel()
        await asyncio.wait(running, timeout=_PARTING_S)
        for task in running:
            task.cancel()
        await asyncio.wait(running)
        await self.plain.close(grace)

    def get_state(self, try_to_connect: bool = False) -> grpc.ChannelConnectivity:
        """That of the plain channel."""
        return self.plain.get_state(try_to_connect)

    async def wait_for_state_change(self, last_observed_state: grpc.ChannelConnectivity) -> None:
        """Waits for the plain channel."""
        await self.plain.wait_for_state_change(last_observed_state)

    async def channel_ready(self) -> None:
        """Waits for the plain channel."""
        await self.plain.channel_ready()

    def unary_unary(self, method: str, *coders: Any, **options: Any) -> Any:
        """A callable for a method with one request and one response."""
        return Caller(self, UnaryCall, self._method(method, self.plain.unary_unary, coders, options))

    def unary_stream(self, method: str, *coders: Any, **options: Any) -> Any:
        """A callable for a method with one request and a stream of responses."""
        return Caller(self, StreamCall, self._method(method, self.plain.unary_stream, coders, options))

    def stream_unary(self, method: str, *coders: Any, **options: Any) -> Any:
        """A callable of the plain channel."""
        return self.plain.stream_unary(method, *coders, **options)

    def stream_stream(self, method: str, *coders: Any, **options: Any) -> Any:
        """A callable of the plain channel."""
        return self.plain.stream_stream(method, *coders, **options)

    def _method(self, name: str, make: Any, coders: tuple[Any, ...], options: dict[str, Any]) -> Method:
        plain = make(name, *coders, **options)
        names = ("request_serializer", "response_deserializer")
        given = {**dict(zip(names, coders, strict=False)), **options}
        pair = (given.get(names[0]), given.get(names[1]))
        return Method(name, pair, plain, self._limits_bytes, is_stream=make == self.plain.unary_stream)

    async def _keep(self) -> None:
        """Opens a tunnel, and another whenever one ends."""
        pause_s = self._pauses.first_s
        while True:
            tunnel = Tunnel(self._open(wait_for_ready=True))
            task = asyncio.get_running_loop().create_task(tunnel.run())
            self._tunnels[task] = tunnel
            task.add_done_callback(self._tunnels.pop)
            if await tunnel.opened:
                pause_s = self._pauses.first_s
                self.tunnel = tunnel
                _log.info("The tunnel to the core is open")
                await tunnel.ended
                self.tunnel = None
                _log.info("The tunnel to the core has ended")
            elif tunnel.code is grpc.StatusCode.UNIMPLEMENTED:
                pause_s = self._pauses.unsupported_s
            await asyncio.sleep(pause_s * random.uniform(0.5, 1.0))
            pause_s = min(pause_s * 2, self._pauses.longest_s)


class Caller:
    """Makes calls of a method, in its own way where a tunnel takes it."""

    def __init__(self, channel: TunnelChannel, kind: type[TunnelCall], method: Method) -> None:
        self._channel = channel
        self._kind = kind
        self._method = method
        self.here = self if kind is UnaryCall else None

    @property
    def direct(self) -> DirectMethod | None:
        """How the method is called without messages, where it takes and gives raw bodies; to be looked up once."""
        if self._kind is not UnaryCall:
            return None
        try:
            kinds = Kinds(self._method.name)
        except ValueError:
            return None
        return DirectMethod(self._method, lambda: self._channel.tunnel, kinds)

    def __call__(self, request: Any, *, timeout: float | None = None, metadata: Any = None, **options: Any) -> Any:
        """Starts a call; `timeout` in seconds. Whoever gives any other option gets a plain call."""
        if options:
            return self._method.plain(request, timeout=timeout, metadata=metadata, **options)
        tunnel = self._channel.tunnel
        if tunnel is not None and not tunnel.takes(_size_bytes(request)):
            tunnel = None
        return self._kind(self._method, tunnel, request, metadata, timeout)


def _size_bytes(request: Any) -> int:
    return request.ByteSize() if isinstance(request, Message) else len(request)


def _unbounded(limit: int) -> int:
    return limit if limit >= 0 else 1 << 62

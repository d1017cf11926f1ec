"""TunnelService: takes tunnels, and knows those that are open.

It is reached by sockets alone: in one process there is nothing to go through. Calls of a tunnel are run by the
in-process channel's way of running calls, so that one set of interceptors and limits holds for all.
"""

from collections.abc import AsyncIterator
from typing import Any

import grpc
from perpetuo.internal.v1 import tunnel_pb2, tunnel_pb2_grpc

from server.inprocess import InProcessChannel
from server.tunnel.call import Peer
from server.tunnel.tunnel import Tunnel

Context = grpc.aio.ServicerContext[Any, Any]


class TunnelServicer(tunnel_pb2_grpc.TunnelServiceServicer):
    """Serves tunnels. Give it the `channel` before it is called; `leave` when the core stops."""

    def __init__(self) -> None:
        self.channel: InProcessChannel | None = None
        self._open: set[Tunnel] = set()
        self._is_leaving = False

    async def Open(self, requests: AsyncIterator[tunnel_pb2.OpenRequest], context: Context) -> None:  # type: ignore[override]  # noqa: N802
        """Serves one tunnel until its end."""
        assert self.channel is not None

        async def send(frames: bytes) -> None:
            await context.write(tunnel_pb2.OpenResponse(frames=frames))

        tunnel = Tunnel(self.channel, Peer(context), send)
        self._open.add(tunnel)
        try:
            if self._is_leaving:
                tunnel.leave()
            await tunnel.run(_frames(requests))
        finally:
            self._open.discard(tunnel)

    def leave(self) -> None:
        """Has every tunnel begin nothing more."""
        self._is_leaving = True
        for tunnel in tuple(self._open):
            tunnel.leave()


async def _frames(requests: AsyncIterator[tunnel_pb2.OpenRequest]) -> AsyncIterator[bytes]:
    async for request in requests:
        yield request.frames

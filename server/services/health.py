"""grpc.health.v1: whether this server and its services take calls, asked once or watched.

All services go together: they serve once `serve` was called and stop to at `announce_end`, which takes effect before it
returns, whatever the clients that watch are doing. A watch sends only what is new when it gets to it. Protocol:
https://github.com/grpc/grpc/blob/master/doc/health-checking.md
"""

import asyncio
from collections.abc import AsyncIterator, Iterable
from typing import Final

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from server.services.calling import Context

_SERVING: Final = health_pb2.HealthCheckResponse.SERVING
_NOT_SERVING: Final = health_pb2.HealthCheckResponse.NOT_SERVING
_UNKNOWN: Final = health_pb2.HealthCheckResponse.SERVICE_UNKNOWN


class HealthServicer(health_pb2_grpc.HealthServicer):
    """Tells the health of the server, whose name is empty, and of named services. Belongs to one event loop."""

    def __init__(self) -> None:
        self._names = {""}
        self._is_ending = False
        self._changed = asyncio.Event()

    def serve(self, names: Iterable[str]) -> None:
        """The services of these names take calls."""
        self._names.update(names)
        self._tell()

    def announce_end(self) -> None:
        """From now on and for ever everything is NOT_SERVING. Safe to repeat."""
        self._is_ending = True
        self._tell()

    async def Check(self, request: health_pb2.HealthCheckRequest, context: Context) -> health_pb2.HealthCheckResponse:
        """The status now; NOT_FOUND for a service that is not known."""
        if request.service not in self._names:
            await context.abort(grpc.StatusCode.NOT_FOUND, "There is no such service here.")
        return health_pb2.HealthCheckResponse(status=self._status(request.service))

    async def Watch(
        self, request: health_pb2.HealthCheckRequest, context: Context
    ) -> AsyncIterator[health_pb2.HealthCheckResponse]:
        """The status now, and each time it changes, until the client leaves."""
        told = None
        while True:
            changed, status = self._changed, self._status(request.service)
            if status != told:
                told = status
                yield health_pb2.HealthCheckResponse(status=status)
            else:
                await changed.wait()

    def _status(self, name: str) -> int:
        if name not in self._names:
            return _UNKNOWN
        return _NOT_SERVING if self._is_ending else _SERVING

    def _tell(self) -> None:
        """Wakes who watches."""
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

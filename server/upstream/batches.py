"""Requests in several parts: each is sent by itself, and what comes back is one answer.

The parts share one time: what the first ones took, the last ones have not. The first part that is not answered well is
the answer to all; what was answered before it is thrown away.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from typing import Any

from msgspec.structs import replace

from server.chat.wire import Timeouts, Transport, WireRequest, WireResponse
from server.errors import UpstreamTimeout

_LEAST_TIME_S = 0.05


class BatchTransport:
    """Sends by another transport, which it owns."""

    def __init__(self, plain: Transport, now_s: Callable[[], float] | None = None) -> None:
        """`now_s` is a clock that never goes back, in seconds; without one, that of the running loop."""
        self._plain = plain
        self._now_s = now_s

    def send(self, request: WireRequest, timeouts: Timeouts) -> Coroutine[Any, Any, WireResponse]:
        """See `Transport.send`. Raises UpstreamTimeout when the time is up between two parts."""
        return self._send_all(request, timeouts) if request.others else self._plain.send(request, timeouts)

    async def _send_all(self, request: WireRequest, timeouts: Timeouts) -> WireResponse:
        now_s = self._now_s or asyncio.get_running_loop().time
        ends_s = now_s() + timeouts.total_s
        bodies: list[bytes] = []
        for body in (request.body, *request.others):
            left_s = ends_s - now_s()
            if left_s < _LEAST_TIME_S:
                raise UpstreamTimeout("The provider took too long for the parts of the request.")
            part = replace(request, body=body, others=())
            response = await self._plain.send(part, replace(timeouts, total_s=left_s))
            if not 200 <= response.status < 300:
                return response
            try:
                bodies.append(await response.read())
            finally:
                await response.close()
        return _Together(response.status, response.headers, b"[" + b",".join(bodies) + b"]")

    async def close(self) -> None:
        """See `Transport.close`."""
        await self._plain.close()


class _Together:
    """Answers that have all been read, as one."""

    def __init__(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        self.status = status
        self.headers = headers
        self._body = body

    async def read(self) -> bytes:
        return self._body

    async def chunks(self) -> AsyncIterator[bytes]:
        yield self._body

    def progressed(self) -> None:
        """Nothing more is to come."""

    def wind_up(self, within_s: float) -> None:
        """Nothing more is to come."""

    async def close(self) -> None:
        """There is nothing to close."""

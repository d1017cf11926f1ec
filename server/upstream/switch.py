"""One transport out of several: the scheme of the URL chooses. What must be signed is signed here, as it is sent."""

import time
from collections.abc import Callable, Coroutine, Mapping
from typing import Any

from server.chat.wire import Timeouts, Transport, WireRequest, WireResponse
from server.errors import UpstreamBlocked


class TransportSwitch:
    """Sends each request by the transport of its URL's scheme, as `https` or `demo`; owns and closes them all.

    `now_s` tells the time in seconds since 1970, for signatures.
    """

    def __init__(
        self,
        transports: Mapping[str, Transport],
        now_s: Callable[[], float] = time.time,
        without_token: Mapping[str, Transport] | None = None,
    ) -> None:
        """`without_token` are transports, owned by those of `transports`, for requests that need no token granted."""
        self._transports = dict(transports)
        self._without_token = self._transports | dict(without_token or {})
        self._now_s = now_s

    def send(self, request: WireRequest, timeouts: Timeouts) -> Coroutine[Any, Any, WireResponse]:
        """See `Transport.send`; raises UpstreamBlocked for a scheme without a transport."""
        transports = self._without_token if request.grant is None else self._transports
        transport = transports.get(request.url.partition(":")[0])
        if transport is None:
            raise UpstreamBlocked("The provider's base URL is not one that requests may go to.")
        if request.sign is not None:
            request = request.sign(request, self._now_s())
        return transport.send(request, timeouts)

    async def close(self) -> None:
        """Closes every transport once."""
        for transport in {id(each): each for each in self._transports.values()}.values():
            await transport.close()

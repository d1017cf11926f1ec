"""One transport out of several: the scheme of the URL chooses."""

from collections.abc import Mapping

from server.chat.wire import Timeouts, Transport, WireRequest, WireResponse
from server.errors import UpstreamBlocked


class TransportSwitch:
    """Sends each request by the transport of its URL's scheme, as `https` or `demo`; owns and closes them all."""

    def __init__(self, transports: Mapping[str, Transport]) -> None:
        self._transports = dict(transports)

    async def send(self, request: WireRequest, timeouts: Timeouts) -> WireResponse:
        """See `Transport.send`; raises UpstreamBlocked for a scheme without a transport."""
        transport = self._transports.get(request.url.partition(":")[0])
        if transport is None:
            raise UpstreamBlocked("The provider's base URL is not one that requests may go to.")
        return await transport.send(request, timeouts)

    async def close(self) -> None:
        """Closes every transport once."""
        for transport in {id(each): each for each in self._transports.values()}.values():
            await transport.close()

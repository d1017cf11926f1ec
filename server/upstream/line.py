"""What an answer on its way needs of others: the connection that it comes over, and who can send its request again."""

import asyncio
from typing import Protocol

from server.chat.wire import Timeouts, WireRequest, WireResponse


class Line(Protocol):
    """The connection that an answer comes over."""

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        """The loop that it belongs to."""

    def resume(self) -> None:
        """Lets more of the answer come."""

    def abort(self) -> None:
        """Ends the connection at once."""

    def watch(self, due_s: float) -> None:
        """Calls `look_at_clock` of the answer at that time of the loop, or before."""


class Sender(Protocol):
    """Who has sent a request at once, and can send it again."""

    async def send_again(self, request: WireRequest, timeouts: Timeouts, started_s: float) -> WireResponse:
        """Sends it over a connection that is certainly new, and waits for the response's headers."""

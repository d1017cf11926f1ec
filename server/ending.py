"""How the core comes to its end: it is announced, nothing new comes, what runs gets its time and then a reason.

    told NOT_SERVING -> notice -> no new calls at the port -> grace over: requests are given up -> last words -> dropped

The notice is for whoever sends requests here and has to learn that it should not. What is given up ends with an error
of its own, for which there is a moment more; what has not ended by then is cut off.
"""

import asyncio
from typing import Final

from server.grpc_server import CoreServer
from server.under_way import UnderWay

NOTICE_S: Final = 0.3
"""From being told to stop to refusing what is new, at most a quarter of the grace."""

LAST_WORDS_S: Final = 0.5
"""From giving requests up to cutting off what has not ended."""


class End:
    """The end of a core, which begins when this is made, inside the running loop."""

    def __init__(self, server: CoreServer, under_way: UnderWay, grace_s: float) -> None:
        self._server = server
        self._loop = asyncio.get_running_loop()
        now_s = self._loop.time()
        self._due_s = now_s + grace_s + LAST_WORDS_S
        self._giving_up = self._loop.call_at(now_s + grace_s, under_way.give_up)
        # Before anything is waited for: nobody shall send requests here because the announcement had to wait.
        server.announce_end()
        self._leaving = self._loop.create_task(self._leave(min(NOTICE_S, grace_s / 4)))

    async def come(self) -> None:
        """Waits until everything has ended, or its time is over."""
        await self._leaving
        await self._server.stop(max(self._due_s - self._loop.time(), 0.0))
        self._giving_up.cancel()

    async def _leave(self, notice_s: float) -> None:
        await asyncio.sleep(notice_s)
        await self._server.stop_port(max(self._due_s - self._loop.time(), 0.0))

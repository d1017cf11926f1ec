"""Notes and notices in Valkey or Redis, for all replicas. What cannot be reached is kept here alone, or is missed."""

import asyncio
import logging
import secrets
from collections.abc import Callable
from typing import Final

from server.chat.shared import Heard
from server.state.link import StateAwayError, ValkeyLink
from server.state.memory_notes import MemoryNotes

_NOTE: Final = "note:"
_CHANNEL: Final = "notices"
_PAUSE_S: Final = 0.5
_LISTENED_S: Final = 5.0
_SEPARATOR: Final = "\x1f"

_log = logging.getLogger(__name__)


class ValkeyNotes:
    """Notes over a link; as long as the server is away, those of this replica."""

    def __init__(self, link: ValkeyLink) -> None:
        self._link = link
        self._own = MemoryNotes()

    async def put(self, name: str, text: str, keep_s: float) -> None:
        """See `Notes.put`."""
        await self._own.put(name, text, keep_s)
        args = ["put", _NOTE + name, text, str(max(int(keep_s * 1000), 1))]
        self._link.say("note", args, again=args)

    async def get(self, name: str) -> str | None:
        """See `Notes.get`."""
        try:
            found = await self._link.ask("note", ["get", _NOTE + name])
        except StateAwayError:
            return await self._own.get(name)
        return None if found is None else str(found, "utf-8", "replace")


class ValkeyNotices:
    """Notices over a subscription of its own. `open` it and `close` it."""

    def __init__(self, link: ValkeyLink) -> None:
        self._link = link
        self._channel = link.prefix + _CHANNEL
        self._me = secrets.token_hex(8)
        self._listeners: dict[str, list[Heard]] = {}
        self._when_missed: list[Callable[[], None]] = []
        self._listener: asyncio.Task[None] | None = None
        self._is_closing = False
        self.is_listening = asyncio.Event()

    def open(self) -> None:
        """Begins to listen."""
        self._listener = asyncio.get_running_loop().create_task(self._listen_for_ever(), name="notices")

    async def close(self) -> None:
        """Listens no more."""
        self._is_closing = True
        # Cancelled within the client, a task may miss that it was.
        while self._listener is not None and not self._listener.done():
            self._listener.cancel()
            await asyncio.wait([self._listener], timeout=_PAUSE_S)

    def tell(self, topic: str, text: str) -> None:
        """See `Notices.tell`."""
        args = ["tell", _CHANNEL, _SEPARATOR.join((self._me, topic, text))]
        self._link.say("note", args, again=args)

    def hear(self, topic: str, heard: Heard) -> None:
        """See `Notices.hear`."""
        self._listeners.setdefault(topic, []).append(heard)

    def when_missed(self, callback: Callable[[], None]) -> None:
        """See `Notices.when_missed`."""
        self._when_missed.append(callback)

    async def _listen_for_ever(self) -> None:
        has_listened = False
        while not self._is_closing:
            try:
                await self._listen(is_again=has_listened)
            except self._link.failures as error:
                _log.debug("Notices of other replicas cannot be heard: %r", error)
            has_listened = has_listened or self.is_listening.is_set()
            self.is_listening.clear()
            await asyncio.sleep(_PAUSE_S)

    async def _listen(self, *, is_again: bool) -> None:
        async with self._link.client.pubsub(ignore_subscribe_messages=True) as pubsub:
            await pubsub.subscribe(self._channel)
            self.is_listening.set()
            if is_again:
                self._tell_missed()
            while not self._is_closing:
                # A finite wait, so that a connection that is dead is noticed by its health check.
                message = await pubsub.get_message(ignore_subscribe_messages=True, timeout=_LISTENED_S)
                if message is not None:
                    self._heard(str(message["data"], "utf-8", "replace"))

    def _heard(self, text: str) -> None:
        sender, _, rest = text.partition(_SEPARATOR)
        topic, _, subject = rest.partition(_SEPARATOR)
        if sender != self._me:
            for heard in self._listeners.get(topic, ()):
                heard(subject)

    def _tell_missed(self) -> None:
        for callback in self._when_missed:
            callback()

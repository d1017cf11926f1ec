"""Notes and notices of a gateway that has no other replicas."""

import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from server.chat.shared import Heard

MAX_NOTES: Final = 20_000


class MemoryNotes:
    """Keeps at most `max_notes`; those that were put longest ago go first."""

    def __init__(self, clock_s: Callable[[], float] = time.monotonic, max_notes: int = MAX_NOTES) -> None:
        self._clock_s = clock_s
        self._max_notes = max_notes
        self._notes: OrderedDict[str, tuple[float, str]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._notes)

    async def put(self, name: str, text: str, keep_s: float) -> None:
        """See `Notes.put`."""
        self._notes.pop(name, None)
        self._notes[name] = self._clock_s() + keep_s, text
        if len(self._notes) > self._max_notes:
            self._notes.popitem(last=False)

    async def get(self, name: str) -> str | None:
        """See `Notes.get`."""
        until_s, text = self._notes.get(name, (0.0, ""))
        if self._clock_s() < until_s:
            return text
        self._notes.pop(name, None)
        return None


class NoRivals:
    """Claims of a gateway that has no other replicas: whoever knows its own claims knows all."""

    async def claim(self, name: str, text: str, keep_s: float) -> str | None:
        """See `Claims.claim`."""
        return None

    async def look(self, name: str) -> str | None:
        """See `Claims.look`."""
        return None

    def put(self, name: str, text: str, keep_s: float) -> None:
        """See `Claims.put`."""

    def drop(self, name: str) -> None:
        """See `Claims.drop`."""


class NoOthers:
    """Nobody else is there to be told, and nothing to be heard."""

    def tell(self, topic: str, text: str) -> None:
        """See `Notices.tell`."""

    def hear(self, topic: str, heard: Heard) -> None:
        """See `Notices.hear`."""

    def when_missed(self, callback: Callable[[], None]) -> None:
        """See `Notices.when_missed`."""

"""What replicas tell each other: notes that all can read for a while, and notices that reach those who listen now."""

from collections.abc import Callable
from typing import Protocol

Heard = Callable[[str], None]
"""Takes the text of a notice."""


class Notes(Protocol):
    """Texts by name, each kept for a while. No note is ever the only record of anything."""

    async def put(self, name: str, text: str, keep_s: float) -> None:
        """Keeps a text in place of an older one."""

    async def get(self, name: str) -> str | None:
        """The text of that name; None if there is none, or it cannot be told."""


class Claims(Protocol):
    """Texts by name that belong to the first who claims the name, among all replicas that can be reached."""

    async def claim(self, name: str, text: str, keep_s: float) -> str | None:
        """Keeps a text unless there is one of that name, which is answered; None if it is kept, or nobody can tell."""

    async def look(self, name: str) -> str | None:
        """The text of that name; None if there is none, or it cannot be told."""

    def put(self, name: str, text: str, keep_s: float) -> None:
        """Keeps a text in place of an older one, as soon as that can be. Never waits and never raises."""

    def drop(self, name: str) -> None:
        """Takes a text away, as soon as that can be. Never waits and never raises."""


class Notices(Protocol):
    """Texts by topic, for the other replicas. One that is away misses what is told meanwhile."""

    def tell(self, topic: str, text: str) -> None:
        """Tells all other replicas, as far as they can be reached. Never waits and never raises."""

    def hear(self, topic: str, heard: Heard) -> None:
        """Calls back with what others tell, on the event loop."""

    def when_missed(self, callback: Callable[[], None]) -> None:
        """Calls back when notices may have been missed."""

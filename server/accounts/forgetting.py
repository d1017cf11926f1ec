"""What every replica has to look up anew when somebody has changed it: told here at once, and to the others.

A notice may be missed: what is kept in memory is kept for seconds only. It is no record of anything.
"""

from collections.abc import Callable
from typing import Final, Literal

from server.accounts.loading_cache import Bounds
from server.chat.shared import Notices
from server.state.memory_notes import NoOthers

Topic = Literal["user", "key", "token", "workspace"]
"""Of what a change is: its id follows."""

TOPICS: Final[tuple[Topic, ...]] = ("user", "key", "token", "workspace")

Forget = Callable[[str], None]


class Forgetting:
    """Tells the caches of this process, and of all others, what to forget.

    `hears_all`: no other process can change anything, so that nothing is missed.
    """

    def __init__(self, notices: Notices | None = None, *, hears_all: bool = False) -> None:
        self._hears_all = hears_all
        self._notices: Notices = NoOthers() if notices is None else notices
        self._here: dict[Topic, list[Forget]] = {topic: [] for topic in TOPICS}
        for topic in TOPICS:
            self._notices.hear(topic, self._heard_of(topic))

    def bounds(self, bounds: Bounds) -> Bounds:
        """How long what it tells about may be kept: `bounds`, or longer where nothing is missed."""
        return bounds.unshared() if self._hears_all else bounds

    def on(self, topic: Topic, forget: Forget) -> None:
        """Calls back with every id that is to be forgotten."""
        self._here[topic].append(forget)

    def when_missed(self, forget_all: Callable[[], None]) -> None:
        """Calls back when something may have been missed."""
        self._notices.when_missed(forget_all)

    def forget(self, topic: Topic, changed_id: str) -> None:
        """Lets a change count: here at once, elsewhere as soon as the notice comes."""
        self._forget_here(topic, changed_id)
        self._notices.tell(topic, changed_id)

    def _heard_of(self, topic: Topic) -> Forget:
        return lambda changed_id: self._forget_here(topic, changed_id)

    def _forget_here(self, topic: Topic, changed_id: str) -> None:
        for forget in self._here[topic]:
            forget(changed_id)

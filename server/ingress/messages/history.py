"""What reading a conversation finds out beside its messages: what has no place in them, and what is not Anthropic's.

A conversation that another vendor had a part in (reasoning without a signature, ids that Anthropic would not take) can
only go to Anthropic translated; one that is Anthropic's alone can go as it came.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from msgspec import Raw

RawOf = Callable[[], Raw]
"""A block as it came; it is only asked for where the block cannot be said otherwise."""

NOT_SENT: Final = "is not sent: only a provider of Anthropic's form takes it."

_MAX_ID_CHARS: Final = 64
_ID_CHARS: Final = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-")


@dataclass(slots=True)
class Findings:
    """`losses` are members and why they are not sent. `is_mixed`: another vendor had a part in the conversation."""

    losses: list[tuple[str, str]] = field(default_factory=list)
    is_mixed: bool = False

    def lose(self, member: str, why: str = NOT_SENT) -> None:
        """Notes that the chat message has no place for a member."""
        self.losses.append((member[:200], why))

    def mix(self, is_foreign: bool) -> None:
        """Notes that something is not Anthropic's own, if so."""
        self.is_mixed = self.is_mixed or is_foreign


def is_odd_id(call_id: str) -> bool:
    """Whether Anthropic would refuse an id of a call."""
    return not 0 < len(call_id) <= _MAX_ID_CHARS or not _ID_CHARS.issuperset(call_id)

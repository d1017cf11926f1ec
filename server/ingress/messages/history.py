"""What of a conversation Anthropic would not take as it came, though a chat message has a place for it."""

from typing import Final

NOT_SENT: Final = "is not sent: only a provider of Anthropic's form takes it."

_MAX_ID_CHARS: Final = 64
_ID_CHARS: Final = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-")


def is_odd_id(call_id: str) -> bool:
    """Whether Anthropic would refuse an id of a call."""
    return not 0 < len(call_id) <= _MAX_ID_CHARS or not _ID_CHARS.issuperset(call_id)

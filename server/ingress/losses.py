"""What reading a request finds out beside its messages: what only its own form has, and whether it is of one vendor.

A conversation that another vendor had a part in can go to a provider of the face's form only translated; one that is of
one kind can go as it came.
"""

from dataclasses import dataclass, field


@dataclass(slots=True)
class Losses:
    """`members` are members and why they are not sent. `is_mixed`: another vendor had a part in the conversation."""

    why: str
    """What is said of a member where nothing else is."""
    members: list[tuple[str, str]] = field(default_factory=list)
    is_mixed: bool = False

    def lose(self, member: str, why: str = "") -> None:
        """Notes that the chat message has no place for a member."""
        self.members.append((member[:200], why or self.why))

    def mix(self, is_foreign: bool) -> None:
        """Notes that something is not of the face's own vendor, if so."""
        self.is_mixed = self.is_mixed or is_foreign

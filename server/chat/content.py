"""What was said: a prompt and its answer, held while the request runs, as far as its workspace wants it kept.

`Content` must not grow beyond its cap: what is kept of a request is bounded before it is written.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

ContentPolicy = Literal["off", "metadata", "redacted", "full"]
"""What a workspace lets be kept: nothing but what limits and bills need, also who asked and how it went, also what was
said but for what looks like personal data, or all of it."""

KEEPS_CONTENT: frozenset[ContentPolicy] = frozenset({"redacted", "full"})


@dataclass(slots=True)
class Content:
    """The JSON of a request, and that of its answer in one piece or in the events of a stream.

    Of either at most `cap_bytes` are held; `is_cut` says that there was more.
    """

    is_redacted: bool
    cap_bytes: int
    request: bytes = field(repr=False)
    pieces: list[bytes] = field(default_factory=list, repr=False)
    answer_bytes: int = 0
    is_cut: bool = False

    def __post_init__(self) -> None:
        if len(self.request) > self.cap_bytes:
            self.request = self.request[: self.cap_bytes]
            self.is_cut = True

    @property
    def size_bytes(self) -> int:
        """What is held."""
        return len(self.request) + self.answer_bytes

    def add(self, pieces: Sequence[bytes]) -> None:
        """Takes what goes out to the client, as long as there is room for it."""
        for piece in pieces:
            room = self.cap_bytes - self.answer_bytes
            if room <= 0:
                self.is_cut = True
                return
            if len(piece) > room:
                piece, self.is_cut = piece[:room], True
            self.pieces.append(piece)
            self.answer_bytes += len(piece)

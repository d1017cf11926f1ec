"""What a face is: how its request becomes a chat request, and how a chat completion becomes its answer."""

from collections.abc import Iterable
from typing import Protocol

from server.chat.request import ChatRequest
from server.errors import PerpetuoError


class WholeFace(Protocol):
    """One request of a face, on its way in and back. Made for each request, used once."""

    @property
    def name(self) -> str:
        """The face's name, for records: 10 characters at most."""

    def read(self, body: bytes, *, stream: bool) -> ChatRequest:
        """The chat request that the face's request asks for. Raises RequestInvalid in the face's own terms."""

    def whole(self, answer: bytes) -> bytes:
        """The answer, from a chat completion. Raises UpstreamBadResponse when it has not that shape."""


class Face(WholeFace, Protocol):
    """A face that streams too."""

    def feed(self, chunks: Iterable[bytes]) -> list[bytes]:
        """The events that chunks of a chat completion are, each as JSON. Raises as `whole` does."""

    def finish(self) -> list[bytes]:
        """The events that end a stream which is whole."""

    def failed(self, error: PerpetuoError) -> list[bytes]:
        """The events, maybe none, that the face itself has for a stream which breaks after it began."""

"""The face of text completions: one request of it, on its way in and back."""

from collections.abc import Iterable
from typing import Final

from server.chat.request import ChatRequest
from server.errors import PerpetuoError
from server.ingress.completions.answer import Texts
from server.ingress.completions.request import read_completion

FACE: Final = "completions"


class CompletionsFace:
    """See `Face`."""

    name = FACE

    def __init__(self) -> None:
        self._texts = Texts()

    def read(self, body: bytes, *, stream: bool) -> ChatRequest:
        """See `Face.read`."""
        read = read_completion(body, stream=stream)
        self._texts = Texts(read.echoed)
        return read.request

    def whole(self, answer: bytes) -> bytes:
        """See `Face.whole`."""
        return self._texts.text_from(answer)

    def feed(self, chunks: Iterable[bytes]) -> list[bytes]:
        """See `Face.feed`."""
        return [self._texts.text_from(chunk) for chunk in chunks]

    def finish(self) -> list[bytes]:
        """See `Face.finish`: the last chunk is the last event."""
        return []

    def failed(self, error: PerpetuoError) -> list[bytes]:
        """See `Face.failed`: whoever carries the stream tells the error."""
        return []

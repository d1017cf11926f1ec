"""The Messages face: one request of it, on its way in and back."""

from collections.abc import Iterable, Mapping

from server.chat.request import ChatRequest
from server.errors import Internal, PerpetuoError
from server.ingress.messages.answer import message_from
from server.ingress.messages.plain import FACE
from server.ingress.messages.request import read_message
from server.ingress.messages.stream import MessageEvents


class MessagesFace:
    """See `Face`."""

    name = FACE

    def __init__(self, headers: Mapping[str, str] | None = None) -> None:
        """`headers` are the request's, names in lower case."""
        self._headers = headers or {}
        self._request: ChatRequest | None = None
        self._events: MessageEvents | None = None

    def read(self, body: bytes, *, stream: bool) -> ChatRequest:
        """See `Face.read`."""
        self._request = read_message(body, stream=stream, headers=self._headers)
        return self._request

    def whole(self, answer: bytes) -> bytes:
        """See `Face.whole`."""
        return message_from(answer, self._known())

    def feed(self, chunks: Iterable[bytes]) -> list[bytes]:
        """See `Face.feed`."""
        return self._following().feed(chunks)

    def finish(self) -> list[bytes]:
        """See `Face.finish`."""
        return self._following().finish()

    def failed(self, error: PerpetuoError) -> list[bytes]:
        """See `Face.failed`: whoever carries the stream tells the error."""
        return []

    def _following(self) -> MessageEvents:
        if self._events is None:
            self._events = MessageEvents(self._known())
        return self._events

    def _known(self) -> ChatRequest:
        if self._request is None:
            raise Internal("An answer came before its request was read.")
        return self._request

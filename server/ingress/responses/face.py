"""The Responses face: one request of it, on its way in and back."""

from collections.abc import Iterable, Sequence

from msgspec import Raw

from server.chat.request import ChatRequest
from server.errors import Internal, PerpetuoError
from server.ingress.reading import Members
from server.ingress.responses.answer import response_from
from server.ingress.responses.frame import Frame
from server.ingress.responses.items import input_items
from server.ingress.responses.request import FACE, read_response
from server.ingress.responses.stream import ResponseEvents


class ResponsesFace:
    """See `Face`. `result` is the whole response once it is there, streamed or not."""

    name = FACE

    def __init__(self, response_id: str, history: Sequence[Raw] = ()) -> None:
        """`response_id` is the response's, where a provider gives it none; `history` goes before its input."""
        self.result = b""
        self._id = response_id
        self._history = history
        self._request: ChatRequest | None = None
        self._members: Members = {}
        self._events: ResponseEvents | None = None

    def read(self, body: bytes, *, stream: bool) -> ChatRequest:
        """See `Face.read`."""
        self._request, self._members = read_response(body, stream=stream, history=self._history)
        return self._request

    @property
    def items(self) -> list[Raw]:
        """What was answered: the items that went before, and those of the input."""
        own = self._members.get("input")
        return [*self._history, *([] if own is None else input_items(own))]

    def whole(self, answer: bytes) -> bytes:
        """See `Face.whole`."""
        self.result = response_from(answer, self._known(), self._frame())
        return self.result

    def feed(self, chunks: Iterable[bytes]) -> list[bytes]:
        """See `Face.feed`."""
        return self._following().feed(chunks)

    def finish(self) -> list[bytes]:
        """See `Face.finish`."""
        events = self._following().finish()
        self.result = self._following().result
        return events

    def failed(self, error: PerpetuoError) -> list[bytes]:
        """See `Face.failed`."""
        return [] if self._events is None else self._events.failed(error)

    def _following(self) -> ResponseEvents:
        if self._events is None:
            self._events = ResponseEvents(self._known(), self._frame())
        return self._events

    def _frame(self) -> Frame:
        return Frame(self._id, self._members)

    def _known(self) -> ChatRequest:
        if self._request is None:
            raise Internal("An answer came before its request was read.")
        return self._request

"""The Responses face: one request of it, on its way in and back.

What is kept of earlier responses is looked up and handed in, and what is to be kept of this one is handed out: nothing
is read or written here.
"""

from collections.abc import Iterable, Sequence
from typing import Final

import msgspec
from msgspec import Raw, Struct

from server.chat.request import ChatRequest
from server.errors import Internal, PerpetuoError
from server.ingress.reading import Members
from server.ingress.responses.answer import not_kept, response_from
from server.ingress.responses.frame import Frame
from server.ingress.responses.items import input_items
from server.ingress.responses.request import FACE, read_response
from server.ingress.responses.stream import ResponseEvents


class Wish(msgspec.Struct, frozen=True, gc=False):
    """What a request wants of what is kept."""

    store: bool | None = None
    previous_response_id: str | None = None


_WISH: Final = msgspec.json.Decoder(Wish)
_NO_WISH: Final = Wish()


def wish_of(body: bytes) -> Wish:
    """What a request wants of what is kept; nothing where it cannot be read, which `ResponsesFace.read` tells."""
    try:
        return _WISH.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return _NO_WISH


class Before(Struct, frozen=True):
    """What was looked up for a request: the items that go before its input, or why it is refused.

    `is_redacted` says that nothing may be kept of it that looks like personal data.
    """

    history: Sequence[Raw] = ()
    refusal: PerpetuoError | None = None
    is_redacted: bool = False


NOTHING_BEFORE: Final = Before()


class ResponsesFace:
    """See `Face`. `result` is the whole response once it is there, streamed or not."""

    name = FACE

    def __init__(self, response_id: str, before: Before = NOTHING_BEFORE) -> None:
        """`response_id` is the response's, where a provider gives it none or it is kept."""
        self.id = response_id
        self.result = b""
        self.before = before
        self._request: ChatRequest | None = None
        self._members: Members = {}
        self._events: ResponseEvents | None = None

    def read(self, body: bytes, *, stream: bool) -> ChatRequest:
        """See `Face.read`. Raises the refusal of what was looked up before."""
        if self.before.refusal is not None:
            raise self.before.refusal
        self._request, self._members = read_response(body, stream=stream, history=self.before.history)
        return self._request

    @property
    def is_kept(self) -> bool:
        """Whether the response is to be kept: it is asked for, and there is one."""
        return bool(self.result) and self._frame().is_kept

    @property
    def items(self) -> bytes:
        """What was answered, as a JSON array: the items that went before, and those of the input."""
        own = self._members.get("input")
        return msgspec.json.encode([*self.before.history, *([] if own is None else input_items(own))])

    def without_keeping(self, events: list[bytes], why: str) -> list[bytes]:
        """The end of the answer, where it could not be kept."""
        return [*events[:-1], not_kept(events[-1], why)]

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
        return Frame(self.id, self._members)

    def _known(self) -> ChatRequest:
        if self._request is None:
            raise Internal("An answer came before its request was read.")
        return self._request

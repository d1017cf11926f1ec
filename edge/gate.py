"""Refusals that are written in advance, for the moment when the gateway has more to do than it can.

A model call that cannot be served is answered from here as soon as its head is read, without a task and without reading
its body, so that refusing costs next to nothing of what serving costs; while many are refused, one that came whole is
not even parsed. Whether there is too much to do is for somebody else to say. Everything but model calls goes the usual
way.
"""

from collections.abc import Iterable
from typing import Final, Protocol

from msgspec.structs import replace

from edge import turns
from edge.errors import ErrorCatalogue, headers_of
from edge.ids import ManyIds, new_request_id
from edge.metrics import HttpMetrics
from edge.styles import Style, Styles, error_body
from edge.transcoder.faults import TranscodeError
from edge.unread import Head, plain_post


class Door(turns.Door, Protocol):
    """Says who is let in. `is_shut`: the last one who asked was not."""

    is_shut: bool

    def turn_away(self) -> float | None:
        """The seconds after which one may come again who is refused now; None for who is served.

        Asking counts as coming, or as being refused.
        """


class OpenDoor:
    """There is never too much to do."""

    is_shut: bool = False

    def turn_away(self) -> float | None:
        """Everybody is served."""
        return None

    def defer(self) -> None:
        """Nobody is counted."""

    def resume(self, waited_s: float, *, comes: bool) -> None:
        """Nobody is counted."""


_MODEL_CALLS: Final = b"/v1/"
_METHOD: Final = "POST"
_STATUS: Final = 503
_ROUTE: Final = "shed"
_TEXT: Final = "The gateway has more to do than it can. Try again later."


class Gate:
    """Answers requests that are refused at once."""

    def __init__(self, door: Door, catalogue: ErrorCatalogue, styles: Styles, metrics: HttpMetrics) -> None:
        self.door = door
        self.turns = turns.Turns(door)
        self._catalogue = catalogue
        self._styles = styles
        self._metrics = metrics
        self._ids = ManyIds()
        # What was recognized last: many connections of one client send the same.
        self._latest: Head | None = None
        self._mark = new_request_id().encode()
        self._written: dict[tuple[Style, int, bool], list[bytes]] = {}

    def concerns(self, method: str, raw_path: bytes) -> bool:
        """Whether a request is a model call: all others go the usual way and are never asked about."""
        return method == _METHOD and raw_path.startswith(_MODEL_CALLS)

    def refusal(self, wait_s: float, raw_path: bytes, headers: Iterable[tuple[bytes, bytes]], *, closes: bool) -> bytes:
        """A whole response to a model call that the door has turned away. `closes`: the connection ends."""
        style = self._styles.of(None, raw_path, [name for name, _ in headers])
        return self._refusal(wait_s, style, closes=closes)

    def recognize(self, data: bytes) -> Head | None:
        """The model call that the data are, whole and nothing else; None for everything else."""
        latest = self._latest
        if latest is not None and latest.comes_again(data):
            return latest
        head = plain_post(data)
        if head is None or not head.path.startswith(_MODEL_CALLS):
            return None
        if head.is_small:
            self._latest = head
        return head

    def answer_unread(self, head: Head) -> bytes | None:
        """A whole response to one that was recognized, None where the door does not turn it away.

        The second time for one and the same head it costs less.
        """
        wait_s = self.door.turn_away()
        if wait_s is None:
            return None
        forms = head.form
        if forms is None:
            forms = head.form = {}
        pieces = forms.get(wait_s)
        if pieces is None:
            style = self._styles.of(None, head.path, head)
            pieces = forms[wait_s] = self._pieces(wait_s, style, closes=False)
        self._metrics.answered(_METHOD, _ROUTE, _STATUS, 0.0)
        return self._ids.next().join(pieces)

    def _refusal(self, wait_s: float, style: Style, *, closes: bool) -> bytes:
        self._metrics.answered(_METHOD, _ROUTE, _STATUS, 0.0)
        return self._ids.next().join(self._pieces(wait_s, style, closes=closes))

    def _pieces(self, wait_s: float, style: Style, *, closes: bool) -> list[bytes]:
        """A response without its id: what stands before, between and behind its places."""
        key = style, round(wait_s), closes
        written = self._written.get(key)
        if written is None:
            written = self._written[key] = self._write(*key).split(self._mark)
        return written

    def _write(self, style: Style, wait_s: int, closes: bool) -> bytes:
        """The response with a request id that is to be replaced by another of the same length."""
        refusal = TranscodeError(_TEXT, reason="OVERLOADED", http_status=_STATUS)
        failure = replace(self._catalogue.of_refusal(refusal, self._mark.decode()), retry_after_s=wait_s)
        body = error_body(failure, style)
        headers = [
            *headers_of(failure),
            (b"content-type", b"application/json"),
            (b"x-content-type-options", b"nosniff"),
            (b"content-length", b"%d" % len(body)),
            *([(b"connection", b"close")] if closes else []),
        ]
        lines = b"".join(b"%b: %b\r\n" % header for header in headers)
        return b"HTTP/1.1 503 Service Unavailable\r\n%b\r\n%b" % (lines, body)

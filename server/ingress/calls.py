"""Calls of tools in a stream, sorted: pieces that come mixed go out one call after the other.

The call that goes out is written as it comes. Pieces of a call beside it wait until it is whole, which its JSON tells;
a call that nobody began with a name waits for its name. What is held back goes out in order when the calls are over.
"""

from typing import Final, Protocol

import msgspec
from msgspec import UNSET

from server.ingress.chat_answer import Call, RawMember

_ENDS: Final = ("}", "]", '"', " ", "\n")


class PendingCall:
    """A call so far. `sent` of its arguments' characters have gone out."""

    __slots__ = ("arguments", "extra", "id", "is_custom", "name", "number", "sent")

    def __init__(self, number: int) -> None:
        self.number = number
        self.id = ""
        self.name = ""
        self.arguments = ""
        self.is_custom = False
        self.extra: RawMember = UNSET
        self.sent = 0

    def take(self, call: Call) -> None:
        """Adds a piece."""
        self.id = self.id or call.id or ""
        self.extra = call.extra_content or self.extra
        self.is_custom = self.is_custom or call.custom is not None
        said = call.function or call.custom
        if said is not None:
            self.name = self.name or said.name or ""
            self.arguments += said.arguments or said.input or ""

    def is_whole(self) -> bool:
        """Whether its arguments are; free text of a custom tool never says so."""
        if self.is_custom or not self.arguments.endswith(_ENDS):
            return False
        try:
            msgspec.json.decode(self.arguments)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return False
        return True


class CallWriter(Protocol):
    """Writes calls in the form of a face."""

    def start_call(self, call: PendingCall) -> None:
        """A call begins; its name is known."""

    def call_piece(self, call: PendingCall, piece: str) -> None:
        """More of its arguments."""

    def end_call(self, call: PendingCall) -> None:
        """It is over."""


class CallQueue:
    """The calls of one answer."""

    def __init__(self, writer: CallWriter) -> None:
        self._writer = writer
        self._calls: dict[int, PendingCall] = {}
        self._current: PendingCall | None = None
        self._done: set[int] = set()

    @property
    def has_calls(self) -> bool:
        """Whether any call has gone out whole."""
        return bool(self._done)

    def take(self, piece: Call) -> None:
        """Takes a piece; writes what can be written now."""
        number = self._number(piece)
        call = self._calls.setdefault(number, PendingCall(number))
        call.take(piece)
        if number in self._done:
            return
        if self._current is not None and self._current is not call and self._current.is_whole():
            self._end()
        if self._current is None or self._current is call:
            self._send(call)

    def flush(self) -> None:
        """Ends the call that is going out, and writes every other that waits, in order."""
        self._end()
        for number in sorted(self._calls):
            if number not in self._done and self._calls[number].name:
                self._send(self._calls[number])
                self._end()

    def _number(self, piece: Call) -> int:
        """Which call a piece belongs to: by its index, else a new id begins a new call."""
        if piece.index is not None:
            return piece.index
        last = max(self._calls, default=-1)
        is_new = last < 0 or (bool(piece.id) and self._calls[last].id not in ("", piece.id))
        return last + 1 if is_new else last

    def _send(self, call: PendingCall) -> None:
        if self._current is None:
            if not call.name:
                return
            self._writer.start_call(call)
            self._current = call
        if len(call.arguments) > call.sent:
            piece = call.arguments[call.sent :]
            call.sent = len(call.arguments)
            self._writer.call_piece(call, piece)

    def _end(self) -> None:
        if self._current is not None:
            call, self._current = self._current, None
            self._done.add(call.number)
            self._writer.end_call(call)

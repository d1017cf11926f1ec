"""The head of a request that came before on the same connection, recognized without a parser.

Clients write the same head for every request of a connection, but for the length of the body. A head that is equal byte
for byte to one that the parser took means what that one meant. Learnt is only from the plainest form, of which it is
certain where it ends; everything else goes to the parser each time. Facts: RFC 9112.
"""

from collections.abc import Callable
from typing import Final

from starlette.types import Scope

from edge.cycle import Cycle
from edge.unread import plain_post

_END: Final = b"\r\n\r\n"
_LENGTH: Final = b"\r\ncontent-length:"
_MAX_DIGITS: Final = 9


class KnownHead:
    """A head around the length of the body, and the request that came with it first."""

    __slots__ = ("_after", "_before", "_first", "_scope")

    def __init__(self, before: bytes, after: bytes, first: Cycle) -> None:
        self._before = before
        self._after = after
        self._first = first
        # What stands before the application may change the scope that it is given.
        self._scope = _copied(first.scope)

    def next(self, data: bytes, on_response: Callable[[], None]) -> Cycle | None:
        """The request that the data are, if it has this head: for the lane that takes its body, if one does."""
        body = self.body_in(data)
        if body is None:
            return None
        first, lanes, scope = self._first, self._first.lanes, self._scope
        lane = None if lanes is None else lanes.of(body)
        if lane is None:
            scope = _copied(scope)
        cycle = Cycle(scope, first.transport, first.flow, on_response, keep_alive=True, expect_100_continue=False)
        cycle.body, cycle.more_body, cycle.lane = body, False, lane
        if lane is None:
            cycle.tell()
            self._first = cycle if lanes is None else first
        return cycle

    def body_in(self, data: bytes) -> bytes | None:
        """The body of the one request with this head that the data are, whole and nothing else; None otherwise."""
        before = self._before
        if not data.startswith(before):
            return None
        start = len(before)
        end = data.find(b"\r", start, start + _MAX_DIGITS + 1)
        if not data.startswith(self._after, end):
            return None
        digits, body = data[start:end], data[end + len(self._after) :]
        return body if digits.isdigit() and int(digits) == len(body) else None


def known_head(data: bytes, cycle: Cycle) -> KnownHead | None:
    """The head of the request that the data were, which the parser has taken as one; None if that is not certain."""
    if plain_post(data) is None:
        return None
    head_end = data.find(_END) + len(_END)
    at = data.lower().find(_LENGTH, 0, head_end) + len(_LENGTH)
    while data[at : at + 1] in (b" ", b"\t"):
        at += 1
    return KnownHead(data[:at], data[data.find(b"\r", at) : head_end], cycle)


def _copied(scope: Scope) -> Scope:
    return {**scope, "headers": scope["headers"].copy(), "state": scope["state"].copy()}

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
    """A head around the length of the body, and the request that came with it first.

    `is_gated` is for who made it to note: whether requests with this head are asked for at the gate. `due_bytes` is the
    length that the last head told.
    """

    __slots__ = (
        "_after",
        "_before",
        "_behind",
        "_body_at",
        "_digits",
        "_due_digits",
        "_first",
        "_head",
        "_scope",
        "_spare",
        "due_bytes",
        "is_gated",
    )

    def __init__(self, before: bytes, after: bytes, first: Cycle) -> None:
        self._before = before
        self._after = after
        self._first = first
        self._spare: Cycle | None = None
        self.is_gated = False
        self._head = slice(len(before))
        # Where the length was last, and what was behind it: mostly the next one has as many digits.
        self._digits = self._behind = self._body_at = slice(0)
        self._due_digits, self.due_bytes = b"0", 0
        # What stands before the application may change the scope that it is given.
        self._scope = _copied(first.scope)

    def next(self, body: bytes, on_response: Callable[[], None]) -> Cycle:
        """The next request with this head and that body: for the lane that takes it, if one does."""
        lanes = self._first.lanes
        lane = None if lanes is None else lanes.of(body)
        if lane is None:
            cycle = self._cycle(_copied(self._scope), body, on_response)
            cycle.tell()
            if lanes is None:
                self._first = cycle
            return cycle
        spare = self._spare
        if spare is None or not spare.is_spare:
            spare = self._spare = self._cycle(self._scope, body, on_response)
            spare.lane = lane
        else:
            spare.renew(lane, body)
        return spare

    def _cycle(self, scope: Scope, body: bytes, on_response: Callable[[], None]) -> Cycle:
        first = self._first
        cycle = Cycle(scope, first.transport, first.flow, on_response, keep_alive=True, expect_100_continue=False)
        cycle.body, cycle.more_body = body, False
        return cycle

    def body_in(self, data: bytes) -> bytes | None:
        """The body of the one request with this head that the data are, whole and nothing else; None otherwise.

        Empty where they are this head alone: then `due_bytes` of its body are to come.
        """
        if data[self._head] != self._before:
            return None
        if data[self._behind] != self._after and not self._find_length(data):
            return None
        digits, body = data[self._digits], data[self._body_at]
        if digits != self._due_digits:
            if not digits.isdigit():
                return None
            self._due_digits, self.due_bytes = digits, int(digits)
        return body if not body or len(body) == self.due_bytes else None

    def _find_length(self, data: bytes) -> bool:
        """Notes where the length of these data is, and what is behind it; False where nothing known is behind it."""
        start, after = len(self._before), self._after
        end = data.find(b"\r", start, start + _MAX_DIGITS + 1)
        if not data.startswith(after, end):
            return False
        self._digits, self._behind = slice(start, end), slice(end, end + len(after))
        self._body_at = slice(end + len(after), None)
        return True


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

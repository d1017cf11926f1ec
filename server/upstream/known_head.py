"""An answer whose head is like those before it on the same connection, recognized without a parser.

An upstream sends the same headers with each answer, with other values. A head of the same names in the same order means
what those meant that the parser took: of what says where an answer ends, the length alone may differ. Learnt is only
from the plainest form, of which it is certain where it ends; everything else goes to the parser each time. It must not
know connections. Facts: RFC 9112.
"""

import re
from collections.abc import Callable
from typing import Final, Protocol

from msgspec import Struct

from server.upstream.head import Head, Names

MAX_KNOWN_BYTES: Final = 4 * 1024
"""The longest head that is learnt."""

_STATUS: Final = 200
_STATUS_LINE: Final = b"HTTP/1.1 200 "
_END: Final = b"\r\n\r\n"
_LENGTH: Final = b"content-length"
# What says where an answer ends, whether another may follow, and what the body is: they have to be the same.
_FIXED: Final = frozenset({b"connection", b"proxy-connection", b"content-type"})
_REFUSED: Final = frozenset({b"transfer-encoding", b"content-encoding", b"upgrade", b"trailer"})
# The parser takes no control characters but tabs, and leaves out blanks before a value.
_VALUE: Final = rb"[!-~\x80-\xff][\t -~\x80-\xff]*"
_DIGITS: Final = rb"[1-9][0-9]{0,6}"


class Taker(Protocol):
    """An answer on its way."""

    def come_whole(self, status: int, headers: Head, body: bytes) -> bool:
        """Takes it, unless something has come of it before, or it has ended."""


class KnownHead(Struct, frozen=True, eq=False):
    """The form of a head, all of which have one status.

    `find` finds the values of `names` in an answer and its body behind them, if the answer has this form: of these,
    the length stands at `length_at` and the body at `body_at`.
    """

    find: Callable[[bytes], re.Match[bytes] | None]
    names: Names
    kind: str
    length_at: int
    body_at: int
    status: int = _STATUS

    def brings(self, data: bytes, answer: Taker) -> bool:
        """Gives the one answer that the data are, whole and nothing else; False: they are not, and nothing was done."""
        found = self.find(data)
        if found is None:
            return False
        length, body = found.group(self.length_at, self.body_at)
        return int(length) == len(body) and answer.come_whole(self.status, Head(self.names, found, self.kind), body)


def known_head(data: bytes, head: Head) -> KnownHead | None:
    """The head of the answer that the data were, which the parser has taken as `head`; None if that is not certain."""
    end = data.find(_END, 0, MAX_KNOWN_BYTES)
    if end < 0 or not data.startswith(_STATUS_LINE):
        return None
    first, *lines = data[:end].split(b"\r\n")
    parts, names = [re.escape(first)], []
    for line in lines:
        name, _, rest = line.partition(b":")
        if name.lower() in _REFUSED:
            return None
        value = rest.lstrip(b" \t")
        parts.append(re.escape(line[: len(line) - len(value)]) + _pattern(name, value, is_first=name not in names))
        if name not in names:
            names.append(name)
    shown = [name.lower() for name in names]
    if tuple(names) != head.names.raw or _LENGTH not in shown:
        return None
    form = re.compile(b"\r\n".join(parts) + rb"\r\n\r\n(?s:(.*))")
    known = KnownHead(form.fullmatch, head.names, head.kind, shown.index(_LENGTH) + 1, len(names) + 1)
    body, found = data[end + len(_END) :], known.find(data)
    if found is None or found.groups() != (*head.values_as_they_came, body):
        return None
    return known if int(found.group(known.length_at)) == len(body) else None


def _pattern(name: bytes, value: bytes, *, is_first: bool) -> bytes:
    """What values of a header have to be like; of those that are repeated the first is found."""
    shown = name.lower()
    allowed = _DIGITS if shown == _LENGTH else re.escape(value) if shown in _FIXED else _VALUE
    return b"(%b)" % allowed if is_first else b"(?:%b)" % allowed

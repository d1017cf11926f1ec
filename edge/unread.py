"""Recognizes a request that came whole, in one piece of data and in the plainest form, without a parser.

For refusals when there is no time for more. What is not recognized goes to the parser; nothing is believed of a request
here but where it ends. It must not be used for requests that are served. Facts: RFC 9112.
"""

import re
from collections.abc import Container
from typing import Final

_START: Final = b"POST /"
_VERSION: Final = b" HTTP/1.1"
_END: Final = b"\r\n\r\n"
_LENGTH: Final = b"\r\ncontent-length:"
_LENGTH_NAME: Final = b"content-length"
_OTHERWISE: Final = re.compile(rb"\r\n(?:[ \t]|connection(?!: keep-alive\r)|transfer-encoding|expect|upgrade)")
"""Another way to say where the request or the connection ends, or a line that goes on."""

_MAX_HEAD_BYTES: Final = 16 * 1024
_MAX_KEPT_BYTES: Final = 2 * 1024
_MAX_DIGITS: Final = 9


class Head(Container[bytes]):
    """The path of a request, without its query, and which headers it has, by name in lower case.

    `form` is left here by who answers it, for what comes again.
    """

    __slots__ = ("_head", "_lines", "_size_bytes", "_text", "form", "path")

    def __init__(self, path: bytes, lines: bytes, text: bytes, size_bytes: int) -> None:
        self.path = path
        self.form: dict[float, list[bytes]] | None = None
        self._lines = lines
        self._text = text
        self._head = slice(len(text))
        self._size_bytes = size_bytes

    @property
    def is_small(self) -> bool:
        """Whether it may be kept for what comes again."""
        return len(self._text) <= _MAX_KEPT_BYTES

    def comes_again(self, data: bytes) -> bool:
        """Whether the data are a request with this very head, and with a body as long: then they end where it did."""
        return len(data) == self._size_bytes and data[self._head] == self._text

    def __contains__(self, name: object) -> bool:
        return isinstance(name, bytes) and b"\r\n%b:" % name in self._lines


def plain_post(data: bytes) -> Head | None:
    """The head of the one POST that the data are from their first byte to their last; None if that is not certain."""
    if not data.startswith(_START):
        return None
    line_end = data.find(b"\r\n", 0, _MAX_HEAD_BYTES)
    head_end = data.find(_END, line_end, _MAX_HEAD_BYTES) if line_end > 0 else -1
    if head_end < 0 or not data.startswith(_VERSION, line_end - len(_VERSION)):
        return None
    lines = data[line_end : head_end + 2].lower()
    if not _ends_at(lines, len(data) - head_end - len(_END)):
        return None
    path = data[len(_START) - 1 : line_end - len(_VERSION)]
    if b" " in path or b"\n" in path:
        return None
    return Head(path.partition(b"?")[0], lines, data[: head_end + len(_END)], len(data))


def _ends_at(lines: bytes, body_bytes: int) -> bool:
    """Whether these headers say, in the only way in which they may, that the body has so many bytes."""
    if _OTHERWISE.search(lines):
        return False
    breaks = lines.count(b"\r\n")
    at = lines.find(_LENGTH)
    if at < 0 or lines.count(_LENGTH_NAME) != 1 or lines.count(b"\n") != breaks or lines.count(b"\r") != breaks:
        return False
    digits = lines[at + len(_LENGTH) : lines.find(b"\r\n", at + 2)].strip(b" \t")
    return len(digits) <= _MAX_DIGITS and digits.isdigit() and int(digits) == body_bytes

"""Percent-decoding, strictly: an escape that is not two hex digits, or bytes that are not UTF-8, are errors.

Facts: RFC 3986 section 2.1, and google/api/http.proto on which escapes a multi-segment variable keeps.
"""

from typing import Final

_HEX_DIGITS: Final = "0123456789ABCDEFabcdef"
_BYTE_OF_ESCAPE: Final = {high + low: int(high + low, 16) for high in _HEX_DIGITS for low in _HEX_DIGITS}
_SLASH: Final = 0x2F


class MalformedEscapeError(ValueError):
    """Text with a broken percent escape, or whose decoded bytes are not UTF-8."""


def decode(text: str, *, keep_slash: bool = False) -> str:
    """Decodes every percent escape in `text`; with `keep_slash`, `%2F` and `%2f` stay as they were written.

    Raises:
        MalformedEscapeError: a broken escape, or bytes that are not UTF-8.
    """
    if "%" not in text:
        return text
    first, *pieces = text.split("%")
    out = bytearray(first.encode())
    for piece in pieces:
        escape = piece[:2]
        byte = _BYTE_OF_ESCAPE.get(escape)
        if byte is None:
            raise MalformedEscapeError(f"'%{escape}' is not a percent escape")
        if keep_slash and byte == _SLASH:
            out += b"%" + escape.encode()
        else:
            out.append(byte)
        out += piece[2:].encode()
    try:
        return out.decode()
    except UnicodeDecodeError as error:
        raise MalformedEscapeError("percent escapes that do not form UTF-8 text") from error

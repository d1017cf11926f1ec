"""Answers whose bytes are no text that JSON can hold, made readable: U+FFFD stands for what is not. Pure.

Two things occur: bytes that are not UTF-8, and halves of surrogate pairs, escaped, which servers write that cut a
character between two tokens. Neither can reach a client of the typed face, nor most readers of JSON.
"""

import re
from typing import Final

REPLACED: Final = "The provider sent bytes that are not UTF-8; they were replaced."
HALVED: Final = "The provider sent halves of characters, which are not UTF-8 either; they were replaced."

# Every escape, so that the u behind an escaped backslash is not taken for one: a high half and its low one if it has
# one, a low half alone, any other.
_ESCAPE: Final = re.compile(
    rb"\\(?:u(?P<high>[dD][89aAbB][0-9a-fA-F]{2})(?P<pair>\\u[dD][c-fC-F][0-9a-fA-F]{2})?"
    rb"|u(?P<low>[dD][c-fC-F][0-9a-fA-F]{2})|.)",
    re.DOTALL,
)


def in_utf8(data: bytes) -> bytes:
    """The same bytes if they are UTF-8, else with U+FFFD for what is not."""
    try:
        data.decode()
    except UnicodeDecodeError:
        return data.decode("utf-8", "replace").encode()
    return data


def with_whole_characters(data: bytes) -> bytes:
    """The same bytes if no surrogate stands alone, else with U+FFFD for each that does."""
    if b"\\ud" not in data and b"\\uD" not in data:
        return data
    mended = _ESCAPE.sub(_whole, data)
    return data if mended == data else mended


def _whole(found: re.Match[bytes]) -> bytes:
    is_lone = found["low"] is not None or (found["high"] is not None and found["pair"] is None)
    return b"\\ufffd" if is_lone else found[0]

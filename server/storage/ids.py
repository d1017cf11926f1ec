"""Opaque, sortable, prefixed ids: `usr_`, `ws_`, `prov_`, `key_`, `req_` and the like.

The body is 128 bits in the layout of UUID version 7 (RFC 9562: 48 bits of Unix milliseconds, then version, variant and
74 random bits), written in 26 characters of lower-case Crockford base32, so that ids sort by the time they were made.
"""

import os
import time

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_PAIRS = tuple(high + low for high in _ALPHABET for low in _ALPHABET)
_MAX_ID_CHARS = 64


def new_id(prefix: str) -> str:
    """Makes an id: `prefix` (with its underscore) and 26 characters."""
    random = int.from_bytes(os.urandom(10), "big")
    high = (time.time_ns() // 1_000_000) << 16 | 0x7000 | random >> 68
    number = high << 64 | 0x2 << 62 | random & 0x3FFF_FFFF_FFFF_FFFF
    return prefix + "".join([_PAIRS[number >> shift & 1023] for shift in range(120, -1, -10)])


def is_id(text: str, prefix: str) -> bool:
    """Says whether `text` could be an id of that prefix: a cheap check before a look-up, not a proof that it exists."""
    return text.startswith(prefix) and len(text) <= _MAX_ID_CHARS and text.isascii() and text.isprintable()

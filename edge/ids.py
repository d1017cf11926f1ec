"""Request ids for answers that never reached the core: sortable by time, opaque otherwise.

Layout as UUID version 7 (RFC 9562): 48 bits of milliseconds since 1970, then random bits around version and variant.
They are no secrets: the bits come from a generator that the system's randomness seeds, and cost no call of the kernel.
"""

import random
import time

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_PAIRS = tuple(high + low for high in _ALPHABET for low in _ALPHABET)
_SHIFTS = tuple(range(120, -1, -10))
_LAST_PAIRS = tuple(pair.encode() for pair in _PAIRS)
_STEM_NS = 10_000_000


def new_request_id() -> str:
    """`req_` and 26 characters of Crockford's base32, in lower case."""
    return request_id(time.time_ns() // 1_000_000, random.getrandbits(80))


class ManyIds:
    """Ids for those of whom many come: they share all but the last ten bits for 10 ms, or until these are used up."""

    __slots__ = ("_made_at", "_stem", "_used")

    def __init__(self) -> None:
        self._stem = b""
        self._made_at = -1
        self._used = 0

    def next(self) -> bytes:
        """The same as `new_request_id`, as bytes."""
        used, made_at = self._used, time.time_ns() // _STEM_NS
        if made_at != self._made_at or used == len(_LAST_PAIRS):
            self._stem, self._made_at, used = new_request_id()[:-2].encode(), made_at, 0
        self._used = used + 1
        return self._stem + _LAST_PAIRS[used]


def request_id(unix_ms: int, randomness: int) -> str:
    """The id of a moment and 80 random bits, of which six give way to version and variant."""
    low = randomness & (1 << 62) - 1 | 0b10 << 62
    middle = (randomness >> 64) & 0x0FFF | 0x7000
    number = (unix_ms & (1 << 48) - 1) << 80 | middle << 64 | low
    pairs = _PAIRS
    return "req_" + "".join([pairs[number >> shift & 1023] for shift in _SHIFTS])

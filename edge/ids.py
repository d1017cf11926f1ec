"""Request ids for answers that never reached the core: sortable by time, opaque otherwise.

Layout as UUID version 7 (RFC 9562): 48 bits of milliseconds since 1970, then random bits around version and variant.
They are no secrets: the bits come from a generator that the system's randomness seeds, and cost no call of the kernel.
"""

import random
import time

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_PAIRS = tuple(high + low for high in _ALPHABET for low in _ALPHABET)
_SHIFTS = tuple(range(120, -1, -10))


def new_request_id() -> str:
    """`req_` and 26 characters of Crockford's base32, in lower case."""
    return request_id(time.time_ns() // 1_000_000, random.getrandbits(80))


def request_id(unix_ms: int, randomness: int) -> str:
    """The id of a moment and 80 random bits, of which six give way to version and variant."""
    low = randomness & (1 << 62) - 1 | 0b10 << 62
    middle = (randomness >> 64) & 0x0FFF | 0x7000
    number = (unix_ms & (1 << 48) - 1) << 80 | middle << 64 | low
    pairs = _PAIRS
    return "req_" + "".join([pairs[number >> shift & 1023] for shift in _SHIFTS])

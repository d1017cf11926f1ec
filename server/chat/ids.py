"""Opaque, sortable, prefixed ids: `req_`, `chatcmpl-` and the like.

The body is 128 bits in the layout of UUID version 7 (RFC 9562: 48 bits of Unix milliseconds, version, 12 bits of the
fraction of the millisecond, variant, 62 random bits), written in 26 characters of lower-case Crockford base32, so that
ids sort by the time they were made, to a quarter of a microsecond. They are not secrets: the random bits come from a
generator that the system's randomness seeds, and cost no call into the kernel.
"""

import random
import time
from collections.abc import Callable

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_PAIRS = tuple(high + low for high in _ALPHABET for low in _ALPHABET)
_SHIFTS = tuple(range(120, -1, -10))
_NS_PER_MS = 1_000_000
_RANDOM_BYTES = 8
_RANDOM_MASK = (1 << 62) - 1


def new_id(
    prefix: str,
    *,
    now_ns: Callable[[], int] = time.time_ns,
    random_bytes: Callable[[int], bytes] = random.randbytes,
) -> str:
    """Makes an id: `prefix`, with its own separator, and 26 characters.

    `now_ns` gives nanoseconds since 1970, `random_bytes` as many random bytes as it is asked for.
    """
    milliseconds, rest_ns = divmod(now_ns(), _NS_PER_MS)
    high = milliseconds << 16 | 0x7000 | (rest_ns << 12) // _NS_PER_MS
    low = 0x2 << 62 | int.from_bytes(random_bytes(_RANDOM_BYTES), "big") & _RANDOM_MASK
    number = high << 64 | low
    return prefix + "".join([_PAIRS[number >> shift & 1023] for shift in _SHIFTS])

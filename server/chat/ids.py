"""Opaque, sortable, prefixed ids: `req_`, `chatcmpl-` and the like.

The body is 128 bits in the layout of UUID version 7 (RFC 9562: 48 bits of Unix milliseconds, version, 12 bits of the
fraction of the millisecond, variant, 62 random bits), written in 26 characters of lower-case Crockford base32, so that
ids sort by the time they were made, to a quarter of a microsecond. They are not secrets: the random bits come from a
generator that the system's randomness seeds, and cost no call into the kernel.
"""

import random
import time
from collections.abc import Callable

ID_PREFIX = "chatcmpl-"
"""How ids of chat completions begin."""

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_PAIRS = tuple(high + low for high in _ALPHABET for low in _ALPHABET)
_CHARS = 26
_NS_PER_MS = 1_000_000
_RANDOM_BITS = 62


def new_id(
    prefix: str,
    *,
    now_ns: Callable[[], int] = time.time_ns,
    random_bits: Callable[[int], int] = random.getrandbits,
) -> str:
    """Makes an id: `prefix`, with its own separator, and 26 characters.

    `now_ns` gives nanoseconds since 1970, `random_bits` a number of as many random bits as it is asked for.
    """
    milliseconds, rest_ns = divmod(now_ns(), _NS_PER_MS)
    high = milliseconds << 16 | 0x7000 | (rest_ns << 12) // _NS_PER_MS
    low = 0x2 << 62 | random_bits(_RANDOM_BITS)
    # Written out, because it runs for every request: thirteen steps of ten bits, in halves of 58 and of 70 bits.
    upper, lower, pairs = high >> 6, (high & 63) << 64 | low, _PAIRS
    return (
        f"{prefix}{pairs[upper >> 50]}{pairs[upper >> 40 & 1023]}{pairs[upper >> 30 & 1023]}{pairs[upper >> 20 & 1023]}"
        f"{pairs[upper >> 10 & 1023]}{pairs[upper & 1023]}{pairs[lower >> 60 & 1023]}{pairs[lower >> 50 & 1023]}"
        f"{pairs[lower >> 40 & 1023]}{pairs[lower >> 30 & 1023]}{pairs[lower >> 20 & 1023]}{pairs[lower >> 10 & 1023]}"
        f"{pairs[lower & 1023]}"
    )


def same_id(prefix: str, other: str) -> str:
    """The id of another kind for the same thing: what an id ends with behind another prefix. It costs no new one."""
    return prefix + other[-_CHARS:]

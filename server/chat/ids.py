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
# By the last five bits of a byte.
_RANDOM_CHARS = _ALPHABET.encode() * 8
_TAIL_CHARS = 12
_TAILS_AT_ONCE = 64


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


class Ids:
    """Makes ids of one kind as `new_id` does, one for every request; what many of them need is made for all at once."""

    __slots__ = ("_now_ns", "_prefix", "_random_bytes", "_start", "_start_of", "_tails")

    def __init__(
        self,
        prefix: str,
        *,
        now_ns: Callable[[], int] = time.time_ns,
        random_bytes: Callable[[int], bytes] = random.randbytes,
    ) -> None:
        """`now_ns` gives nanoseconds since 1970, `random_bytes` as many as it is asked for."""
        self._prefix = prefix
        self._now_ns = now_ns
        self._random_bytes = random_bytes
        # The text of all but the last ten bits of the milliseconds, which stays for a second.
        self._start, self._start_of = "", -1
        self._tails: list[tuple[int, str]] = []

    def next(self) -> str:
        """Makes an id."""
        milliseconds, rest_ns = divmod(self._now_ns(), _NS_PER_MS)
        if milliseconds >> 10 != self._start_of:
            self._turn(milliseconds >> 10)
        bits, tail = (self._tails or self._more()).pop()
        fraction, pairs = (rest_ns << 12) // _NS_PER_MS, _PAIRS
        return (
            f"{self._start}{pairs[milliseconds & 1023]}{pairs[0x1C0 | fraction >> 6]}"
            f"{pairs[(fraction & 63) << 4 | bits]}{tail}"
        )

    def _turn(self, start_of: int) -> None:
        pairs = _PAIRS
        start = f"{pairs[start_of >> 30]}{pairs[start_of >> 20 & 1023]}{pairs[start_of >> 10 & 1023]}"
        self._start, self._start_of = f"{self._prefix}{start}{pairs[start_of & 1023]}", start_of

    def _more(self) -> list[tuple[int, str]]:
        """The ends of ids to come: the variant with two random bits, and sixty random bits as text."""
        step = _TAIL_CHARS + 1
        raw = self._random_bytes(step * _TAILS_AT_ONCE)
        text = raw.translate(_RANDOM_CHARS).decode()
        tails = [(0x8 | raw[at] & 3, text[at + 1 : at + step]) for at in range(0, len(raw), step)]
        self._tails = tails
        return tails


def same_id(prefix: str, other: str) -> str:
    """The id of another kind for the same thing: what an id ends with behind another prefix. It costs no new one."""
    return prefix + other[-_CHARS:]

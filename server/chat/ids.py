"""Opaque, sortable, prefixed ids: `req_`, `chatcmpl-` and the like.

The body is 128 bits in the layout of UUID version 7 (RFC 9562: 48 bits of Unix milliseconds, version, 12 bits of the
fraction of the millisecond, variant, 62 random bits), written in 26 characters of lower-case Crockford base32, so that
ids sort by the time they were made, to a quarter of a microsecond. They are not secrets: the random bits come from a
generator that the system's randomness seeds, and cost no call into the kernel.
"""

import random
import time
from collections.abc import Callable
from operator import itemgetter

ID_PREFIX = "chatcmpl-"
"""How ids of chat completions begin."""

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_PAIRS = tuple(high + low for high in _ALPHABET for low in _ALPHABET)
_CHARS = 26
_NS_PER_MS = 1_000_000
_RANDOM_BITS = 62
# What ids of many share: 1,024 milliseconds, whose ticks are the 4,096th parts of each.
_SPAN_MS = 1_024
_SPAN_NS = _SPAN_MS * _NS_PER_MS
_LEAST_TICKS, _LEAST_NS = 64, 15_625  # 4,096 ticks to a million nanoseconds, reduced
# The version with the upper half of a tick within its millisecond, and by the variant and the two random bits behind
# it, given as a byte of chance, what stands there with its lower half.
_UPPER = _PAIRS[0x1C0:0x200]
_LOWER = tuple([_PAIRS[0x8 | bits :: 16] for bits in range(4)]) * 64
# By the last five bits of a byte.
_RANDOM_CHARS = _ALPHABET.encode() * 8
_TAIL_CHARS = 12
_TAILS_AT_ONCE = 64
_cut = itemgetter(*[slice(at, at + _TAIL_CHARS) for at in range(0, _TAIL_CHARS * _TAILS_AT_ONCE, _TAIL_CHARS)])


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

    __slots__ = ("_now_ns", "_prefix", "_random_bytes", "_start", "_start_ns", "_tails")

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
        # The text of all but the last ten bits of the milliseconds, and since when it is that: it stays for a second.
        self._start, self._start_ns = "", -_SPAN_NS
        self._tails: list[tuple[tuple[str, ...], str]] = []

    def next(self) -> str:
        """Makes an id."""
        now_ns = self._now_ns  # loaded first: a call of what a member holds is slow otherwise
        rest_ns = now_ns() - self._start_ns
        if not 0 <= rest_ns < _SPAN_NS:
            rest_ns = self._turn(rest_ns + self._start_ns)
        ticks = rest_ns * _LEAST_TICKS // _LEAST_NS
        lower, tail = (self._tails or self._more()).pop()
        return f"{self._start}{_PAIRS[ticks >> 12]}{_UPPER[ticks >> 6 & 63]}{lower[ticks & 63]}{tail}"

    def _turn(self, now_ns: int) -> int:
        """Begins another second, and gives how much of it is over."""
        start_of, rest_ns = divmod(now_ns, _SPAN_NS)
        pairs = _PAIRS
        start = f"{pairs[start_of >> 30]}{pairs[start_of >> 20 & 1023]}{pairs[start_of >> 10 & 1023]}"
        self._start, self._start_ns = f"{self._prefix}{start}{pairs[start_of & 1023]}", now_ns - rest_ns
        return rest_ns

    def _more(self) -> list[tuple[tuple[str, ...], str]]:
        """The ends of ids to come: the variant with two random bits, and sixty random bits as text."""
        raw = self._random_bytes((1 + _TAIL_CHARS) * _TAILS_AT_ONCE)
        text = raw[_TAILS_AT_ONCE:].translate(_RANDOM_CHARS).decode()
        lower = itemgetter(*raw[:_TAILS_AT_ONCE])(_LOWER)
        tails = self._tails = list(zip(lower, _cut(text), strict=True))
        return tails


def same_id(prefix: str, other: str) -> str:
    """The id of another kind for the same thing: what an id ends with behind another prefix. It costs no new one."""
    return prefix + other[-_CHARS:]

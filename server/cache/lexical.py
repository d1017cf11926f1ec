"""A vector of a text without a model: its character trigrams, hashed. It tells near-duplicates, and no meanings.

Pure, and the same in every process.
"""

from array import array
from math import sqrt
from typing import Final
from zlib import crc32

from server.cache.wording import Wording

NAME: Final = "lexical"
LENGTH: Final = 256

_WORDS: Final = 4.0
_COURTESY: Final = 1.0
_GRAM: Final = 3


def lexical_vector(wording: Wording) -> "array[float]":
    """256 numbers of length 1; greetings and thanks count a quarter. Without any words all of them are 0."""
    sums = [0.0] * LENGTH
    _add(sums, wording.words, _WORDS)
    _add(sums, wording.courtesy, _COURTESY)
    return unit(sums)


def unit(numbers: "list[float] | array[float]") -> "array[float]":
    """The vector with the length 1; the zero vector, and what has no finite length, as zeros."""
    length = sqrt(sum(number * number for number in numbers))
    if not 0.0 < length < float("inf"):
        return array("f", bytes(4 * len(numbers)))
    return array("f", [number / length for number in numbers])


def _add(sums: list[float], words: tuple[str, ...], weight: float) -> None:
    if not words:
        return
    text = f" {' '.join(words)} "
    for at in range(len(text) - _GRAM + 1):
        hashed = crc32(text[at : at + _GRAM].encode("utf-8", "surrogatepass"))
        sums[hashed % LENGTH] += weight if hashed & 0x80000000 else -weight

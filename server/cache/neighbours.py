"""Which kept answer was made for a turn that is like this one: a small index for each scope, looked through as a whole.

A scope is all of a request but the text of its last turn, in one workspace; nothing leads from one to another. The
index names answers and holds none: one that is gone or too old is not found. Time is an argument.
"""

from array import array
from collections.abc import Callable
from operator import mul
from typing import Final, NamedTuple

from msgspec import Struct

from server.cache.kept import KeptAnswer
from server.cache.shelves import Place, Shelves

MOST: Final = 256
"""Turns that are known of one scope; the oldest go first."""

_TRIED: Final = 8
_ENTRY_BYTES: Final = 512
_NUMBER_BYTES: Final = 4
_DIGITS: Final = 4


class Turn(NamedTuple):
    """What is compared of a turn: `marks` must be equal, `vector`, of length 1, near. `bits` are the vector's signs."""

    marks: bytes
    vector: "array[float]"
    bits: int

    @property
    def size_bytes(self) -> int:
        """What it takes in memory, roughly."""
        return _ENTRY_BYTES + _NUMBER_BYTES * len(self.vector) + len(self.vector) // 8


class Match(NamedTuple):
    """An answer that was made for another request: its likeness, from 0 to 1 in 4 digits, and that request's id."""

    answer: KeptAnswer
    similarity: float
    source: str


class _Known(NamedTuple):
    turn: Turn
    source: str


AnswerOf = Callable[[bytes], KeptAnswer | None]
"""The kept answer to the request of a fingerprint."""


def turn_of(marks: bytes, vector: "array[float]") -> Turn:
    """A turn by its marks and its vector, which is of length 1."""
    return Turn(marks, vector, int("1" + "".join("1" if number > 0 else "0" for number in vector), 2))


class Neighbours:
    """The turns of all scopes, in at most `max_bytes`, and each for `ttl_s` seconds after the newest of its scope."""

    def __init__(self, max_bytes: int, ttl_s: float) -> None:
        self._shelves: Shelves[dict[bytes, _Known]] = Shelves(max_bytes, ttl_s)

    @property
    def size_bytes(self) -> int:
        """What it takes in memory, roughly."""
        return self._shelves.size_bytes

    def keep(self, scope: Place, turn: Turn, key: bytes, source: str, now_s: float) -> None:
        """Notes that the answer to the request of the fingerprint `key`, with the id `source`, was kept."""
        known = self._shelves.find(scope, now_s, float("inf")) or {}
        known.pop(key, None)
        known[key] = _Known(turn, source)
        size_bytes = sum(each.turn.size_bytes for each in known.values())
        while len(known) > MOST or (size_bytes > self._shelves.largest_bytes and len(known) > 1):
            oldest = known.pop(next(iter(known)))
            size_bytes -= oldest.turn.size_bytes
        self._shelves.put(scope, known, size_bytes, now_s)

    def find(self, scope: Place, turn: Turn, least: float, answer_of: AnswerOf, now_s: float) -> Match | None:
        """The most similar turn of the scope whose answer is kept, if it is at least as similar as `least`."""
        known = self._shelves.find(scope, now_s, float("inf"))
        if not known:
            return None
        alike = [
            ((each.turn.bits ^ turn.bits).bit_count(), key)
            for key, each in known.items()
            if each.turn.marks == turn.marks and len(each.turn.vector) == len(turn.vector)
        ]
        # By their signs the nearest few are found fast; only these are compared number by number.
        alike.sort()
        near = [(_similarity(known[key].turn, turn), key) for _, key in alike[:_TRIED]]
        near.sort(reverse=True)
        for similarity, key in near:
            if similarity < least:
                return None
            if (answer := answer_of(key)) is not None:
                return Match(answer, similarity, known[key].source)
        return None


class Likeness(Struct, frozen=True):
    """What a request is compared by: its last turn, among those of its scope at `place`, from a likeness of `least` on.

    `request_id` is its own id.
    """

    index: Neighbours
    place: Place
    turn: Turn
    least: float
    request_id: str


def _similarity(one: Turn, other: Turn) -> float:
    product: float = sum(map(mul, one.vector, other.vector))
    return round(min(1.0, max(0.0, product)), _DIGITS)

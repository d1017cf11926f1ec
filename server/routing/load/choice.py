"""The power of two choices: of two equals that the draw put first, the one with less to do is asked first. Pure.

Looking at two is almost as good as looking at all, and does not send everybody to the same one at the same moment. The
draw stays what it is for the weights: only entries of the same weight are compared.
"""

from collections.abc import Callable, Sequence
from typing import TypeVar

T = TypeVar("T")

EntryOf = Callable[[T], str]
WeightOf = Callable[[T], int]
LoadOf = Callable[[T], float]


def two_choices(equals: Sequence[T], entry_of: EntryOf[T], weight_of: WeightOf[T], load_of: LoadOf[T]) -> list[T]:
    """Candidates that are equal but for the draw, in its order, with the less loaded of the first two entries first.

    An entry's candidates stay in their order; its first one counts. The two change places, all others stay.
    """
    order = list(equals)
    first, weight = entry_of(order[0]), weight_of(order[0])
    rival = next((item for item in order if entry_of(item) != first and weight_of(item) == weight), None)
    if rival is None or load_of(order[0]) <= load_of(rival):
        return order
    second = entry_of(rival)
    places = [place for place, item in enumerate(order) if entry_of(item) in {first, second}]
    moved = [item for item in order if entry_of(item) == second] + [item for item in order if entry_of(item) == first]
    for place, item in zip(places, moved, strict=True):
        order[place] = item
    return order

"""Counts of the gateway by name and labels, cheap enough for every request: plain numbers in plain dictionaries.

Nothing here is locked, so everything that counts lives on one event loop. Each family has a bound on its sets of
labels, fixed when it is made: what comes after the bound is reached counts as `other`, whoever chose the labels.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Final, Literal

from msgspec import Struct

Labels = tuple[str, ...]
Kind = Literal["counter", "gauge"]

OTHER: Final = "other"
"""The label of everything beyond a bound."""

_SUM_AND_COUNT: Final = 2

Reader = Callable[[], Mapping[Labels, float]]
"""Tells the values of a family as they are now, by their labels; called when somebody asks, on the event loop."""


class Name(Struct, frozen=True):
    """A family's name, what it says, the names of its labels, and how many sets of labels it has at most.

    If it has labels at all, `other` comes on top.
    """

    name: str
    text: str
    labels: Labels = ()
    max_sets: int = 1

    @property
    def all_sets(self) -> int:
        """How many sets of labels there can be, that of what is beyond the bound included."""
        return self.max_sets + 1 if self.labels else 1


class Counter:
    """Numbers that only grow."""

    __slots__ = ("_cells", "named", "unit")

    def __init__(self, named: Name, unit: int = 1) -> None:
        """`unit` is how many of what is added make one of what is shown, as 1,000,000,000 for nano-dollars."""
        self.named = named
        self.unit = unit
        self._cells: dict[Labels, list[int]] = {} if named.labels else {(): [0]}

    def add(self, labels: Labels = (), amount: int = 1) -> None:
        """Adds an amount, 0 or more, under the values of the labels."""
        self.cell(labels)[0] += amount

    def cell(self, labels: Labels = ()) -> list[int]:
        """The number under the values of the labels, shown from now on; whoever counts often may keep it and add."""
        cell = self._cells.get(labels)
        if cell is None:
            cell = self._cells.setdefault(_within(self.named, labels, self._cells), [0])
        return cell

    @property
    def values(self) -> dict[Labels, int]:
        """The numbers by the values of the labels."""
        return {labels: cell[0] for labels, cell in self._cells.items()}

    @property
    def series(self) -> int:
        """How many series it has at most."""
        return self.named.all_sets


class Histogram:
    """How often a value was at most each of the bounds, which rise."""

    __slots__ = ("_first", "bounds", "cells", "named")

    def __init__(self, named: Name, bounds: tuple[float, ...]) -> None:
        self.named = named
        self.bounds = bounds
        self._first = bounds[0]
        self.cells: dict[Labels, list[float]] = {}
        if not named.labels:
            self.cell(())

    def observe(self, value: float, labels: Labels = ()) -> None:
        """Counts a value under the values of the labels."""
        cell = self.cells.get(labels) or self.cell(labels)
        cell[0 if value <= self._first else bisect_left(self.bounds, value)] += 1
        cell[-1] += value

    def count_all(self, values: Iterable[float], labels: Labels = ()) -> None:
        """Counts values under the values of the labels: many take little more than one."""
        bounds, rising, done = self.bounds, sorted(values), 0
        cell = self.cells.get(labels) or self.cell(labels)
        cell[-1] += sum(rising)
        while done < len(rising):
            at = bisect_left(bounds, rising[done])
            end = bisect_right(rising, bounds[at], done) if at < len(bounds) else len(rising)
            cell[at] += end - done
            done = end

    @property
    def series(self) -> int:
        """How many series it has at most: one for each bound and for all, the sum and the count."""
        return self.named.all_sets * (len(self.bounds) + 1 + _SUM_AND_COUNT)

    def cell(self, labels: Labels) -> list[float]:
        """For each bound how many values are at most it and above the one before, then those above all, and the sum.

        It is shown from now on; whoever counts often may keep it.
        """
        cell = self.cells.get(labels)
        if cell is None:
            empty = [0] * (len(self.bounds) + 1) + [0.0]
            cell = self.cells.setdefault(_within(self.named, labels, self.cells), empty)
        return cell


class Reading:
    """Numbers that somebody else keeps, read when they are asked for."""

    __slots__ = ("kind", "named", "read")

    def __init__(self, named: Name, kind: Kind, read: Reader) -> None:
        self.named = named
        self.kind = kind
        self.read = read

    @property
    def series(self) -> int:
        """How many series it has at most."""
        return self.named.all_sets

    def bounded(self) -> dict[Labels, float]:
        """The values, those beyond the bound added up as `other`."""
        values: dict[Labels, float] = {}
        for labels, value in self.read().items():
            held = _within(self.named, labels, values)
            values[held] = values.get(held, 0) + value
        return values


Family = Counter | Histogram | Reading


def _within(named: Name, labels: Labels, taken: Collection[Labels]) -> Labels:
    """The labels, or those of what is beyond the bound. Raises ValueError for a wrong number of labels."""
    if len(labels) != len(named.labels):
        raise ValueError(f"{named.name} has the labels {named.labels}, but {labels} came")
    if labels in taken or len(taken) < named.max_sets or not labels:
        return labels
    return (OTHER,) * len(named.labels)

"""The cells of the matrix: each row in each form, with one candidate, two, and all of them bad, through both faces."""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

from tests.faults.table import ROWS, Row


class Company(Enum):
    """Who may answer: the faulty target alone, a good one behind it, or another faulty one."""

    ONE = "one"
    TWO = "two"
    ALL = "all"


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell."""

    row: Row
    is_stream: bool
    company: Company
    is_grpc: bool

    def __str__(self) -> str:
        form, face = "stream" if self.is_stream else "unary", "grpc" if self.is_grpc else "rest"
        return f"{self.row.fault.removeprefix('https://')}-{form}-{self.company.value}-{face}"

    @property
    def upstreams(self) -> tuple[str, ...]:
        """The scenarios of the targets, in order."""
        fault = self.row.fault
        return {Company.ONE: (fault,), Company.TWO: (fault, "ok"), Company.ALL: (fault, fault)}[self.company]

    @property
    def first_calls(self) -> tuple[int, int]:
        """How often the first target is asked, from and to. Where all are bad, it may be asked again in the end."""
        row = self.row
        if self.company is Company.ALL:
            return row.first[0], max(row.first[1], row.sole[1])
        return row.sole if self.company is Company.ONE else row.first

    @property
    def second_calls(self) -> int:
        """How often the second target is asked."""
        row = self.row
        return int(self.company is not Company.ONE and row.moves and not row.is_fine and not row.breaks)

    @property
    def is_answered(self) -> bool:
        """Whether the caller gets a whole answer."""
        return self.row.is_fine or (self.company is Company.TWO and self.second_calls == 1)


def cells() -> Iterator[Cell]:
    """Every cell."""
    for row in ROWS:
        forms = [is_stream for is_stream in (True, False) if (row.stream if is_stream else row.unary)]
        for is_stream, company, is_grpc in itertools.product(forms, Company, (False, True)):
            yield Cell(row, is_stream, company, is_grpc)


def some_cells() -> list[Cell]:
    """Of every row and form one cell, so that company and face take turns."""
    groups = [list(group) for _, group in itertools.groupby(cells(), lambda cell: (id(cell.row), cell.is_stream))]
    return [group[number % len(group)] for number, group in enumerate(groups)]

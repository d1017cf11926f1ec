"""Many rows for one table of SQLite in few statements, where what rows agree in is given once for all of them. Pure.

Every value that is given to a statement is copied and freed again, and each statement is begun and ended: for a row
of many columns that is most of the work. Request records of one moment agree in most columns, and in most records some
columns hold nothing, which their statement says by itself.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from operator import itemgetter
from types import MappingProxyType
from typing import Any, Final

from server.storage.backend import Addition
from server.storage.rows import OWN, USUAL, Row

Statement = tuple[str, Sequence[Any]]

SIZES: Final = (64, 16, 4, 1)
"""How many rows a statement has: few sizes, so that each is prepared once."""

_OF_EACH: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "operations": OWN,
        "attempts": ("request_id", "started_at", "input_tokens", "output_tokens", "cost_nanousd", "latency_ms"),
        "latency_hours": ("bucket", "times"),
        "latency_days": ("bucket", "times"),
    }
)
"""The columns in which rows differ, of tables whose rows agree in most others."""

_USUALLY: Final[Mapping[str, Mapping[str, int | None]]] = MappingProxyType(
    {
        "operations": MappingProxyType(dict(USUAL)),
        "attempts": MappingProxyType(
            {"cache_read_tokens": 0, "cache_write_tokens": 0, "reasoning_tokens": 0, "first_token_ms": None}
        ),
    }
)  # fmt: skip
"""Columns in which rows may differ too, and what most of them hold."""


class Chunks:
    """Makes the statements for one table, which must be of `TABLES`."""

    def __init__(self, addition: Addition) -> None:
        """`addition` is one for the table; its rows do not matter."""
        names = [column.name for column in addition.table.columns]
        own, usual = _OF_EACH[addition.table.name], _USUALLY.get(addition.table.name, {})
        common = [name for name in names if name not in own and name not in usual]
        self._common_of = itemgetter(*map(names.index, common))
        self._usual_of = itemgetter(*map(names.index, usual)) if usual else None
        self._usual = tuple(usual.values())
        self._is_usual = _Form(addition, common, own, usual)
        self._is_not = _Form(addition, common, (*own, *usual), {})

    def of(self, rows: Sequence[Row]) -> Iterator[Statement]:
        """Statements with their parameters, which add all of the rows in any order."""
        common_of, usual_of, usual = self._common_of, self._usual_of, self._usual
        groups: dict[tuple[bool, Row], list[Row]] = {}
        group: list[Row] = []
        last: tuple[bool, Row] | None = None
        for row in rows:
            key = usual_of is None or usual_of(row) == usual, common_of(row)
            if key != last:
                last, group = key, groups.setdefault(key, [])
            group.append(row)
        for (is_usual, common), group in groups.items():
            yield from (self._is_usual if is_usual else self._is_not).of(common, group)

    def of_group(self, common: Row, own: Sequence[Row]) -> Iterator[Statement]:
        """The same for a group of operations."""
        return (self._is_usual if common[0] else self._is_not).of_own(common[1:], own)


class _Form:
    """The statements of one form: what is in the columns `common` is given once, `usual` is not given at all."""

    def __init__(
        self, addition: Addition, common: Sequence[str], own: Sequence[str], usual: Mapping[str, int | None]
    ) -> None:
        names = [column.name for column in addition.table.columns]
        self._own_of = itemgetter(*map(names.index, own))
        places = {name: f"?{place}" for place, name in enumerate(common, start=1)}
        places |= {name: "NULL" if value is None else str(value) for name, value in usual.items()}
        self._statements = tuple((size, _sql(addition, _source(names, own, places, size))) for size in SIZES)

    def of(self, common: Row, rows: Sequence[Row]) -> Iterator[Statement]:
        """Those that add rows which have `common` in common."""
        return self.of_own(common, list(map(self._own_of, rows)))

    def of_own(self, common: Row, own: Sequence[Row]) -> Iterator[Statement]:
        """The same for the rows' own values."""
        start, left = 0, len(own)
        for size, sql in self._statements:
            while left >= size:
                yield sql, [*common, *chain.from_iterable(own[start : start + size])]
                start += size
                left -= size


TABLES: Final = frozenset(_OF_EACH)
"""Those that are written so."""


def _sql(addition: Addition, source: str) -> str:
    """The statement. When it fails the whole transaction is undone anyway: `OR FAIL` says so, and SQLite keeps no
    copies of all pages that the statement changes, for it alone to be undone.
    """
    return addition.sql(source).replace("INSERT INTO", "INSERT OR FAIL INTO", 1)


def _source(names: Sequence[str], own: Sequence[str], places: Mapping[str, str], size: int) -> str:
    """The rows as `VALUES` of numbered parameters: first those that all have in common, then each row's own."""
    first = sum(place.startswith("?") for place in places.values()) + 1
    rows = []
    for row in range(size):
        held = {**places, **{name: f"?{place}" for place, name in enumerate(own, start=first + row * len(own))}}
        rows.append(f"({', '.join(held[name] for name in names)})")
    return f"VALUES {', '.join(rows)}"

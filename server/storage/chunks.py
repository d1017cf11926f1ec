"""Many rows for one table of SQLite in few statements, where what rows agree in is given once for all of them. Pure.

Every value that is given to a statement is copied and freed again, and each statement is begun and ended: for a row
of many columns that is most of the work. Request records of one moment agree in most columns.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from operator import itemgetter
from types import MappingProxyType
from typing import Any, Final

from server.storage.backend import Addition

Statement = tuple[str, Sequence[Any]]

SIZES: Final = (16, 4, 1)
"""How many rows a statement has: few sizes, so that each is prepared once."""

_OF_EACH: Final[Mapping[str, frozenset[str]]] = MappingProxyType(
    {
        "operations": frozenset(
            {
                "request_id", "client_request_id", "created_at", "input_tokens", "cache_read_tokens",
                "cache_write_tokens", "output_tokens", "reasoning_tokens", "cost_nanousd", "latency_ms",
                "first_token_ms", "saved_nanousd",
            }
        ),
        "attempts": frozenset(
            {
                "request_id", "started_at", "input_tokens", "cache_read_tokens", "cache_write_tokens",
                "output_tokens", "reasoning_tokens", "cost_nanousd", "latency_ms", "first_token_ms",
            }
        ),
    }
)  # fmt: skip
"""The columns in which rows differ, of tables whose rows agree in most others."""


class Chunks:
    """Makes the statements for one table, which must be of `TABLES`."""

    def __init__(self, addition: Addition) -> None:
        """`addition` is one for the table; its rows do not matter."""
        names = [column.name for column in addition.table.columns]
        own = [name for name in names if name in _OF_EACH[addition.table.name]]
        common = [name for name in names if name not in own]
        self._own_of = itemgetter(*map(names.index, own))
        self._common_of = itemgetter(*map(names.index, common))
        self._statements = tuple((size, addition.sql(_source(names, own, common, size))) for size in SIZES)

    def of(self, rows: Sequence[tuple[Any, ...]]) -> Iterator[Statement]:
        """Statements with their parameters, which add all of the rows in any order."""
        own_of, common_of = self._own_of, self._common_of
        groups: dict[tuple[Any, ...], list[tuple[Any, ...]]] = {}
        for row in rows:
            common = common_of(row)
            group = groups.get(common)
            if group is None:
                groups[common] = [own_of(row)]
            else:
                group.append(own_of(row))
        for common, owns in groups.items():
            start = 0
            for size, sql in self._statements:
                while len(owns) - start >= size:
                    yield sql, [*common, *chain.from_iterable(owns[start : start + size])]
                    start += size


TABLES: Final = frozenset(_OF_EACH)
"""Those that are written so."""


def _source(names: Sequence[str], own: Sequence[str], common: Sequence[str], size: int) -> str:
    """The rows as `VALUES` of numbered parameters: first those that all have in common, then each row's own."""
    places = {name: f"?{place}" for place, name in enumerate(common, start=1)}
    rows = []
    for row in range(size):
        first = len(common) + row * len(own) + 1
        places |= {name: f"?{place}" for place, name in enumerate(own, start=first)}
        rows.append(f"({', '.join(places[name] for name in names)})")
    return f"VALUES {', '.join(rows)}"

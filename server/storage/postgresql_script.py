"""Additions to tables of PostgreSQL as the text of a script: statements without parameters, sent and answered at once.

A statement takes rows column by column: a column in which they differ is one JSON array, and what they agree in is
given once. Nothing is cast to a text of limited length, which would cut it instead of refusing it.

Pure. Who quotes must be told by the driver how that is done; values are never put into a text in any other way.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

import msgspec
from sqlalchemy import Table
from sqlalchemy.engine import Dialect

from server.storage.backend import Addition

Quote = Callable[[bytes], bytes]
"""Makes a literal of a text in UTF-8."""

_NUL: Final = b"\\u0000"
_REPLACEMENT: Final = b"\\ufffd"


class Scripts:
    """Makes scripts for one dialect; what does not depend on rows is kept for each table."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self._heads: dict[str, tuple[bytes, Sequence[bytes]]] = {}
        self._tails: dict[str, bytes] = {}

    def insert(self, table: Table, rows: Sequence[tuple[Any, ...]], quote: Quote) -> bytes:
        """One statement that adds at least one row, and fails if the key of one is there already."""
        head, casts = self._heads.get(table.name) or self._head(table)
        selected: list[bytes] = []
        arrays: list[bytes] = []
        count = len(rows)
        # Most values of a batch, and all of a row alone, are given once: that is written out.
        for values, cast in zip(zip(*rows, strict=True), casts, strict=True):
            first = values[0]
            if count > 1 and (first != values[-1] or values.count(first) != count):
                selected.append(b"c%d%s" % (len(arrays), cast))
                arrays.append(b"json_array_elements_text(%s)" % quote(_without_nul(msgspec.json.encode(values))))
            elif first is None:
                selected.append(b"NULL" + cast)
            elif type(first) is int:
                selected.append(b"(%d)%s" % (first, cast))
            else:
                selected.append(quote(str(first).replace("\x00", "\ufffd").encode()) + cast)
        statement = head + b", ".join(selected)
        if arrays:
            names = b", ".join([b"c%d" % number for number in range(len(arrays))])
            statement += b" FROM ROWS FROM (%s) AS added(%s)" % (b", ".join(arrays), names)
        return statement

    def add(self, additions: Iterable[Addition], quote: Quote) -> list[bytes]:
        """A statement for each addition that has rows."""
        return [
            self.insert(addition.table, addition.rows, quote)
            + (self._tails.get(addition.table.name) or self._tail(addition))
            for addition in additions
            if addition.rows
        ]

    def _head(self, table: Table) -> tuple[bytes, Sequence[bytes]]:
        types = [column.type.compile(self._dialect) for column in table.columns]
        casts = [b"::text" if kind.startswith("VARCHAR") else f"::{kind}".encode() for kind in types]
        names = ", ".join(column.name for column in table.columns)
        head = f"INSERT INTO {table.name} ({names}) SELECT ".encode(), casts
        self._heads[table.name] = head
        return head

    def _tail(self, addition: Addition) -> bytes:
        """What is done about rows that are there: it depends on the table alone."""
        tail = self._tails[addition.table.name] = addition.sql("").partition(")")[2].encode()
        return tail


def _without_nul(document: bytes) -> bytes:
    """The JSON of values without NUL, which PostgreSQL's text cannot hold."""
    if _NUL not in document:
        return document
    # A backslash before it would make it something else; two of them, again a NUL.
    return b"\\\\".join(part.replace(_NUL, _REPLACEMENT) for part in document.split(b"\\\\"))

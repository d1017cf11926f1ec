"""The headers of an answer, which become text when somebody reads them: of most answers nobody wants more than one.

An upstream sends the same names with each answer, so that what they say by themselves is worked out once. It must not
parse, and it keeps nothing of one answer for the next but its content type.
"""

from collections.abc import Iterator, Mapping, Sequence
from re import Match
from typing import Final

from msgspec import Struct

_KIND: Final = "content-type"
_ENCODING: Final = "content-encoding"


class Names(Struct, eq=False):
    """Names of headers as they came, all different, and in lower case, in which they may be the same.

    `kind_at` is the place of the content type, -1 without one. `is_encoded`: a content encoding is among them. `lacked`
    are names that were looked for last and of which none is among them.
    """

    raw: tuple[bytes, ...]
    shown: tuple[str, ...]
    distinct: tuple[str, ...]
    kind_at: int
    is_encoded: bool
    lacked: frozenset[str] | None = None


def names_of(raw: tuple[bytes, ...]) -> Names:
    """What names say."""
    shown = tuple([name.decode("latin-1").lower() for name in raw])
    return Names(
        raw, shown, tuple(dict.fromkeys(shown)), shown.index(_KIND) if _KIND in shown else -1, _ENCODING in shown
    )


NONE: Final = names_of(())


class Head(Mapping[str, str]):
    """Headers by their names in lower case; of those that are repeated the first counts.

    `came` are the values of `names`, in their order, or where they were found, the body behind them; no value has a
    line feed, as it is where a header ends. `kind` is the content type as it came, empty without one.
    """

    __slots__ = ("_came", "_read", "kind", "names")

    def __init__(self, names: Names, came: Sequence[bytes] | Match[bytes], kind: str) -> None:
        self.names, self._came, self.kind = names, came, kind
        self._read: dict[str, str] | None = None

    def __getitem__(self, name: str) -> str:
        return self._text()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.names.distinct)

    def __len__(self) -> int:
        return len(self.names.distinct)

    @property
    def values_as_they_came(self) -> tuple[bytes, ...]:
        """The values of `names`."""
        came = self._came
        return came.groups()[:-1] if isinstance(came, Match) else tuple(came)

    def lacks(self, wanted: frozenset[str]) -> bool:
        """Whether it has none of these names, which is known at once where the last answers had the same names."""
        names = self.names
        if names.lacked is not wanted:
            if not wanted.isdisjoint(names.distinct):
                return False
            names.lacked = wanted
        return True

    def _text(self) -> dict[str, str]:
        """All of it as text."""
        read = self._read
        if read is None:
            shown = self.names.shown
            values = b"\n".join(self.values_as_they_came).decode("latin-1").split("\n") if shown else []
            read = dict(zip(shown, values, strict=True))
            if len(read) < len(shown):
                read = dict(zip(reversed(shown), reversed(values), strict=True))
            self._read = read
        return read


def head_of(headers: Mapping[str, str]) -> Head:
    """Headers that are known as text, their names in lower case."""
    names = names_of(tuple([name.encode("latin-1") for name in headers]))
    return Head(names, [value.encode("latin-1") for value in headers.values()], headers.get(_KIND, ""))


NO_HEAD: Final = Head(NONE, (), "")
"""That of an answer whose head has not come."""

"""The headers of an answer, which become text when somebody reads them: of most answers nobody wants more than one.

An upstream sends the same names with each answer, so that what they say by themselves is worked out once. It must not
parse, and it keeps nothing of one answer for the next but its content type.
"""

from collections.abc import Iterator, Mapping, Sequence
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

    `values` are those of `names`, in their order; none has a line feed, as it is where a header ends. `kind` is the
    content type as it came, empty without one; `is_encoded`: the body may be in an encoding.
    """

    __slots__ = ("_names", "_read", "_values", "is_encoded", "kind")

    def __init__(self, names: Names, values: Sequence[bytes], kind: str) -> None:
        self._names, self.is_encoded = names, names.is_encoded
        self._values = values
        self._read: dict[str, str] | None = None
        self.kind = kind

    def __getitem__(self, name: str) -> str:
        return self._text()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._names.distinct)

    def __len__(self) -> int:
        return len(self._names.distinct)

    def lacks(self, wanted: frozenset[str]) -> bool:
        """Whether it has none of these names, which is known at once where the last answers had the same names."""
        names = self._names
        if names.lacked is not wanted:
            if not wanted.isdisjoint(names.distinct):
                return False
            names.lacked = wanted
        return True

    def _text(self) -> dict[str, str]:
        """All of it as text."""
        read = self._read
        if read is None:
            shown = self._names.shown
            values = b"\n".join(self._values).decode("latin-1").split("\n") if shown else []
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

"""One option: what it means, its default and its bounds. Pure."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from options.kinds import read

Check = Callable[[Any], None]
"""Raises ValueError for a value that cannot be."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a value may be: `ge`, `gt` and `le` bound a number, `min_length` a text; `check` looks at the rest."""

    ge: float | None = None
    gt: float | None = None
    le: float | None = None
    min_length: int = 0
    check: Check | None = None


@dataclass(frozen=True, slots=True)
class Option:
    """`kind` is the type of its values, `shows` whether they may be printed."""

    name: str
    kind: object
    default: Any
    description: str
    bounds: Bounds
    shows: bool

    def value_of(self, given: object) -> object:
        """The value from a text or from a value. Raises ValueError, whose message says what it should be."""
        value: Any = read(self.kind, given)
        bounds = self.bounds
        if bounds.ge is not None and not value >= bounds.ge:
            raise ValueError(f"Input should be greater than or equal to {bounds.ge:g}")
        if bounds.gt is not None and not value > bounds.gt:
            raise ValueError(f"Input should be greater than {bounds.gt:g}")
        if bounds.le is not None and not value <= bounds.le:
            raise ValueError(f"Input should be less than or equal to {bounds.le:g}")
        if bounds.min_length and len(value) < bounds.min_length:
            raise ValueError(f"String should have at least {bounds.min_length} character")
        if bounds.check is not None:
            try:
                bounds.check(value)
            except ValueError as error:
                raise ValueError(f"Value error, {error}") from None
        return value


@dataclass(frozen=True, slots=True)
class Unnamed:
    """An option as a class declares it, whose name and kind are those of the member."""

    default: Any
    description: str
    bounds: Bounds
    shows: bool


def option(description: str, *, default: Any, shows: bool = True, **bounds: Any) -> Any:
    """Declares an option in the body of a class of `Settings`. The `bounds` are members of `Bounds`."""
    return Unnamed(default, description, Bounds(**bounds), shows)

"""The kinds of values that options have: how each is called, and how it is read from a text.

Pure. What cannot be read raises ValueError with a message for whoever wrote it.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from types import NoneType, UnionType
from typing import Final, Literal, get_args, get_origin

from options.secret import SecretStr

NameList = tuple[str, ...]
"""Names separated by commas."""

_TRUE: Final = frozenset({"1", "true", "t", "yes", "y", "on"})
_FALSE: Final = frozenset({"0", "false", "f", "no", "n", "off"})


def inner(kind: object) -> object:
    """The kind without its `None`."""
    if isinstance(kind, UnionType):
        return next(each for each in get_args(kind) if each is not NoneType)
    return kind


def choices(kind: object) -> tuple[str, ...]:
    """What a value may be; empty where it is not one of a few."""
    return get_args(kind) if get_origin(kind) is Literal else ()


def name_of(kind: object) -> str:
    """What stands for a value in the help."""
    kind = inner(kind)
    if may_be := choices(kind):
        return "{" + ",".join(may_be) + "}"
    return "tuple[str,...]" if kind == NameList else getattr(kind, "__name__", str(kind))


def read(kind: object, value: object) -> object:
    """A value of that kind from a text, or from a value that is one. Raises ValueError."""
    if value is None and kind is not inner(kind):
        return None
    kind = inner(kind)
    if may_be := choices(kind):
        return _one_of(may_be, value)
    return _READERS[kind](value)


def _one_of(may_be: tuple[str, ...], value: object) -> object:
    if value in may_be:
        return value
    *others, last = (repr(each) for each in may_be)
    raise ValueError(f"Input should be {', '.join(others)} or {last}")


def _whole(value: object) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    text = str(value).strip()
    digits, point, rest = text.partition(".")
    try:
        return int(digits if point and not rest.strip("0") else text)
    except ValueError:
        raise ValueError("Input should be a valid integer, unable to parse string as an integer") from None


def _number(value: object) -> float:
    try:
        return float(value) if isinstance(value, int | float) else float(str(value))
    except ValueError:
        raise ValueError("Input should be a valid number, unable to parse string as a number") from None


def _truth(value: object) -> bool:
    if isinstance(value, bool):
        return value
    text = str(value).lower()
    if text in _TRUE or text in _FALSE:
        return text in _TRUE
    raise ValueError("Input should be a valid boolean, unable to interpret input")


def _text(value: object) -> str:
    if isinstance(value, str):
        return value
    raise ValueError("Input should be a valid string")


def _path(value: object) -> Path:
    return value if isinstance(value, Path) else Path(_text(value))


def _secret(value: object) -> SecretStr:
    return value if isinstance(value, SecretStr) else SecretStr(_text(value))


def _names(value: object) -> NameList:
    if isinstance(value, str):
        return tuple(part.strip() for part in value.split(",") if part.strip())
    if isinstance(value, list | tuple):
        return tuple(map(_text, value))
    raise ValueError("Input should be names separated by commas")


_READERS: Final[Mapping[object, Callable[[object], object]]] = {
    int: _whole,
    float: _number,
    bool: _truth,
    str: _text,
    Path: _path,
    SecretStr: _secret,
    NameList: _names,
}

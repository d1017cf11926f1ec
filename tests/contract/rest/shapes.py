"""Holds an answer against a documented one: member by member, name, nesting and JSON type.

Further members may be there, documented ones must. An example value stands for all of its kind: `usr_123` for any id of
a user, a time for any time. What must be the very same is marked with `Same`.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

_TIME = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d{1,9})?Z")
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_TOKEN = re.compile(r"[\w-]+\.[\w-]+\.[\w-]+")
_PREFIXES = ("usr_", "ws_", "prov_", "key_", "req_", "chatcmpl-", "pk_", "gw_")


@dataclass(frozen=True, slots=True)
class Same:
    """A value that is documented as it is, not as an example."""

    value: Any


@dataclass(frozen=True, slots=True)
class OrNull:
    """A value that may be null."""

    documented: Any


@dataclass(frozen=True, slots=True)
class Named:
    """An object whose members are names of the same kind of thing; at least one."""

    documented: Any


def members(documented: Any) -> int:
    """How many members are documented, all levels together."""
    if isinstance(documented, OrNull | Named):
        return members(documented.documented)
    if isinstance(documented, dict):
        return sum(1 + members(value) for value in documented.values())
    return members(documented[0]) if isinstance(documented, list) and documented else 0


def problems(documented: Any, answered: Any, where: str = "") -> Iterator[str]:
    """What about an answer is not as documented."""
    place = where or "the body"
    if isinstance(documented, Same):
        if answered != documented.value or type(answered) is not type(documented.value):
            yield f"{place} is {answered!r}, not {documented.value!r}"
    elif isinstance(documented, OrNull):
        if answered is not None:
            yield from problems(documented.documented, answered, where)
    elif isinstance(documented, Named):
        yield from _named(documented, answered, place)
    elif isinstance(documented, dict):
        yield from _object(documented, answered, place, where)
    elif isinstance(documented, list):
        yield from _list(documented, answered, place)
    else:
        yield from _scalar(documented, answered, place)


def _named(documented: Named, answered: Any, place: str) -> Iterator[str]:
    if not isinstance(answered, dict) or not answered:
        yield f"{place} is {answered!r}, not an object with members"
        return
    for name, value in answered.items():
        yield from problems(documented.documented, value, f"{place}.{name}")


def _object(documented: dict[str, Any], answered: Any, place: str, where: str) -> Iterator[str]:
    if not isinstance(answered, dict):
        yield f"{place} is {type(answered).__name__}, not an object"
        return
    for name, value in documented.items():
        path = f"{where}.{name}" if where else name
        if name not in answered:
            yield f"{path} is missing"
        else:
            yield from problems(value, answered[name], path)


def _list(documented: list[Any], answered: Any, place: str) -> Iterator[str]:
    if not isinstance(answered, list):
        yield f"{place} is {type(answered).__name__}, not an array"
    elif documented and not answered:
        yield f"{place} is empty"
    elif documented:
        for number, item in enumerate(answered):
            yield from problems(documented[0], item, f"{place}[{number}]")


def _scalar(documented: Any, answered: Any, place: str) -> Iterator[str]:
    is_right = {
        bool: isinstance(answered, bool),
        int: isinstance(answered, int) and not isinstance(answered, bool),
        float: isinstance(answered, int | float) and not isinstance(answered, bool),
        str: isinstance(answered, str),
    }[type(documented)]
    if not is_right:
        yield f"{place} is {answered!r}, not of the kind of {documented!r}"
    elif isinstance(documented, str) and not _is_alike(documented, answered):
        yield f"{place} is {answered!r}, not of the form of {documented!r}"


def _is_alike(documented: str, answered: str) -> bool:
    for pattern in (_TIME, _DATE):
        if pattern.fullmatch(documented):
            return pattern.fullmatch(answered) is not None
    if documented.startswith("eyJ"):
        return _TOKEN.fullmatch(answered) is not None
    prefix = next((each for each in _PREFIXES if documented.startswith(each)), "")
    shown = answered.endswith("...") if documented.endswith("...") else not answered.endswith("...")
    return answered.startswith(prefix) and (shown or not prefix)

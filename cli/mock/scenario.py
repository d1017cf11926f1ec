"""What a request asks the mock to do: the grammar of scenarios. Pure; the names are those of `parts` and `catalogue`.

    scenario := fault { "+" fault }
    fault    := name [ "?" key "=" value { "&" key "=" value } ]

A scenario comes in the header `x-mock-scenario` or in the model name after `mock/`; the header wins. A name of the
catalogue stands for what its row says. Values are percent-decoded, so that a `+` or `&` within one is written `%2B` or
`%26`.
"""

import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import unquote

from msgspec import Struct

from cli.mock.catalogue import NAMED
from cli.mock.parts import PARTS, Kind, Part

_NUMBER: Final = re.compile(r"-?[0-9]{1,9}")


class ScenarioUnknownError(ValueError):
    """A scenario that cannot be read; its text says why."""


class Scenario(Struct, frozen=True):
    """A parsed scenario: the parameters of each part by its name. `status` is 0 unless one was asked for."""

    text: str
    status: int
    faults: Mapping[str, Mapping[str, str]]

    def __contains__(self, name: str) -> bool:
        return name in self.faults

    @property
    def port(self) -> str:
        """The part that holds for a whole port, empty if there is none."""
        return next((name for name in self.faults if PARTS[name].kind is Kind.PORT), "")

    def number(self, name: str, key: str) -> int:
        """A parameter as a whole number."""
        value = self.faults[name].get(key)
        return int(PARTS[name].defaults[key] if value is None else value)

    def value(self, name: str, key: str) -> str:
        """A parameter as text."""
        value = self.faults[name].get(key)
        return str(PARTS[name].defaults[key]) if value is None else value


def parse_scenario(text: str) -> Scenario:
    """Reads a scenario; empty text is the plain answer. Raises ScenarioUnknownError."""
    faults: dict[str, Mapping[str, str]] = {}
    status = 0
    for fault in _spelled_out(text).split("+") if text else ():
        name, _, query = fault.partition("?")
        if name.startswith("status-"):
            status = _status(name)
            name = "status-NNN"
        part = PARTS.get(name)
        if part is None:
            raise ScenarioUnknownError(f"There is no scenario {name!r}; GET /mock/scenarios lists them.")
        faults[name] = _parameters(name, part, query)
    return Scenario(text, status, faults)


def _spelled_out(text: str) -> str:
    """The same with the names of the catalogue replaced by their parts."""
    return "+".join(NAMED[fault].scenario if fault in NAMED else fault for fault in text.split("+"))


def _status(name: str) -> int:
    digits = name.removeprefix("status-")
    if len(digits) != 3 or not digits.isdecimal() or not 200 <= int(digits) <= 599:
        raise ScenarioUnknownError(f"{name!r} is not status-NNN with a status from 200 to 599.")
    return int(digits)


def _parameters(name: str, part: Part, query: str) -> Mapping[str, str]:
    found: dict[str, str] = {}
    for pair in query.split("&") if query else ():
        key, _, value = pair.partition("=")
        if key not in part.defaults and not part.is_open:
            raise ScenarioUnknownError(f"{name!r} has no parameter {key!r}.")
        if isinstance(part.defaults.get(key), int) and not _NUMBER.fullmatch(value):
            raise ScenarioUnknownError(f"{key!r} of {name!r} must be a whole number.")
        found[key] = unquote(value)
    return found

"""What a request asks the mock to do: the grammar of scenarios and the table of their names. Pure.

    scenario := fault { "+" fault }
    fault    := name [ "?" key "=" value { "&" key "=" value } ]

A scenario comes in the header `x-mock-scenario` or in the model name after `mock/`; the header wins. Values are
percent-decoded, so that a `+` or `&` within one is written `%2B` or `%26`. Times are milliseconds.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote

KNOWN: Final[Mapping[str, str]] = {
    "ok": "The plain answer, as without a scenario.",
    "status-NNN": "That status with an error body. `retry_after`, `retry_after_ms`, `type`, `code`, `message`.",
    "delay-headers": "Waits before the headers. `ms` (200).",
    "delay-first": "Sends the headers, waits before the first byte of the body. `ms` (200).",
    "stall-after": "Falls silent after `n` (3) events, or bytes of a body that is no stream, and keeps the connection.",
    "stall-headers": "Never answers, and keeps the connection.",
    "stall-end": "Sends everything, but never ends the body.",
    "cut-at": "Closes the connection in order after `byte` (500) bytes of the body.",
    "reset-after": "Resets the connection after `n` (3) events, or bytes of a body that is no stream.",
    "reset-headers": "Resets the connection without an answer.",
    "close-headers": "Closes the connection in order without an answer.",
    "malformed-event": "Puts an event that is not JSON before event `n` (2); a body that is no stream loses its end.",
    "error-event": "An error event instead of event `n` (2), and then the end. `type`, `code`, `message`.",
    "error-200": "Status 200 with an error as the body or as the first event. `type`, `code`, `message`.",
    "no-finish": "Leaves out the finish reason and [DONE].",
    "no-done": "Leaves out [DONE].",
    "no-usage": "Reports no usage, even if asked.",
    "crlf": "Lines of a stream end with CR and LF.",
    "cr": "Lines of a stream end with CR.",
    "bom": "A stream begins with a byte order mark.",
    "comments": "A comment before every event.",
    "split-every-byte": "Sends the body byte by byte, each in a packet of its own.",
    "html": "An HTML page instead of JSON, with status 200 unless `status-NNN` stands beside it.",
    "empty": "No body.",
    "redirect": "A redirect. `status` (302), `location` (/elsewhere).",
    "tool": "Calls the first tool of the request. `arguments`: their JSON ({}).",
    "slow": "`n` (20) tokens, `ms` (50) before each.",
    "long": "`n` (1000) tokens.",
    "text": "Answers `value`.",
    "gzip": "Compresses the body though nobody asked for it.",
    "bomb": "A compressed body that inflates to `mib` (100) MiB of blanks.",
    "endless": "Tokens without end, as fast as they are taken.",
    "times": "The scenario holds for the first `n` (1) requests that name it, later ones get the plain answer.",
    "models": "For GET /v1/models: the list is `ids`, separated by commas.",
}


class ScenarioUnknownError(ValueError):
    """A scenario that cannot be read; its text says why."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """A parsed scenario: the parameters of each fault by its name. `status` is 0 unless one was asked for."""

    text: str
    status: int
    faults: Mapping[str, Mapping[str, str]]

    def __contains__(self, name: str) -> bool:
        return name in self.faults

    def number(self, name: str, key: str, default: int) -> int:
        """A parameter as a whole number."""
        value = self.faults[name].get(key)
        return default if value is None else int(value)

    def value(self, name: str, key: str, default: str) -> str:
        """A parameter as text."""
        return self.faults[name].get(key, default)


def parse_scenario(text: str) -> Scenario:
    """Reads a scenario; empty text is the plain answer. Raises ScenarioUnknownError."""
    faults: dict[str, Mapping[str, str]] = {}
    status = 0
    for fault in text.split("+") if text else ():
        name, _, query = fault.partition("?")
        if name.startswith("status-"):
            status = _status(name)
            name = "status-NNN"
        if name not in KNOWN:
            raise ScenarioUnknownError(f"There is no scenario {name!r}; there are: {', '.join(KNOWN)}.")
        faults[name] = _parameters(name, query)
    return Scenario(text, status, faults)


def _status(name: str) -> int:
    digits = name.removeprefix("status-")
    if len(digits) != 3 or not digits.isdecimal() or not 200 <= int(digits) <= 599:
        raise ScenarioUnknownError(f"{name!r} is not status-NNN with a status from 200 to 599.")
    return int(digits)


_TEXTS: Final = frozenset(
    ("retry_after", "retry_after_ms", "type", "code", "message", "location", "arguments", "value", "ids")
)
_NUMBERS: Final = frozenset(("ms", "n", "byte", "status", "mib"))


def _parameters(name: str, query: str) -> Mapping[str, str]:
    found: dict[str, str] = {}
    for pair in query.split("&") if query else ():
        key, _, value = pair.partition("=")
        if key in _NUMBERS and not value.isdecimal():
            raise ScenarioUnknownError(f"{key!r} of {name!r} must be a whole number.")
        if key not in _NUMBERS and key not in _TEXTS:
            raise ScenarioUnknownError(f"{name!r} has no parameter {key!r}.")
        found[key] = unquote(value)
    return found

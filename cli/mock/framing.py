"""Events as bytes: server-sent events in all the ways that they may be written. Pure."""

from collections.abc import Sequence
from typing import Final

from cli.mock.answers import Event
from cli.mock.scenario import Scenario

BOM: Final = b"\xef\xbb\xbf"

_ENDS: Final = (b"\n", b"\r\n", b"\r")


def framed(events: Sequence[Event], scenario: Scenario) -> list[bytes]:
    """Each event with all that stands before it."""
    written = [_one(event, index, scenario) for index, event in enumerate(events)]
    if "bom" in scenario and written:
        written[0] = BOM + written[0]
    return written


def comment(scenario: Scenario) -> bytes:
    """A comment of its own."""
    end = _end(0, scenario)
    return b": keep-alive" + end + end


def _end(index: int, scenario: Scenario) -> bytes:
    if "mixed-ends" in scenario:
        return _ENDS[index % len(_ENDS)]
    return b"\r\n" if "crlf" in scenario else b"\r" if "cr" in scenario else b"\n"


def _one(event: Event, index: int, scenario: Scenario) -> bytes:
    end = _end(index, scenario)
    lines: list[bytes] = []
    if "comments" in scenario:
        lines += [b": keep-alive", b""]
    if "meta-events" in scenario:
        lines += [b"id: %d" % index, b"", b"retry: 3000", b""]
    if event.name:
        lines.append(b"event: " + event.name.encode())
    colon = b"data:" if "no-space" in scenario else b"data: "
    lines += [colon + part for part in (_split(event.data) if "multi-line" in scenario else [event.data])]
    return end.join([*lines, b"", b""])


def _split(data: bytes) -> list[bytes]:
    """JSON on two lines, between two of its tokens."""
    at = data.find(b',"')
    return [data[: at + 1], data[at + 1 :]] if at > 0 else [data]

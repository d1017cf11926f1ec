"""From a scenario and a request to the bytes on the socket, with their delays and the way it ends. Pure."""

from collections.abc import Mapping
from email.utils import formatdate
from typing import Final

from msgspec import Struct

from cli.mock.answers import Asked, Message, Wire
from cli.mock.contents import body_of, events_of
from cli.mock.framing import comment, framed
from cli.mock.scenario import Scenario
from cli.mock.steps import Ending, Step, apart, chunked, coalesced, compressed, first_bytes, truncated


class Plan(Struct, frozen=True):
    """What a connection does for one request.

    `forever` is repeated after the steps, every `every_s` seconds, until the client leaves.
    """

    steps: tuple[Step, ...]
    ending: Ending = Ending.KEEP
    forever: bytes = b""
    every_s: float = 0.0


_BARE: Final[Mapping[str, Plan]] = {
    "reset-headers": Plan((), Ending.RESET),
    "close-headers": Plan((), Ending.CLOSE),
    "stall-headers": Plan((), Ending.STALL),
    "half-head": Plan((Step(0.0, b"HTTP/1.1 200 OK\r\ncontent-ty"),), Ending.CLOSE),
    "reset-reused": Plan((), Ending.RESET),
    "close-reused": Plan((), Ending.CLOSE),
    "not-http": Plan((Step(0.0, b"220 mock.example ESMTP ready\r\n"),), Ending.CLOSE),
}
_UNSTREAMED: Final = ("html", "redirect", "empty", "bomb", "body", "truncated-json", "big-body")
_PHRASES: Final[Mapping[int, str]] = {200: "OK", 302: "Found", 429: "Too Many Requests", 500: "Internal Server Error"}
_EVENTS_OF_A_FLOOD: Final = 1000


def plan(asked: Asked, scenario: Scenario, wire: Wire, now_s: float = 0.0) -> Plan:
    """The plan for one answer. `now_s` is the time of day, in seconds since 1970, of which dates are made."""
    for name, bare in _BARE.items():
        if name in scenario:
            return bare
    is_stream = bool(asked.stream) and not scenario.status and not any(name in scenario for name in _UNSTREAMED)
    is_chunked = is_stream or "endless" in scenario
    pieces = _events(asked, scenario, wire) if is_stream else [Step(0.0, body_of(asked, scenario, wire))]
    if "endless" in scenario and not is_stream:
        pieces = [Step(0.0, b'{"id":"endless",')]
    pieces = compressed(pieces, _times_compressed(scenario))
    length = None if is_chunked else sum(len(piece.data) for piece in pieces)
    pieces, ending = truncated(pieces, scenario, is_stream)
    if not is_stream and "end-at" in scenario:
        length = sum(len(piece.data) for piece in pieces)
    forever, every_s = _forever(asked, scenario, wire, is_stream)
    if "split-every-byte" in scenario:
        pieces = apart(pieces)
    if is_chunked:
        pieces = chunked(pieces, has_last=ending is Ending.KEEP and not forever)
    if "cut-wire" in scenario:
        pieces, ending = list(first_bytes(pieces, scenario.number("cut-wire", "byte"))), Ending.CLOSE
    if "delay-first" in scenario and pieces:
        pieces[0] = Step(scenario.number("delay-first", "ms") / 1000, pieces[0].data)
    wait_s = scenario.number("delay-headers", "ms") / 1000 if "delay-headers" in scenario else 0.0
    steps = [Step(wait_s, head(_status(scenario), _headers(scenario, is_stream, length, now_s))), *pieces]
    return Plan(tuple(steps if "split-every-byte" in scenario else coalesced(steps)), ending, forever, every_s)


def head(status: int, headers: Mapping[str, str]) -> bytes:
    """A response's status line and headers."""
    lines = [
        f"HTTP/1.1 {status} {_PHRASES.get(status, 'Status')}",
        *(f"{name}: {text}" for name, text in headers.items()),
    ]
    return "\r\n".join([*lines, "", ""]).encode()


def simple(status: int, body: bytes) -> Plan:
    """A plain JSON answer."""
    headers = {"content-type": "application/json", "content-length": str(len(body))}
    return Plan((Step(0.0, head(status, headers) + body),))


def _status(scenario: Scenario) -> int:
    if "redirect" in scenario:
        return scenario.number("redirect", "status")
    return scenario.status or 200


def _headers(scenario: Scenario, is_stream: bool, length: int | None, now_s: float) -> dict[str, str]:
    kind = "text/html; charset=utf-8" if "html" in scenario else "application/json"
    if "body" in scenario:
        kind = scenario.value("body", "kind")
    headers = {"content-type": "text/event-stream; charset=utf-8" if is_stream else kind}
    if length is None:
        headers |= {"cache-control": "no-cache", "transfer-encoding": "chunked"}
    else:
        headers["content-length"] = str(length)
    headers["x-request-id"] = "req_mock"
    if encoding := _encoding(scenario):
        headers["content-encoding"] = encoding
    if "redirect" in scenario:
        headers["location"] = scenario.value("redirect", "location")
    if "big-head" in scenario:
        headers["x-big"] = "x" * (scenario.number("big-head", "kib") * 1024)
    if scenario.status:
        headers |= _retry_headers(scenario, now_s)
    return headers | dict(scenario.faults.get("header", {}))


def _retry_headers(scenario: Scenario, now_s: float) -> dict[str, str]:
    found = {key.replace("_", "-"): scenario.value("status-NNN", key) for key in ("retry_after", "retry_after_ms")}
    if wait_s := scenario.value("status-NNN", "retry_date"):
        found |= {"date": formatdate(now_s, usegmt=True), "retry-after": formatdate(now_s + float(wait_s), usegmt=True)}
    return {name: value for name, value in found.items() if value}


def _times_compressed(scenario: Scenario) -> int:
    return 2 if "double-gzip" in scenario else int("gzip" in scenario or "bomb" in scenario)


def _encoding(scenario: Scenario) -> str:
    if "encoding" in scenario:
        return scenario.value("encoding", "value")
    return ("", "gzip", "gzip, gzip")[_times_compressed(scenario)]


def _events(asked: Asked, scenario: Scenario, wire: Wire) -> list[Step]:
    """The events of a stream as they are framed, a step for each."""
    written = framed(events_of(asked, scenario, wire), scenario)
    delay_s = scenario.number("slow", "ms") / 1000 if "slow" in scenario else 0.0
    last = len(written) - 1
    return [Step(delay_s if 0 < index < last else 0.0, data) for index, data in enumerate(written)]


def _forever(asked: Asked, scenario: Scenario, wire: Wire, is_stream: bool) -> tuple[bytes, float]:
    """What comes without end, as a chunk, and how many seconds apart."""
    data, every_s = b"", 0.0
    if "endless" in scenario:
        events = framed(wire.content(asked, Message(("on and on ",))), scenario)
        data = b"".join(events) * _EVENTS_OF_A_FLOOD if is_stream else b" " * 65_536
    elif "flood" in scenario and is_stream:
        data = comment(scenario) * _EVENTS_OF_A_FLOOD
    elif "trickle" in scenario and is_stream:
        data, every_s = comment(scenario), scenario.number("trickle", "ms") / 1000
    return (b"%x\r\n%b\r\n" % (len(data), data) if data else b""), every_s

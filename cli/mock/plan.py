"""From a scenario and a request to the bytes on the socket, with their delays and the way it ends. Pure."""

import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from itertools import chain
from typing import Final

from cli.mock import answers
from cli.mock.answers import Asked, Message
from cli.mock.scenario import Scenario


class Ending(Enum):
    """What happens to the connection after the last step."""

    KEEP = "keep"
    CLOSE = "close"
    RESET = "reset"
    STALL = "stall"


@dataclass(frozen=True, slots=True)
class Step:
    """Bytes that are written `delay_s` seconds after the step before, in a packet of their own."""

    delay_s: float
    data: bytes


@dataclass(frozen=True, slots=True)
class Plan:
    """What a connection does for one request. `forever` is repeated after the steps until the client leaves."""

    steps: tuple[Step, ...]
    ending: Ending = Ending.KEEP
    forever: bytes = b""


_HTML: Final = b"<!DOCTYPE html><html><head><title>Sign in</title></head><body><h1>Captive portal</h1></body></html>"
_SILENT: Final[Mapping[str, Ending]] = {
    "reset-headers": Ending.RESET,
    "close-headers": Ending.CLOSE,
    "stall-headers": Ending.STALL,
}
_PHRASES: Final[Mapping[int, str]] = {200: "OK", 302: "Found", 429: "Too Many Requests", 500: "Internal Server Error"}
_KINDS: Final[Mapping[int, str]] = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    429: "rate_limit_error",
}


def plan(asked: Asked, scenario: Scenario) -> Plan:
    """The plan for one chat completion."""
    for name, ending in _SILENT.items():
        if name in scenario:
            return Plan((), ending)
    is_stream = bool(asked.stream) and not scenario.status and "html" not in scenario and "redirect" not in scenario
    is_stream = is_stream and "empty" not in scenario and "bomb" not in scenario
    pieces = _events(asked, scenario) if is_stream else [Step(0.0, _body(asked, scenario))]
    if "gzip" in scenario or "bomb" in scenario:
        pieces = _compressed(pieces)
    length = None if is_stream else sum(len(piece.data) for piece in pieces)
    pieces, ending = _truncated(pieces, scenario, is_stream)
    if "split-every-byte" in scenario:
        pieces = [
            Step(piece.delay_s * (not i), piece.data[i : i + 1]) for piece in pieces for i in range(len(piece.data))
        ]
    if is_stream:
        pieces = [
            Step(piece.delay_s, b"%x\r\n%b\r\n" % (len(piece.data), piece.data)) for piece in pieces if piece.data
        ]
    if is_stream and ending is Ending.KEEP and "endless" not in scenario:
        pieces.append(Step(0.0, b"0\r\n\r\n"))
    if "delay-first" in scenario and pieces:
        pieces[0] = Step(scenario.number("delay-first", "ms", 200) / 1000, pieces[0].data)
    wait_s = scenario.number("delay-headers", "ms", 200) / 1000 if "delay-headers" in scenario else 0.0
    steps = [Step(wait_s, head(_status(scenario), _headers(scenario, is_stream, length))), *pieces]
    keeps_packets = "split-every-byte" in scenario
    forever = _endless(asked) if is_stream and "endless" in scenario else b""
    return Plan(tuple(steps if keeps_packets else _coalesced(steps)), ending, forever)


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
        return scenario.number("redirect", "status", 302)
    return scenario.status or 200


def _headers(scenario: Scenario, is_stream: bool, length: int | None) -> dict[str, str]:
    kind = "text/html; charset=utf-8" if "html" in scenario else "application/json"
    headers = {"content-type": "text/event-stream; charset=utf-8" if is_stream else kind}
    if length is None:
        headers |= {"cache-control": "no-cache", "transfer-encoding": "chunked"}
    else:
        headers["content-length"] = str(length)
    headers["x-request-id"] = "req_mock"
    if "gzip" in scenario or "bomb" in scenario:
        headers["content-encoding"] = "gzip"
    if "redirect" in scenario:
        headers["location"] = scenario.value("redirect", "location", "/elsewhere")
    if scenario.status:
        after = {key.replace("_", "-"): text for key, text in scenario.faults["status-NNN"].items() if "retry" in key}
        headers |= after
    return headers


def _message(asked: Asked, scenario: Scenario) -> Message:
    if "tool" in scenario:
        return Message(tool=answers.first_tool(asked), arguments=scenario.value("tool", "arguments", "{}"))
    if "text" in scenario:
        return Message(answers.words(scenario.value("text", "value", "")))
    for name, count in (("slow", 20), ("long", 1000)):
        if name in scenario:
            return Message(tuple(f"token{index} " for index in range(scenario.number(name, "n", count))))
    return Message(answers.words(answers.PLAIN_TEXT))


def _error(scenario: Scenario, name: str, kind: str, status: int) -> bytes:
    code, text = scenario.value(name, "code", ""), scenario.value(name, "message", f"The mock answers {status}.")
    return answers.error(scenario.value(name, "type", kind), code, text)


def _body(asked: Asked, scenario: Scenario) -> bytes:
    if "bomb" in scenario:
        return b" " * (scenario.number("bomb", "mib", 100) << 20)
    if "empty" in scenario or "redirect" in scenario:
        return b""
    if "html" in scenario:
        return _HTML
    if scenario.status:
        return _error(scenario, "status-NNN", _KINDS.get(scenario.status, "server_error"), scenario.status)
    if "error-200" in scenario:
        return _error(scenario, "error-200", "server_error", 200)
    body = answers.whole(asked, _message(asked, scenario), "no-usage" not in scenario)
    return body[:-20] if "malformed-event" in scenario else body


def _events(asked: Asked, scenario: Scenario) -> list[Step]:
    """The events of a stream as they are framed, a step for each."""
    has_finish = "no-finish" not in scenario
    has_usage = asked.wants_usage and "no-usage" not in scenario
    data = list(answers.events(asked, _message(asked, scenario), has_finish, has_usage))
    if has_finish and "no-done" not in scenario:
        data.append(b"[DONE]")
    if "error-200" in scenario:
        data = [_error(scenario, "error-200", "server_error", 200)]
    if "malformed-event" in scenario:
        data.insert(scenario.number("malformed-event", "n", 2), b'{"id":"chatcmpl-mock","choices":[{"index":0,"del')
    if "error-event" in scenario:
        data[scenario.number("error-event", "n", 2) :] = [_error(scenario, "error-event", "server_error", 500)]
    line = b"\r\n" if "crlf" in scenario else b"\r" if "cr" in scenario else b"\n"
    comment = b": keep-alive" + line + line if "comments" in scenario else b""
    delay_s = scenario.number("slow", "ms", 50) / 1000 if "slow" in scenario else 0.0
    framed = [
        Step(delay_s if 0 < index < len(data) - 1 else 0.0, b"%bdata: %b%b%b" % (comment, text, line, line))
        for index, text in enumerate(data)
    ]
    if "bom" in scenario:
        framed[0] = Step(0.0, b"\xef\xbb\xbf" + framed[0].data)
    return framed


def _endless(asked: Asked) -> bytes:
    event = b"data: %b\n\n" % next(
        text for text in answers.events(asked, Message(("on and on ",)), False, False) if b"on and on" in text
    )
    return b"%x\r\n%b\r\n" % (len(event), event)


def _compressed(pieces: list[Step]) -> list[Step]:
    packer = zlib.compressobj(wbits=31)
    packed = [Step(piece.delay_s, packer.compress(piece.data) + packer.flush(zlib.Z_SYNC_FLUSH)) for piece in pieces]
    return [*packed, Step(0.0, packer.flush())]


def _truncated(pieces: list[Step], scenario: Scenario, is_stream: bool) -> tuple[list[Step], Ending]:
    """What is left of a body after the faults that end it early, and how it ends then."""
    for name, ending in (("stall-after", Ending.STALL), ("reset-after", Ending.RESET)):
        if name in scenario:
            count = scenario.number(name, "n", 3)
            return (pieces[:count] if is_stream else list(_first_bytes(pieces, count))), ending
    if "cut-at" in scenario:
        return list(_first_bytes(pieces, scenario.number("cut-at", "byte", 500))), Ending.CLOSE
    return pieces, Ending.STALL if "stall-end" in scenario else Ending.KEEP


def _first_bytes(pieces: list[Step], count: int) -> Iterator[Step]:
    for piece in pieces:
        if count <= 0:
            return
        yield Step(piece.delay_s, piece.data[:count])
        count -= len(piece.data)


def _coalesced(steps: list[Step]) -> Iterator[Step]:
    """The same bytes in as few writes as the delays allow."""
    pending: list[bytes] = []
    delay_s = 0.0
    for step in chain(steps, (Step(-1.0, b""),)):
        if step.delay_s and pending:
            yield Step(delay_s, b"".join(pending))
            pending, delay_s = [], step.delay_s
        elif step.delay_s:
            delay_s = step.delay_s
        pending.append(step.data)

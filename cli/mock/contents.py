"""From a scenario to what is said: the body of an answer, or the events of a stream, before they are framed. Pure."""

from typing import Final

from cli.mock import answers
from cli.mock.answers import Asked, Complaint, Event, Message, Telling, Wire
from cli.mock.scenario import Scenario

HTML: Final = b"<!DOCTYPE html><html><head><title>Sign in</title></head><body><h1>Captive portal</h1></body></html>"
MALFORMED: Final = Event(b'{"id":"chatcmpl-mock","choices":[{"index":0,"del')

# Characters of no meaning stand in a text for bytes that JSON cannot be made to write.
_RAW: Final = (("\ue000", b"\xff\xfe"), ("\ue001", b"\\ud83d"))
_MIB: Final = 1024 * 1024


def complaint_of(scenario: Scenario, name: str, status: int) -> Complaint:
    """The error that a part asks for."""
    return Complaint(status, *(scenario.value(name, key) for key in ("type", "code", "message", "param")))


def message_of(asked: Asked, scenario: Scenario) -> Message:
    """What is answered."""
    finish = scenario.value("finish", "reason") if "finish" in scenario else ""
    model = scenario.value("named", "value") if "named" in scenario else ""
    if "tool" in scenario:
        name = scenario.value("tool", "name") or answers.first_tool(asked)
        arguments, shape = scenario.value("tool", "arguments"), scenario.value("tool", "shape")
        return Message((), name, arguments, shape, finish, model)
    return Message(_begun(_pieces(scenario), asked, scenario), finish=finish, model=model)


def _begun(pieces: tuple[str, ...], asked: Asked, scenario: Scenario) -> tuple[str, ...]:
    """What is left to say after what the assistant has said already, or all of it again if it echoes."""
    if "prefills" not in scenario or scenario.number("prefills", "echo"):
        return pieces
    text, begun = "".join(pieces), asked.begun
    if not begun or not text.startswith(begun):
        return pieces
    left = len(text) - len(begun)
    kept: list[str] = []
    for piece in reversed(pieces):
        if left <= 0:
            break
        kept.append(piece[-left:] if left < len(piece) else piece)
        left -= len(piece)
    return tuple(reversed(kept))


def _pieces(scenario: Scenario) -> tuple[str, ...]:
    for name in ("slow", "long"):
        if name in scenario:
            return tuple(f"token{index} " for index in range(scenario.number(name, "n")))
    if "big-line" in scenario:
        return ("begin ", "x" * (scenario.number("big-line", "mib") * _MIB), " end")
    if "big-body" in scenario:
        return ("x" * (scenario.number("big-body", "mib") * _MIB),)
    pieces = answers.words(scenario.value("text", "value") if "text" in scenario else answers.PLAIN_TEXT)
    for name, odd in (("bad-utf8", "\ue000"), ("lone-surrogate", "\ue001"), ("nul", "\x00")):
        if name in scenario:
            pieces = (pieces[0], f" {odd}", *pieces[1:])
    return pieces


def body_of(asked: Asked, scenario: Scenario, wire: Wire) -> bytes:
    """A body that is no stream."""
    if "bomb" in scenario:
        return b" " * (scenario.number("bomb", "mib") * _MIB)
    if "empty" in scenario or "redirect" in scenario:
        return b""
    if "body" in scenario:
        return scenario.value("body", "value").encode()
    if "html" in scenario:
        return HTML
    if scenario.status:
        return wire.error(complaint_of(scenario, "status-NNN", scenario.status))
    for name in ("error-200", "error-event"):
        if name in scenario:
            return wire.error(complaint_of(scenario, name, 500))
    body = _raw(wire.whole(asked, message_of(asked, scenario), "no-usage" not in scenario))
    if "truncated-json" in scenario:
        return body[: scenario.number("truncated-json", "byte")]
    return body[:-20] if "malformed-event" in scenario else body


def events_of(asked: Asked, scenario: Scenario, wire: Wire) -> list[Event]:
    """The events of a stream."""
    if "done-only" in scenario:
        return wire.done()
    if "error-200" in scenario:
        return [wire.error_event(complaint_of(scenario, "error-200", 500), "")]
    if "flood" in scenario:
        return []
    message = message_of(asked, scenario)
    events = wire.opening(asked, message)
    if "empty-deltas" in scenario:
        events += [wire.empty(asked, message)] * scenario.number("empty-deltas", "n")
    if "role-only" not in scenario:
        has_finish = "no-finish" not in scenario and "endless" not in scenario
        telling = Telling(has_finish, has_finish and "no-done" not in scenario, "no-usage" not in scenario)
        events += [*wire.content(asked, message), *wire.ending(asked, message, telling)]
    if "first-empty" in scenario:
        events.insert(0, wire.first_empty(asked, message))
    if "malformed-event" in scenario:
        at = scenario.number("malformed-event", "n")
        events[at:at] = [MALFORMED] * scenario.number("malformed-event", "count")
    if "error-event" in scenario:
        complaint = complaint_of(scenario, "error-event", 500)
        events[scenario.number("error-event", "n") :] = [
            wire.error_event(complaint, scenario.value("error-event", "name"))
        ]
    return [Event(_raw(event.data), event.name) for event in events]


def _raw(data: bytes) -> bytes:
    for mark, raw in _RAW:
        data = data.replace(mark.encode(), raw)
    return data

"""Calls in a stream: written as they come, one after the other, whatever order their pieces come in."""

import pytest
from msgspec import Raw

from server.ingress.calls import CallQueue, PendingCall
from server.ingress.chat_answer import Call, CalledFunction


class Written:
    """Writes calls down."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def start_call(self, call: PendingCall) -> None:
        self.lines.append(f"start {call.id} {call.name}")

    def call_piece(self, call: PendingCall, piece: str) -> None:
        self.lines.append(piece)

    def end_call(self, call: PendingCall) -> None:
        self.lines.append(f"end {call.id}")


def piece(index: int | None, call_id: str | None = None, name: str | None = None, arguments: str = "") -> Call:
    return Call(index, call_id, CalledFunction(name, arguments))


CASES: list[tuple[str, list[Call], list[str]]] = [
    ("one call in pieces", [piece(0, "a", "f", '{"x"'), piece(0, arguments=":1}")],
     ["start a f", '{"x"', ":1}", "end a"]),
    ("two calls, one after the other", [piece(0, "a", "f", "{}"), piece(1, "b", "g", "{}")],
     ["start a f", "{}", "end a", "start b g", "{}", "end b"]),
    ("two calls, mixed",
     [piece(0, "a", "f", '{"x":'), piece(1, "b", "g", '{"y":'), piece(0, arguments="1}"), piece(1, arguments="2}")],
     ["start a f", '{"x":', "1}", "end a", "start b g", '{"y":2}', "end b"]),
    ("two calls begun before their arguments come",
     [piece(0, "a", "f"), piece(1, "b", "g"), piece(1, arguments="{}"), piece(0, arguments="{}")],
     ["start a f", "{}", "end a", "start b g", "{}", "end b"]),
    ("a name that comes late", [piece(0, "a", None, "{"), piece(0, None, "f", "}")], ["start a f", "{}", "end a"]),
    ("a name that never comes", [piece(0, "a", None, "{}")], []),
    ("no index, new ids", [piece(None, "a", "f", "{}"), piece(None, "b", "g", "{}")],
     ["start a f", "{}", "end a", "start b g", "{}", "end b"]),
    ("no index, the same call", [piece(None, "a", "f", "{"), piece(None, None, None, "}")],
     ["start a f", "{", "}", "end a"]),
    ("a piece of a call that is over", [piece(0, "a", "f", "{}"), piece(1, "b", "g"), piece(0, arguments="x")],
     ["start a f", "{}", "end a", "start b g", "end b"]),
]  # fmt: skip


@pytest.mark.parametrize(("pieces", "lines"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_pieces_are_sorted(pieces: list[Call], lines: list[str]) -> None:
    written = Written()
    queue = CallQueue(written)
    for each in pieces:
        queue.take(each)
    queue.flush()
    assert written.lines == lines
    assert queue.has_calls is bool(lines)
    queue.flush()
    assert written.lines == lines


def test_free_text_of_a_custom_tool_waits_for_nothing_but_the_end() -> None:
    written = Written()
    queue = CallQueue(written)
    queue.take(Call(0, "a", None, CalledFunction("sql", None, '"1"')))
    queue.take(Call(1, "b", None, CalledFunction("sql", None, "2")))
    queue.take(Call(0, None, None, CalledFunction(None, None, " more")))
    queue.flush()
    assert written.lines == ["start a sql", '"1"', " more", "end a", "start b sql", "2", "end b"]


def test_a_vendors_extra_is_kept() -> None:
    call = PendingCall(0)
    call.take(Call(0, "a", CalledFunction("f"), extra_content=Raw(b"{}")))
    call.take(Call(0, None, CalledFunction(None, "{}")))
    assert call.extra == Raw(b"{}")

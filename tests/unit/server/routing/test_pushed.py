"""What is handed over of a stream, and when the task that serves it has to go on."""

from collections.abc import Callable, Sequence

import pytest

from server.chat.answer import Identity, peek_chunk
from server.providers.dialect import Chunk
from server.routing.pushed import Pushed
from server.routing.tail import StreamTail
from tests.unit.server.routing.scripted import FINISH, HI, ROLE, USAGE


def chunk_of(event: bytes) -> Chunk:
    data = event.removeprefix(b"data: ").rstrip()
    return Chunk(data, peek_chunk(data))


class Live:
    """A stream of pieces, as many as are taken."""

    def __init__(self, pieces: Sequence[Sequence[bytes]]) -> None:
        self.pieces = [[chunk_of(event) for event in piece] for piece in pieces]

        self.relayed: list[object] = []

    def relay_to(self, tail: StreamTail, send: Callable[[bytes], bool]) -> None:
        self.relayed.append(send)

    async def push(self, take: Callable[[list[Chunk]], bool]) -> None:
        while self.pieces and take(self.pieces.pop(0)):
            pass


def text(event: bytes) -> bytes:
    return chunk_of(event).data


CASES = {
    "all of it": ([[HI], [HI, HI]], 9, [[HI], [HI, HI]], [], 0),
    "a caller who takes no more": ([[HI], [HI, ROLE], [HI]], 1, [[HI]], [HI, ROLE], 1),
    "nothing that goes out now": ([[FINISH], [HI]], 9, [[FINISH, HI]], [], 0),
    "the usage, with which a stream is over": ([[HI], [FINISH, USAGE], [HI]], 9, [[HI]], [], 1),
}


@pytest.mark.parametrize(("pieces", "takes", "sent", "left", "unread"), CASES.values(), ids=CASES)
async def test_what_is_handed_over(
    pieces: list[list[bytes]], takes: int, sent: list[list[bytes]], left: list[bytes], unread: int
) -> None:
    got: list[list[bytes]] = []
    noted: list[Sequence[bytes]] = []

    def push(events: list[bytes]) -> bool:
        if len(got) == takes:
            return False
        got.append(events)
        return True

    live = Live(pieces)
    pushed = Pushed(live, StreamTail(Identity("chatcmpl-x")), push, noted.append)
    assert await pushed.run() == [text(event) for event in left]
    assert got == noted == [[text(event) for event in piece] for piece in sent]
    assert len(live.pieces) == unread


@pytest.mark.parametrize("is_told", [False, True])
@pytest.mark.parametrize("can_pass", [False, True])
def test_chunks_are_passed_on_where_nobody_is_told_of_what_was_sent(is_told: bool, can_pass: bool) -> None:
    def pass_on(chunk: bytes) -> bool:
        return True

    live, told = Live([]), list[Sequence[bytes]]()
    on_sent = told.append if is_told else None
    Pushed(live, StreamTail(Identity("chatcmpl-x")), lambda _: True, on_sent, pass_on if can_pass else None)
    assert live.relayed == ([pass_on] if can_pass and not is_told else [])


async def test_what_was_left_is_left_once() -> None:
    answers = iter([False, True])
    pushed = Pushed(Live([[HI], [HI]]), StreamTail(Identity("chatcmpl-x")), lambda _: next(answers), None)
    assert await pushed.run() == [text(HI)]
    assert await pushed.run() == []

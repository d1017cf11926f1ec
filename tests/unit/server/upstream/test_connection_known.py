"""Answers over a connection on which a head is known are those that the parser would give."""

import asyncio

import pytest

from server.chat.wire import Timeouts
from server.errors import UpstreamBadResponse, UpstreamReset
from server.upstream.connection import ALIKE, Connection
from server.upstream.response import HttpResponse
from tests.unit.server.upstream.asking import answering

CHUNKED = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n"
PLAIN = b"HTTP/1.1 200 OK\r\nX: %b\r\nContent-Type: a/b\r\nContent-Length: %d\r\n\r\n%b"
PIECES = {
    "one like those before": (PLAIN % (b"c", 3, b"abc"),),
    "one with another header": (PLAIN.replace(b"X:", b"Y:") % (b"c", 3, b"abc"),),
    "one that asks for the end": (PLAIN.replace(b"X:", b"Connection:") % (b"close", 3, b"abc"),),
    "one with another status": (PLAIN.replace(b"200", b"503") % (b"c", 3, b"abc"),),
    "one in two pieces": (PLAIN % (b"c", 3, b""), b"abc"),
    "one that is cut within its head": ((PLAIN % (b"c", 3, b"abc"))[:30], (PLAIN % (b"c", 3, b"abc"))[30:]),
    "one behind an interim answer": (b"HTTP/1.1 100 Continue\r\n\r\n", PLAIN % (b"c", 3, b"abc")),
    "one in chunks": (CHUNKED,),
    "one with too long a head": (PLAIN % (b"c" * 70_000, 3, b"abc"),),
    "one with a long body": (PLAIN % (b"c", 70_000, b"a" * 70_000),),
    "one with more than it says": (PLAIN % (b"c", 2, b"abc"),),
    "one with a part of the next": ((PLAIN % (b"c", 3, b"abc")) + b"HTTP/1.1 2",),
    "two": ((PLAIN % (b"c", 3, b"abc")) * 2,),
    "one that is never whole": (PLAIN % (b"c", 4, b"abc"),),
    "what is no answer": (b"HTTP/1.1 200 OK\r\nX c\r\n\r\n",),
    "a control character": (PLAIN % (b"c\0", 3, b"abc"),),
}


async def outcome(pieces: tuple[bytes, ...], before: int) -> tuple[object, ...]:
    """All that can be seen of an answer that comes in pieces, behind so many others that are alike."""
    connection, answer, _ = answering()
    for number in range(before):
        connection.data_received(PLAIN % (b"%d" % number, 5, b"other"))
        assert (answer.headers["x"], await answer.read()) == (str(number), b"other")
        answer = HttpResponse(connection, Timeouts(), asyncio.get_running_loop().time(), 1 << 20)
        connection.start(b"", b"", answer)
    for piece in pieces:
        connection.data_received(piece)
    is_usable = connection.can_carry()
    connection.connection_lost(None)
    try:
        await answer.arrive()
        return is_usable, answer.status, dict(answer.headers), answer.kind, await answer.read()
    except (UpstreamBadResponse, UpstreamReset) as failure:
        return is_usable, type(failure), failure.message, failure.details


@pytest.mark.parametrize("pieces", PIECES.values(), ids=PIECES)
async def test_an_answer_is_the_same_whatever_came_before_it(pieces: tuple[bytes, ...]) -> None:
    first = await outcome(pieces, 1)
    assert await outcome(pieces, ALIKE) == first
    assert await outcome(pieces, ALIKE + 3) == first


async def test_the_parser_is_asked_until_a_head_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    parsed: list[Connection] = []
    begin = Connection.on_message_begin

    def noted(connection: Connection) -> None:
        parsed.append(connection)
        begin(connection)

    monkeypatch.setattr(Connection, "on_message_begin", noted)
    await outcome(PIECES["one like those before"], ALIKE + 4)
    assert len(parsed) == ALIKE
    await outcome(PIECES["one in chunks"], ALIKE + 4)
    assert len(parsed) == ALIKE + ALIKE + 1


@pytest.mark.parametrize("behind", [b"H", b"HTTP/1.1 200 OK\r\nx", b"\r\nHTTP"], ids=["a letter", "a head", "a line"])
async def test_a_beginning_behind_an_answer_ends_the_connection(behind: bytes) -> None:
    connection, answer, below = answering()
    connection.data_received(PLAIN % (b"c", 3, b"abc") + behind)
    assert await answer.read() == b"abc"
    assert below.is_ended

"""What is sent on as it stands is what would have been sent, and counts as if it had been read."""

import asyncio
import random
from collections.abc import Callable

import pytest

from server.chat.answer import ChunkFacts, Identity, peek_chunk
from server.chat.request import parse_chat_request
from server.chat.wire import Timeouts
from server.errors import PerpetuoError
from server.providers.dialect import Chunk
from server.providers.openai import OpenAiDialect
from server.routing.dispatch.live import LiveStream, gate_for
from server.routing.gate import LEAST_MAX_CHUNKS, Event, Gate
from server.routing.pushed import Pushed
from server.routing.relay import Relay
from server.routing.tail import StreamTail
from server.upstream.connection import Connection
from server.upstream.cork import Cork
from server.upstream.response import HttpResponse
from tests.unit.server.routing.scripted import DONE, FINISH, HI, ROLE, USAGE, candidate, chunk, trace
from tests.unit.server.upstream.asking import Wire

HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
SIZES = ("%X", "0%x", "%x;x=y")
PING = b": ping\n\n"
TEXTS = (*("a", "of", " more", "é", "🙂") * 4, '\\"', "\\n", "\x7f", "", "x" * 300)
BROKEN = b'data: {"error":{"message":"x"}}\n\n'
ASKED = b'{"model":"m","messages":[{"role":"user","content":"hi"}],"stream":true,"max_tokens":5}'


def said(text: str) -> bytes:
    return chunk('{"content":"' + text + '"}')


def framed(body: bytes, size: str = "%x") -> bytes:
    return (size % len(body)).encode() + b"\r\n" + body + b"\r\n"


class Passage:
    """A stream from a connection in memory to a caller, who now and then takes nothing."""

    def __init__(self, seed: int, *, relays: bool) -> None:
        self.rng, self.passed = random.Random(seed), 0
        self.got: list[bytes] = []
        loop = asyncio.get_running_loop()
        self.connection = Connection(loop, Cork(), lambda _: None, lambda _: None)
        self.answer = HttpResponse(self.connection, Timeouts(), loop.time(), 1 << 20)
        self.connection.connection_made(Wire())
        self.connection.start(b"", b"", self.answer)
        self.connection.data_received(HEAD)
        request = parse_chat_request(ASKED, stream=True)
        self.live = LiveStream(self.answer, OpenAiDialect(), trace().begin(candidate("a")), gate_for(request))
        self.tail = StreamTail(Identity("chatcmpl-ours"))
        self.pass_on: Callable[[bytes], bool] | None = self._pass_on if relays else None

    def push(self, events: list[bytes]) -> bool:
        if self.rng.random() < 0.1:
            return False
        self.got += events
        return True

    def _pass_on(self, piece: bytes) -> bool:
        if self.rng.random() < 0.1:
            return False
        body = piece.partition(b"\r\n")[2].removesuffix(b"\r\n")
        assert framed(body) == piece
        self.got.append(body.removeprefix(b"data: ").removesuffix(b"\n\n"))
        self.passed += 1
        return True

    async def run(self) -> str:
        """Reads all of it, as the pipeline does; how it ended."""
        try:
            await self.live.open()
            pushed = Pushed(self.live, self.tail, self.push, None, self.pass_on)
            chunks: list[Chunk] | None = self.live.held
            while chunks is not None:
                self.got += self.tail.feed(chunks)
                self.got += await pushed.run()
                chunks = await self.live.next_chunks()
        except PerpetuoError as error:
            return f"{error.reason}: {error.message}"
        return "whole"


async def outcome(pieces: list[bytes], *, relays: bool) -> tuple[list[bytes], str, int, bool, int]:
    """What the caller got and how it ended, the tokens that were counted, the connection's state, and what passed."""
    passage = Passage(len(pieces), relays=relays)
    running = asyncio.ensure_future(passage.run())
    for number, piece in enumerate(pieces):
        passage.connection.data_received(piece)
        if number % 5:
            for _ in range(5):  # as long as a task needs to wake up and to wait again
                await asyncio.sleep(0)
    passage.connection.eof_received()
    can_carry = passage.connection.can_carry()
    passage.connection.connection_lost(None)
    ended = await running
    return passage.got, ended, passage.tail.estimated_tokens, can_carry, passage.passed


def wire(rng: random.Random, events: list[bytes]) -> list[bytes]:
    """Events as chunks in whatever pieces, in some streams each in one of its own."""
    odds = rng.choice((0.0, 0.1, 0.4))
    pieces: list[bytes] = []
    while events:
        count = rng.choice((2, 3)) if rng.random() < odds else 1
        body, events = b"".join(events[:count]), events[count:]
        piece = framed(body, rng.choice(SIZES) if rng.random() < odds else "%x")
        cut = rng.randrange(len(piece)) if rng.random() < odds else 0
        pieces += filter(None, (piece[:cut], piece[cut:]))
    joined = [b""]
    for piece in pieces:
        joined[-1] += piece
        if rng.random() >= odds:
            joined.append(b"")
    return [*filter(None, joined), b"0\r\n\r\n"]


async def test_whatever_comes_the_caller_gets_and_counts_the_same() -> None:
    rng, passed = random.Random(3), 0
    for _ in range(200):
        events = [said(rng.choice(TEXTS)) for _ in range(rng.randrange(40))]
        for odd in rng.choices((PING, ROLE, HI, FINISH, BROKEN, HI[:-20]), k=rng.choice((0, 0, 1))):
            events.insert(rng.randrange(len(events) + 1), odd)
        ends = rng.choice(([FINISH, USAGE, DONE], [FINISH, DONE], []))
        pieces = wire(rng, [ROLE, HI, *events, *ends])
        *came, count = await outcome(pieces, relays=True)
        *expected, none = await outcome(pieces, relays=False)
        assert came == expected
        assert none == 0
        passed += count
    assert passed > 500


async def test_far_more_than_was_asked_for_is_cut_there_too() -> None:
    pieces = [framed(HI) for _ in range(LEAST_MAX_CHUNKS + 5)]
    got, ended, *_, passed = await outcome(pieces, relays=True)
    assert got[:LEAST_MAX_CHUNKS] == [HI[6:-2]] * LEAST_MAX_CHUNKS
    assert "far more" in ended
    assert passed > LEAST_MAX_CHUNKS / 2


def facts_of(event: bytes) -> ChunkFacts:
    return peek_chunk(event.removeprefix(b"data: "))


def begun(said_first: bytes, send: Callable[[bytes], bool] = lambda _: True) -> tuple[Relay, Gate, StreamTail, Chunk]:
    gate, tail = Gate(1, 5), StreamTail(Identity("chatcmpl-ours"))
    gate.take(Event.HEADERS)
    first = Chunk(said_first.removeprefix(b"data: ").rstrip(), facts_of(said_first))
    gate.chunk(first.facts, len(first.data))
    tail.feed([first])
    return Relay(gate, tail, lambda *_: True, send), gate, tail, first


def test_nothing_passes_before_it_is_armed_nor_after_it_was_told() -> None:
    relay, gate, tail, first = begun(HI)
    assert not relay.carry(framed(HI), 6)
    relay.arm(first.facts)
    assert relay.carry(framed(HI), 6)
    relay.fold()
    assert not relay.carry(framed(HI), 6)
    assert (gate.room, tail.estimated_tokens) == (LEAST_MAX_CHUNKS - 2, 2)
    relay.fold()
    assert gate.room == LEAST_MAX_CHUNKS - 2


def test_what_the_caller_does_not_take_is_not_counted() -> None:
    relay, gate, _, first = begun(HI, lambda _: False)
    relay.arm(first.facts)
    assert not relay.carry(framed(HI), 6)
    relay.fold()
    assert gate.room == LEAST_MAX_CHUNKS - 1


def test_no_more_pass_than_the_gate_has_room_for() -> None:
    relay, gate, _, first = begun(HI)
    relay.arm(first.facts)
    assert [relay.carry(framed(HI), 6) for _ in range(LEAST_MAX_CHUNKS)] == [True] * (LEAST_MAX_CHUNKS - 1) + [False]
    relay.fold()
    assert gate.room == 0


@pytest.mark.parametrize(
    ("event", "facts"),
    [
        pytest.param(chunk('{"content":"Hi"}', answer_id="gen-1"), None, id="whose id is replaced"),
        pytest.param(FINISH, None, id="the last, which is held"),
        pytest.param(ROLE, None, id="a role"),
        pytest.param(HI, facts_of(HI), id="with the facts of another"),
    ],
)
def test_only_what_goes_out_as_it_came_passes(event: bytes, facts: ChunkFacts | None) -> None:
    relay, _, _, first = begun(event)
    relay.arm(facts or first.facts)
    assert not relay.carry(framed(event), 6)

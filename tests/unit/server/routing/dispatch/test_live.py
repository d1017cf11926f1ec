"""Streams from an upstream: what is progress, where they end, and which ends are none."""

import gc
from collections.abc import AsyncIterator, Callable, Sequence

import pytest

from server import errors
from server.chat.request import ChatRequest, parse_chat_request
from server.errors import PerpetuoError
from server.providers.dialect import Chunk
from server.providers.openai import OpenAiDialect
from server.routing.dispatch.live import END_WAIT_S, LiveStream, gate_for
from server.routing.gate import LEAST_MAX_CHUNKS
from tests.unit.server.routing.scripted import DONE, FINISH, HI, ROLE, USAGE, Piece, Reply, candidate, chunk, trace

BODY = b'{"model":"m","messages":[{"role":"user","content":"hi"}]'
PING = b": ping\n\n"
SECOND = HI.replace(b'"index":0', b'"index":1')
SECOND_ENDS = FINISH.replace(b'"index":0', b'"index":1')


def request(members: bytes = b"") -> ChatRequest:
    return parse_chat_request(BODY + members + b"}", stream=True)


def stream(reply: Reply, asked: ChatRequest | None = None) -> LiveStream:
    return LiveStream(reply, OpenAiDialect(), trace().begin(candidate("a")), gate_for(asked or request()))


async def drained(live: LiveStream) -> int:
    """How many chunks come until the stream is whole."""
    await live.open()
    count = len(live.held)
    while (chunks := await live.next_chunks()) is not None:
        count += len(chunks)
    assert await live.next_chunks() is None
    return count


WHOLE: list[tuple[str, Sequence[Piece], int]] = [
    ("usage and the mark", [ROLE, HI, FINISH, USAGE, DONE], 4),
    ("the mark and nothing after it", [HI, FINISH, DONE, HI], 2),
    ("a finish and the end of the stream", [HI, FINISH], 2),
    ("a finish and a reset", [HI, FINISH, errors.UpstreamReset("x")], 2),
    ("a finish and silence", [HI, FINISH, errors.UpstreamTimeout("x")], 2),
    ("a finish and an error in the same piece", [HI, FINISH + b'data: {"error":{"message":"x"}}\n\n'], 2),
    ("the mark without a finish", [HI, DONE], 1),
    ("a last event without its blank line", [HI, FINISH[:-1]], 2),
]


@pytest.mark.parametrize(("pieces", "count"), [case[1:] for case in WHOLE], ids=[case[0] for case in WHOLE])
async def test_a_stream_that_is_whole(pieces: Sequence[Piece], count: int) -> None:
    assert await drained(stream(Reply(pieces))) == count


BROKEN: list[tuple[str, Sequence[Piece], type[PerpetuoError]]] = [
    ("an end after content", [HI], errors.UpstreamBadResponse),
    ("an end within an event", [HI, FINISH[:-20]], errors.UpstreamBadResponse),
    ("an end before content", [ROLE], errors.UpstreamBadResponse),
    ("an end at once", [], errors.UpstreamBadResponse),
    ("the mark alone", [DONE], errors.UpstreamBadResponse),
    ("the mark after a role", [ROLE, DONE], errors.UpstreamBadResponse),
    ("a reset after content", [HI, errors.UpstreamReset("x")], errors.UpstreamReset),
    ("silence after content", [HI, errors.UpstreamTimeout("x")], errors.UpstreamTimeout),
    ("only empty chunks", [ROLE] * 70, errors.UpstreamBadResponse),
]


@pytest.mark.parametrize(("pieces", "reason"), [case[1:] for case in BROKEN], ids=[case[0] for case in BROKEN])
async def test_a_stream_that_is_not(pieces: Sequence[Piece], reason: type[PerpetuoError]) -> None:
    live = stream(Reply(pieces))
    with pytest.raises(reason):
        await drained(live)
    with pytest.raises(reason):
        await live.next_chunks()


async def test_one_answer_of_two_is_not_the_whole() -> None:
    asked = request(b',"n":2')
    assert await drained(stream(Reply([HI, FINISH, SECOND, SECOND_ENDS]), asked)) == 4
    with pytest.raises(errors.UpstreamBadResponse):
        await drained(stream(Reply([HI, FINISH, SECOND]), asked))


async def test_a_stream_beyond_twice_its_tokens_is_cut() -> None:
    live = stream(Reply([HI] * (LEAST_MAX_CHUNKS + 1)), request(b',"max_tokens":5'))
    with pytest.raises(errors.UpstreamBadResponse, match="far more"):
        await drained(live)


async def test_so_it_is_if_all_of_it_comes_at_once() -> None:
    live = stream(Reply([ROLE + HI * (LEAST_MAX_CHUNKS + 1)]), request(b',"max_tokens":5'))
    await live.open()
    assert len(live.held) == LEAST_MAX_CHUNKS + 2
    with pytest.raises(errors.UpstreamBadResponse, match="far more"):
        await live.next_chunks()


async def test_only_what_says_something_is_progress() -> None:
    thought = chunk('{"reasoning_content":"hm"}')
    reply = Reply([PING, ROLE, PING, HI, PING, ROLE, thought, b": ", b"x\n\n", HI, FINISH, DONE])
    await drained(stream(reply))
    assert reply.progress == [4, 7, 10]


async def test_the_end_of_a_finished_stream_is_given_two_seconds() -> None:
    reply = Reply([HI, FINISH, PING, DONE])
    live = stream(reply)
    await live.open()
    assert reply.wound_up_s is None
    await live.next_chunks()
    assert reply.wound_up_s == END_WAIT_S
    assert END_WAIT_S == 2.0


class Pushed(Reply):
    """The same, pushed as long as there is something to push."""

    __slots__ = ("_source",)

    def chunks(self) -> AsyncIterator[bytes]:
        self._source = list(reversed(self.pieces))
        return self._rest()

    async def _rest(self) -> AsyncIterator[bytes]:
        while self._source:
            piece = self._source.pop()
            if isinstance(piece, PerpetuoError):
                raise piece
            if isinstance(piece, bytes):
                self.taken += 1
                yield piece

    async def push(self, take: Callable[[bytes], bool]) -> None:
        while self._source and isinstance(piece := self._source[-1], bytes):
            self._source.pop()
            self.taken += 1
            if not take(piece):
                return


async def outcome(live: LiveStream, *, is_pushed: bool) -> tuple[list[bytes], str]:
    """What came, and how it ended."""
    came: list[bytes] = []

    def take(chunks: list[Chunk]) -> bool:
        came.extend(chunk.data for chunk in chunks)
        return True

    try:
        await live.open()
        take(live.held)
        while True:
            if is_pushed:
                await live.push(take)
            chunks = await live.next_chunks()
            if chunks is None:
                return came, "whole"
            take(chunks)
    except PerpetuoError as error:
        return came, f"{error.reason}: {error.message}"


SAME = {
    **{name: pieces for name, pieces, _ in WHOLE},
    **{name: pieces for name, pieces, _ in BROKEN},
    "an error in the stream": [HI, b'data: {"error":{"message":"x"}}\n\n', HI],
    "an error behind content": [HI, HI + b'data: {"error":{"message":"x"}}\n\n'],
    "content behind the finish": [HI, FINISH, HI, USAGE, DONE],
    "what is no chunk": [HI, b"data: {\n\n", b"data: {\n\n", HI],
    "far more than was asked for": [HI] * (LEAST_MAX_CHUNKS + 5),
    "every byte by itself": [bytes([byte]) for byte in ROLE + HI + PING + FINISH + USAGE + DONE],
}


@pytest.mark.parametrize("pieces", SAME.values(), ids=SAME)
async def test_what_is_pushed_is_what_would_have_been_read(pieces: Sequence[Piece]) -> None:
    asked = request(b',"max_tokens":3')
    read, pushed = Reply(pieces), Pushed(pieces)
    expected = await outcome(stream(read, asked), is_pushed=False)
    assert await outcome(stream(pushed, asked), is_pushed=True) == expected
    assert (pushed.progress, pushed.wound_up_s) == (read.progress, read.wound_up_s)


async def test_what_a_taker_fails_with_breaks_the_stream() -> None:
    live = stream(Pushed([HI, HI, HI, FINISH, DONE]))
    await live.open()

    def take(chunks: list[Chunk]) -> bool:
        raise errors.UpstreamBadResponse("cannot be sent")

    await live.push(take)
    with pytest.raises(errors.UpstreamBadResponse, match="cannot be sent"):
        await live.next_chunks()


async def test_a_stream_does_not_keep_who_took_it() -> None:
    live = stream(Pushed([HI, HI, FINISH, DONE]))
    await live.open()

    def take(chunks: list[Chunk]) -> bool:
        return True

    await live.push(take)
    assert not any(referrer is live for referrer in gc.get_referrers(take))

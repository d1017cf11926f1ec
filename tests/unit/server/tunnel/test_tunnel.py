"""One open tunnel on the core's side, with a test as its edge: what it takes, and what it does not."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import grpc
import pytest

from edge.tunnel import frames as edge
from server.errors import RequestInvalid
from server.inprocess import HandlerRegistry, InProcessChannel
from server.inprocess.direct import Answer, DirectCall
from server.inprocess.rpc import Outcome
from server.tunnel.call import Peer
from server.tunnel.frames import MAX_BATCH_BYTES, MAX_HEADS
from server.tunnel.tunnel import MAX_CALLS, Tunnel
from tests.contract.channel.stage import PATIENCE_S, Context, Text, text, unary_stream, unary_unary

METHOD = "/stage.Stage/"


class Edge:
    """The other end."""

    def __init__(self) -> None:
        self.batches: asyncio.Queue[bytes | None] = asyncio.Queue()
        self.frames: asyncio.Queue[Any] = asyncio.Queue()
        self.sizes: list[int] = []

    def say(self, *frames: tuple[Any, ...]) -> None:
        self.batches.put_nowait(edge.write_batch([edge.write_frame(frame) for frame in frames]))

    def begin(self, number: int, method: str = "Echo", **options: Any) -> tuple[Any, ...]:
        given = {
            "is_stream": False,
            "metadata": (),
            "payload": text("q").SerializeToString(),
            "timeout": None,
            **options,
        }
        return edge.BEGIN, number, METHOD + method, *given.values()

    async def take(self, batch: bytes) -> None:
        frames = edge.read_batch(batch)
        self.sizes.append(len(frames))
        for frame in frames:
            self.frames.put_nowait(frame)

    async def hear(self) -> Any:
        async with asyncio.timeout(PATIENCE_S):
            return await self.frames.get()

    async def said(self) -> AsyncIterator[bytes]:
        while (batch := await self.batches.get()) is not None:
            yield batch


class Hanging:
    """A handler that waits for ever."""

    def __init__(self) -> None:
        self.started = asyncio.Event()
        self.cancelled = asyncio.Event()

    async def __call__(self, request: Text, context: Context) -> Text:
        self.started.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            self.cancelled.set()
            raise
        return request


async def echo(request: Text, context: Context) -> Text:
    return request


async def count(request: Text, context: Context) -> AsyncIterator[Text]:
    for number in range(3):
        yield text(str(number))


class Outer:
    """The context of the tunnel's own call."""

    def peer(self) -> str:
        return "ipv4:192.0.2.7:1234"

    def peer_identities(self) -> None:
        return None

    def peer_identity_key(self) -> None:
        return None

    def auth_context(self) -> dict[str, list[bytes]]:
        return {"who": [b"x"]}


async def tell_peer(request: Text, context: Context) -> Text:
    return text(f"{context.peer()} {context.auth_context()} {context.peer_identities()} {context.peer_identity_key()}")


@asynccontextmanager
async def running() -> AsyncIterator[tuple[Tunnel, Edge, Hanging, asyncio.Task[None]]]:
    hanging = Hanging()

    async def hang(request: Text, context: Context) -> Text:
        return await hanging(request, context)

    handlers = {
        "Echo": unary_unary(echo),
        "Hang": unary_unary(hang),
        "Count": unary_stream(count),
        "Peer": unary_unary(tell_peer),
    }
    registry = HandlerRegistry()
    registry.add_registered_method_handlers("stage.Stage", handlers)
    other = Edge()
    outer: Any = Outer()
    tunnel = Tunnel(InProcessChannel(registry), Peer(outer), other.take)
    task = asyncio.create_task(tunnel.run(other.said()))
    assert isinstance(await other.hear(), edge.Hello)
    try:
        yield tunnel, other, hanging, task
    finally:
        task.cancel()
        await asyncio.wait([task])


async def test_calls_of_a_batch_are_answered_together() -> None:
    async with running() as (_, other, _, _):
        other.say(*(other.begin(number) for number in range(20)))
        heard = [await other.hear() for _ in range(20)]
        assert {frame.id for frame in heard} == set(range(20))
        assert {Text.FromString(frame.payload).value for frame in heard} == {"q"}
        assert len(other.sizes) < 10


async def test_a_stream_has_a_head_responses_and_an_end() -> None:
    async with running() as (_, other, _, _):
        other.say(other.begin(1, "Count", is_stream=True))
        heard = [await other.hear() for _ in range(5)]
        assert [type(frame) for frame in heard] == [edge.Head, edge.Piece, edge.Piece, edge.Piece, edge.End]
        assert [Text.FromString(frame.payload).value for frame in heard[1:4]] == ["0", "1", "2"]


async def test_a_caller_is_where_the_tunnel_comes_from() -> None:
    async with running() as (_, other, _, _):
        other.say(other.begin(1, "Peer"))
        told = Text.FromString((await other.hear()).payload).value
    assert told == "ipv4:192.0.2.7:1234 {'who': [b'x']} None None"


async def test_cancelling_reaches_the_handler_and_is_not_answered() -> None:
    async with running() as (_, other, hanging, _):
        other.say(other.begin(1, "Hang"))
        await hanging.started.wait()
        other.say((edge.CANCEL, 1), (edge.CANCEL, 1), (edge.CREDIT, 1, 5))
        await hanging.cancelled.wait()
        other.say(other.begin(2))
        assert (await other.hear()).id == 2


async def test_a_call_may_be_cancelled_in_the_batch_that_begins_it() -> None:
    async with running() as (_, other, hanging, _):
        other.say(other.begin(1, "Hang"), (edge.CANCEL, 1), other.begin(2))
        assert (await other.hear()).id == 2
        assert not hanging.started.is_set()


async def test_a_deadline_is_the_callers() -> None:
    async with running() as (_, other, hanging, _):
        other.say(other.begin(1, "Hang", timeout=0.01))
        end = await other.hear()
        assert (end.code, hanging.cancelled.is_set()) == (grpc.StatusCode.DEADLINE_EXCEEDED.value[0], True)


async def test_an_unknown_method_and_a_wrong_kind_are_told() -> None:
    async with running() as (_, other, _, _):
        other.say(other.begin(1, "Nothing"), other.begin(2, "Count"), other.begin(3, "Echo", is_stream=True))
        codes = {frame.id: frame.code for frame in [await other.hear() for _ in range(3)]}
        assert codes == {1: 12, 2: 13, 3: 13}


async def test_metadata_that_http_cannot_carry_are_not_begun() -> None:
    async with running() as (_, other, _, _):
        other.say(other.begin(1, metadata=(("Bad Key", "x"),)), other.begin(2, metadata=(("a", 7),)))
        assert [await other.hear() for _ in range(2)] == [edge.Refused(1, False), edge.Refused(2, False)]


async def test_who_leaves_begins_nothing_new_and_ends_what_runs() -> None:
    async with running() as (tunnel, other, hanging, task):
        other.say(other.begin(1, "Hang"))
        await hanging.started.wait()
        tunnel.leave()
        tunnel.leave()
        other.say(other.begin(2))
        assert [await other.hear() for _ in range(2)] == [edge.Leaving(), edge.Refused(2)]
        other.batches.put_nowait(None)
        await asyncio.sleep(0.01)
        assert (task.done(), hanging.cancelled.is_set()) == (False, False)
        task.cancel()
        await hanging.cancelled.wait()


async def test_more_calls_than_a_tunnel_holds_are_refused() -> None:
    async with running() as (_, other, _, _):
        other.say(*(other.begin(number, "Hang") for number in range(MAX_CALLS + 1)))
        assert await other.hear() == edge.Refused(MAX_CALLS)


class Raw:
    """A method that is called without messages: answers with its body, fails, or hangs as the body says."""

    max_bytes = 1000

    def __init__(self) -> None:
        self.prepared = 0
        self.hanging = asyncio.Event()
        self.cancelled = asyncio.Event()

    def begin(self, task: asyncio.Task[Any]) -> DirectCall:
        return DirectCall(task)

    def prepare(self, metadata: Any) -> Any | None:
        self.prepared += 1
        return metadata or None

    async def answer(self, call: DirectCall, prepared: Any, body: bytes) -> Answer:
        if body == b"fail":
            raise Outcome(grpc.StatusCode.NOT_FOUND, "none", (("d-bin", b"x"),)).error((("a", "b"),))
        if body == b"closed":
            raise grpc.aio.UsageError("closed")
        if body == b"hang":
            self.hanging.set()
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                self.cancelled.set()
                raise
        return Answer(body * 50_000 if body == b"large" else body, ("who",), (prepared[0][1],), True)


@asynccontextmanager
async def direct() -> AsyncIterator[tuple[Edge, Raw]]:
    raw, other, outer = Raw(), Edge(), Outer()
    channel = InProcessChannel(HandlerRegistry())
    channel.serve_directly({METHOD + "Raw": raw})
    tunnel = Tunnel(channel, Peer(outer), other.take)  # type: ignore[arg-type]  # as far as it is asked
    task = asyncio.create_task(tunnel.run(other.said()))
    assert isinstance(await other.hear(), edge.Hello)
    other.say((edge.HEAD, 0, METHOD + "Raw", (("user", "ann"),)))
    try:
        yield other, raw
    finally:
        task.cancel()
        await asyncio.wait([task])


async def test_calls_with_one_head_need_nothing_but_their_bodies() -> None:
    async with direct() as (other, raw):
        other.say(*((edge.BODY, number, 0, b"%d" % number) for number in range(3)))
        heard = [await other.hear() for _ in range(3)]
        assert heard == [edge.Body(number, ("who",), ("ann",), True, b"%d" % number) for number in range(3)]
        assert raw.prepared == 1


async def test_a_call_with_a_head_fails_with_all_there_is_to_tell() -> None:
    async with direct() as (other, _):
        other.say((edge.BODY, 1, 0, b"fail"), (edge.BODY, 2, 0, b"closed"))
        assert await other.hear() == edge.End(1, 5, "none", (("a", "b"),), (("d-bin", b"x"),))
        assert await other.hear() == edge.Refused(2, False)


async def test_a_large_answer_to_a_call_with_a_head_goes_in_pieces() -> None:
    async with direct() as (other, _):
        other.say((edge.BODY, 1, 0, b"large"))
        pieces = []
        while isinstance(piece := await other.hear(), edge.Piece):
            pieces.append(piece.payload)
            other.say((edge.CREDIT, 1, len(piece.payload) + edge.PIECE_COST_BYTES))
        assert b"".join(pieces) == b"large" * 50_000
        assert piece == edge.End(1, 0, "", (("who", "ann"),), ())


async def test_a_call_with_a_head_is_cancelled_before_and_after_it_began() -> None:
    async with direct() as (other, raw):
        other.say((edge.BODY, 1, 0, b"hang"), (edge.CANCEL, 1))
        other.say((edge.BODY, 2, 0, b"next"))
        assert (await other.hear()).id == 2
        assert not raw.hanging.is_set()
        other.say((edge.BODY, 3, 0, b"hang"))
        await raw.hanging.wait()
        other.say((edge.CANCEL, 3))
        await raw.cancelled.wait()
        other.say((edge.BODY, 4, 0, b"next"))
        assert (await other.hear()).id == 4


HEADS = {
    "a head of a method that takes none": ((edge.HEAD, 1, METHOD + "Echo", (("user", "ann"),)), True),
    "a head that cannot be had": ((edge.HEAD, 1, METHOD + "Raw", ()), False),
    "a head that was forgotten": ((edge.FORGET_HEADS,), True),
}


@pytest.mark.parametrize("name", HEADS)
async def test_a_call_is_refused_with(name: str) -> None:
    head, is_for_good = HEADS[name]
    async with direct() as (other, _):
        other.say(head, (edge.BODY, 1, 1, b"x"))
        assert await other.hear() == edge.Refused(1, is_for_good)


async def test_more_heads_than_a_tunnel_keeps_end_it() -> None:
    async with running() as (_, other, _, task):
        other.say(*((edge.HEAD, number, METHOD + "Echo", ()) for number in range(MAX_HEADS + 1)))
        with pytest.raises(RequestInvalid):
            await task


BROKEN = {
    "no batch": b"\xff",
    "an id that does not grow": edge.write_batch([edge.write_frame(Edge.begin(None, 1))] * 2),  # type: ignore[arg-type]
    "too large a batch": b"\x90" * (MAX_BATCH_BYTES + 1),
}


@pytest.mark.parametrize("name", BROKEN)
async def test_it_ends_at(name: str) -> None:
    async with running() as (_, other, hanging, task):
        other.say(other.begin(0, "Hang"))
        await hanging.started.wait()
        other.batches.put_nowait(BROKEN[name])
        with pytest.raises(RequestInvalid):
            await task
        await hanging.cancelled.wait()


async def test_a_tunnel_that_cannot_be_written_to_ends_quietly() -> None:
    registry = HandlerRegistry()

    async def fail(batch: bytes) -> None:
        raise grpc.aio.InternalError("gone")

    outer: Any = Outer()
    tunnel = Tunnel(InProcessChannel(registry), Peer(outer), fail)
    other = Edge()
    other.batches.put_nowait(None)
    await tunnel.run(other.said())

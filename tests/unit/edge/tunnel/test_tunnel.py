"""One open tunnel on the edge's side, over a stream that a test plays the core of."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import grpc
from perpetuo.internal.v1 import tunnel_pb2

from edge.tunnel.call import UnaryCall
from edge.tunnel.tunnel import Tunnel
from server.tunnel import frames as core
from tests.unit.edge.tunnel.lines import method

HELLO = (core.HELLO, core.VERSION, 2, 1000, 64_000)


class Stream:
    """What a tunnel takes for a call of gRPC. `told` is what the core says, `batches` what it gets."""

    def __init__(self) -> None:
        self.told: asyncio.Queue[Any] = asyncio.Queue()
        self.batches: list[list[Any]] = []
        self.may_write = asyncio.Event()
        self.may_write.set()
        self.is_half_closed = False

    def __aiter__(self) -> AsyncIterator[tunnel_pb2.OpenResponse]:
        return self._responses()

    async def _responses(self) -> AsyncIterator[tunnel_pb2.OpenResponse]:
        while (told := await self.told.get()) is not None:
            if isinstance(told, BaseException):
                raise told
            frames = core.write_batch([core.write_frame(frame) for frame in told])
            yield tunnel_pb2.OpenResponse(frames=frames)

    async def write(self, request: tunnel_pb2.OpenRequest) -> None:
        await self.may_write.wait()
        self.batches.append(core.read_batch(request.frames))

    async def done_writing(self) -> None:
        self.is_half_closed = True
        self.told.put_nowait(None)

    def cancel(self) -> bool:
        return True


@asynccontextmanager
async def opened(*first: Any) -> AsyncIterator[tuple[Tunnel, Stream]]:
    stream = Stream()
    tunnel = Tunnel(stream)
    running = asyncio.create_task(tunnel.run())
    stream.told.put_nowait(first or [HELLO])
    await tunnel.opened
    try:
        yield tunnel, stream
    finally:
        stream.told.put_nowait(None)
        await running


async def settle() -> None:
    for _ in range(8):
        await asyncio.sleep(0)


def call(tunnel: Tunnel, payload: bytes = b"q", plain: Any = print) -> UnaryCall:
    return UnaryCall(method(is_stream=False, plain=plain, limits_bytes=(2**22, 2**22)), tunnel, payload, None, None)


async def test_calls_of_one_turn_go_as_one_batch() -> None:
    async with opened() as (tunnel, stream):
        calls = [call(tunnel, b"%d" % number) for number in range(3)]
        await settle()
        assert [[frame.payload for frame in batch] for batch in stream.batches] == [[b"0", b"1", b"2"]]
        stream.told.put_nowait([(core.ANSWER, each.id, (), b"a%d" % each.id, ()) for each in calls])
        assert [await each for each in calls] == [b"a0", b"a1", b"a2"]


async def test_what_comes_while_a_batch_is_sent_is_the_next() -> None:
    async with opened() as (tunnel, stream):
        stream.may_write.clear()
        calls = []
        for _ in range(4):
            calls.append(call(tunnel))
            await settle()
        stream.may_write.set()
        await settle()
        assert [len(batch) for batch in stream.batches] == [1, 3]
        for each in calls:
            each.cancel()


async def test_it_takes_what_the_core_said() -> None:
    async with opened() as (tunnel, _):
        assert (tunnel.takes(1000), tunnel.takes(1001)) == (True, False)
        calls = [call(tunnel), call(tunnel)]
        assert not tunnel.takes(1)
        calls[0].cancel()
        assert tunnel.takes(1)
        calls[1].cancel()


async def test_it_takes_nothing_while_too_much_waits_to_be_sent() -> None:
    async with opened((core.HELLO, core.VERSION, 10, 2**21, 64_000)) as (tunnel, stream):
        stream.may_write.clear()
        call(tunnel)
        await settle()
        call(tunnel, b"x" * 2**20)
        assert not tunnel.takes(1)
        stream.may_write.set()
        await settle()
        assert tunnel.takes(1)


async def test_a_core_that_stops_gets_nothing_new_and_ends_what_runs() -> None:
    async with opened() as (tunnel, stream):
        made = call(tunnel)
        await settle()
        stream.told.put_nowait([(core.LEAVING,)])
        await tunnel.ended
        await settle()
        assert (tunnel.takes(1), stream.is_half_closed) == (False, False)
        stream.told.put_nowait([(core.ANSWER, made.id, (), b"last", ())])
        assert await made == b"last"
        await settle()
        assert stream.is_half_closed


async def test_of_a_tunnel_that_breaks_what_was_never_sent_goes_the_plain_way() -> None:
    plain: list[bytes] = []

    class Plain:
        def __init__(self, request: bytes, **options: Any) -> None:
            plain.append(request)

    async with opened() as (tunnel, stream):
        sent = call(tunnel, b"sent", Plain)
        await settle()
        stream.may_write.clear()
        halfway = call(tunnel, b"halfway", Plain)
        await settle()
        call(tunnel, b"unsent", Plain)
        stream.told.put_nowait(
            grpc.aio.AioRpcError(grpc.StatusCode.UNAVAILABLE, grpc.aio.Metadata(), grpc.aio.Metadata(), "gone", "gone")
        )
        await tunnel.ended
        assert (await sent.code(), await halfway.code()) == (grpc.StatusCode.UNAVAILABLE,) * 2
        assert (plain, tunnel.code) == ([b"unsent"], grpc.StatusCode.UNAVAILABLE)


async def test_a_call_that_the_core_has_not_begun_goes_the_plain_way() -> None:
    plain: list[bytes] = []

    class Plain:
        def __init__(self, request: bytes, **options: Any) -> None:
            plain.append(request)

    async with opened() as (tunnel, stream):
        made = call(tunnel, b"again", Plain)
        await settle()
        stream.told.put_nowait([(core.REFUSED, made.id)])
        await settle()
        assert plain == [b"again"]


async def test_a_core_of_another_version_is_not_spoken_to() -> None:
    async with opened((core.HELLO, core.VERSION + 1, 2, 1000, 64_000)) as (tunnel, _):
        assert not tunnel.opened.result()
        assert not tunnel.takes(1)


async def test_what_is_no_batch_ends_the_tunnel() -> None:
    async with opened() as (tunnel, stream):
        made = call(tunnel)
        await settle()
        stream.told.put_nowait([(core.EVENTS, made.id, "no list")])
        assert await made.code() is grpc.StatusCode.UNAVAILABLE


async def test_cancelling_it_cancels_its_calls() -> None:
    async with opened() as (tunnel, stream):
        made = call(tunnel)
        tunnel.cancel()
        assert made.cancelled()
        await settle()
        assert [len(batch) for batch in stream.batches] == [2]

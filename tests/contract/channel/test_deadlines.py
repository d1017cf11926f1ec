"""Until when a call may take."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import grpc
import pytest

from tests.contract.channel.stage import (
    PATIENCE_S,
    SOON_S,
    Context,
    Stage,
    Text,
    drain,
    text,
    unary_stream,
    unary_unary,
)

Play = Callable[..., Awaitable[Stage]]
EXPIRED = (grpc.StatusCode.DEADLINE_EXCEEDED, "Deadline Exceeded")


class Watched:
    """A handler that waits for ever, and tells when it was cancelled."""

    def __init__(self, is_stubborn: bool = False) -> None:
        self.cancelled = asyncio.Event()
        self.release = asyncio.Event()
        self._is_stubborn = is_stubborn

    async def wait(self, request: Text, context: Context) -> Text:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            self.cancelled.set()
            if not self._is_stubborn:
                raise
            await self.release.wait()
        return request


@pytest.mark.parametrize("is_stubborn", [False, True], ids=["gives up", "goes on regardless"])
async def test_the_deadline_ends_the_call_and_cancels_a_handler_that(
    play: Play, transport: str, is_stubborn: bool
) -> None:
    if transport == "here" and is_stubborn:
        pytest.skip("There the end waits for the handler, which test_here.py pins.")
    watched = Watched(is_stubborn)
    stage = await play(Do=unary_unary(watched.wait))
    call = stage.unary_unary()(text("q"), timeout=SOON_S)
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    assert (caught.value.code(), caught.value.details()) == EXPIRED
    assert (call.done(), call.cancelled(), call.time_remaining()) == (True, False, 0)
    async with asyncio.timeout(PATIENCE_S):
        await watched.cancelled.wait()
    watched.release.set()


async def test_a_deadline_in_the_past_fails_at_once(play: Play) -> None:
    stage = await play(Do=unary_unary(Watched().wait))
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await stage.unary_unary()(text("q"), timeout=-1)
    assert (caught.value.code(), caught.value.details()) == EXPIRED


async def test_both_sides_see_the_time_that_remains(play: Play) -> None:
    seen: list[float | None] = []

    async def note(request: Text, context: Context) -> Text:
        seen.append(context.time_remaining())
        return request

    stage = await play(Do=unary_unary(note))
    call = stage.unary_unary()(text("q"), timeout=60)
    remaining = call.time_remaining()
    assert remaining is not None
    assert 50 < remaining <= 60
    await call
    assert seen[0] is not None
    assert 50 < seen[0] <= 61  # a socket rounds it up


async def test_without_a_deadline_nobody_sees_one(play: Play) -> None:
    seen: list[float | None] = []

    async def note(request: Text, context: Context) -> Text:
        seen.append(context.time_remaining())
        return request

    stage = await play(Do=unary_unary(note))
    call = stage.unary_unary()(text("q"))
    assert call.time_remaining() is None
    await call
    assert seen == [None]


async def test_the_deadline_of_a_stream_comes_after_what_was_read(play: Play) -> None:
    async def stall(request: Text, context: Context) -> AsyncIterator[Text]:
        yield text("1")
        await asyncio.Event().wait()

    stage = await play(Do=unary_stream(stall))
    messages: list[str] = []
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await drain(stage.unary_stream()(text("q"), timeout=SOON_S), messages)
    assert (messages, caught.value.code()) == (["1"], grpc.StatusCode.DEADLINE_EXCEEDED)
    assert "Deadline Exceeded" in str(caught.value.details())


async def test_the_deadline_ends_a_call_whose_answer_nobody_reads(play: Play) -> None:
    async def many(request: Text, context: Context) -> AsyncIterator[Text]:
        while True:
            yield text("x" * 100_000)

    stage = await play(Do=unary_stream(many))
    call = stage.unary_stream()(text("q"), timeout=SOON_S)
    async with asyncio.timeout(PATIENCE_S):
        assert await call.code() is grpc.StatusCode.DEADLINE_EXCEEDED


async def test_the_deadline_of_a_finished_call_changes_nothing(play: Play) -> None:
    async def echo(request: Text, context: Context) -> Text:
        return request

    stage = await play(Do=unary_unary(echo))
    call = stage.unary_unary()(text("q"), timeout=SOON_S)
    await call
    slower = stage.unary_unary()(text("q"), timeout=2 * SOON_S)
    await slower
    loop = asyncio.get_running_loop()
    passed = loop.create_future()
    loop.call_later(1.1 * SOON_S, passed.set_result, None)
    await passed
    assert (await call, await call.code()) == (text("q"), grpc.StatusCode.OK)

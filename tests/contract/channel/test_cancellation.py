"""Ending a call before its time, from either side and by any means."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from typing import Any

import grpc
import pytest

from tests.contract.channel.stage import (
    PATIENCE_S,
    Context,
    Stage,
    Text,
    drain,
    stream_unary,
    text,
    unary_stream,
    unary_unary,
)

Play = Callable[..., Awaitable[Stage]]


class Watched:
    """Handlers that wait for ever or produce for ever, and tell how far they came."""

    def __init__(self) -> None:
        self.started = asyncio.Event()
        self.cancelled = asyncio.Event()
        self.finalised = asyncio.Event()
        self.produced = 0

    async def wait(self, request: Text, context: Context) -> Text:
        self.started.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            self.cancelled.set()
            raise
        return request

    async def stall(self, request: Text, context: Context) -> AsyncIterator[Text]:
        try:
            yield text("1")
            self.started.set()
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            self.cancelled.set()
            raise
        finally:
            self.finalised.set()

    async def pour(self, request: Text, context: Context) -> AsyncIterator[Text]:
        try:
            while True:
                self.produced += 1
                self.started.set()
                yield text("x" * 50_000)
        finally:
            self.finalised.set()


async def soon(event: asyncio.Event) -> None:
    async with asyncio.timeout(PATIENCE_S):
        await event.wait()


async def test_cancelling_reaches_the_handler(play: Play) -> None:
    watched = Watched()
    stage = await play(Do=unary_unary(watched.wait))
    call = stage.unary_unary()(text("q"))
    await soon(watched.started)
    assert call.cancel()
    await soon(watched.cancelled)


async def test_a_cancelled_call_raises_cancelled_and_tells_so(play: Play) -> None:
    watched = Watched()
    stage = await play(Do=unary_unary(watched.wait))
    call = stage.unary_unary()(text("q"))
    await soon(watched.started)
    assert (call.cancel(), call.cancel()) == (True, False)
    with pytest.raises(asyncio.CancelledError):
        await call
    assert (call.done(), call.cancelled()) == (True, True)
    assert await call.code() is grpc.StatusCode.CANCELLED
    assert await call.details() == "Locally cancelled by application!"
    assert tuple(await call.trailing_metadata()) == ()


async def test_cancelling_before_the_call_has_begun_works(play: Play) -> None:
    stage = await play(Do=unary_unary(Watched().wait))
    call = stage.unary_unary()(text("q"))
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call


async def test_cancelling_the_awaiting_task_cancels_the_call(play: Play) -> None:
    watched = Watched()
    stage = await play(Do=unary_unary(watched.wait))
    call = stage.unary_unary()(text("q"))

    async def awaits() -> None:
        await call

    task = asyncio.create_task(awaits())
    await soon(watched.started)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await soon(watched.cancelled)
    assert call.cancelled()


async def test_done_callbacks_run_on_cancellation(play: Play) -> None:
    watched = Watched()
    stage = await play(Do=unary_unary(watched.wait))
    call = stage.unary_unary()(text("q"))
    seen: list[bool] = []
    call.add_done_callback(lambda ended: seen.append(ended.cancelled()))
    call.cancel()
    assert seen == [True]


async def test_callbacks_of_the_context_run_when_the_handler_has_ended(play: Play) -> None:
    ended = asyncio.Event()

    def note(ctx: Any) -> None:
        ended.set()

    async def behavior(request: Text, context: Context) -> Text:
        context.add_done_callback(note)  # type: ignore[arg-type]  # its stub wants a generic callable
        return request

    stage = await play(Do=unary_unary(behavior))
    await stage.unary_unary()(text("q"))
    await soon(ended)


async def test_cancelling_a_stream_that_waits_reaches_its_handler(play: Play) -> None:
    watched = Watched()
    stage = await play(Do=unary_stream(watched.stall))
    call = stage.unary_stream()(text("q"))
    async for _ in call:
        # Until then the handler may still be sending, and a generator that is closed there sees no cancellation.
        await soon(watched.started)
        call.cancel()
        break
    await soon(watched.cancelled)
    await soon(watched.finalised)
    assert await call.code() is grpc.StatusCode.CANCELLED


async def test_reading_on_after_cancelling_raises_cancelled(play: Play) -> None:
    stage = await play(Do=unary_stream(Watched().stall))
    call = stage.unary_stream()(text("q"))
    messages: list[str] = []
    async for message in call:
        messages.append(message.value)
        break
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await drain(call, messages)
    assert messages == ["1"]


async def test_cancelling_a_stream_that_is_blocked_by_its_reader_finalises_the_generator(play: Play) -> None:
    watched = Watched()
    stage = await play(Do=unary_stream(watched.pour))
    call = stage.unary_stream()(text("q"))
    await soon(watched.started)
    call.cancel()
    await soon(watched.finalised)


async def test_a_reader_that_is_cancelled_cancels_the_stream(play: Play) -> None:
    watched = Watched()
    stage = await play(Do=unary_stream(watched.stall))
    call = stage.unary_stream()(text("q"))
    first = asyncio.Event()

    async def reads() -> None:
        async for _ in call:
            first.set()

    task = asyncio.create_task(reads())
    await soon(watched.started)
    await soon(first)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await soon(watched.finalised)
    assert call.cancelled()


async def test_a_reader_that_gives_up_in_a_finally_ends_the_handler(play: Play) -> None:
    watched = Watched()
    stage = await play(Do=unary_stream(watched.pour))

    async def first() -> AsyncGenerator[Text, None]:
        call = stage.unary_stream()(text("q"))
        try:
            async for message in call:
                yield message
        finally:
            call.cancel()

    async with aclosing(first()) as messages:
        async for _ in messages:
            break
    await soon(watched.finalised)


async def test_a_reader_that_raises_in_the_loop_ends_the_handler_by_its_finally(play: Play) -> None:
    watched = Watched()
    stage = await play(Do=unary_stream(watched.pour))
    call = stage.unary_stream()(text("q"))

    async def reads() -> None:
        try:
            async for _ in call:
                raise ValueError("enough")
        finally:
            call.cancel()

    with pytest.raises(ValueError, match="enough"):
        await reads()
    await soon(watched.finalised)


async def test_an_abandoned_handler_produces_no_more(play: Play) -> None:
    watched = Watched()
    stage = await play(Do=unary_stream(watched.pour))
    call = stage.unary_stream()(text("q"))
    async for _ in call:
        break
    call.cancel()
    await soon(watched.finalised)
    produced = watched.produced
    assert await stage.unary_stream("Nothing")(text("q")).code() is grpc.StatusCode.UNIMPLEMENTED
    assert watched.produced == produced


async def test_cancelling_while_requests_are_sent_ends_both_sides(play: Play) -> None:
    ended = asyncio.Event()
    started = asyncio.Event()

    async def collect(requests: AsyncIterator[Text], context: Context) -> Text:
        try:
            async for _ in requests:
                started.set()
            return text("cut short")
        finally:
            ended.set()

    stage = await play(Do=stream_unary(collect))
    call = stage.stream_unary()()
    await call.write(text("1"))
    await soon(started)
    call.cancel()
    await soon(ended)
    with pytest.raises(asyncio.InvalidStateError):
        await call.write(text("2"))
    with pytest.raises(asyncio.CancelledError):
        await call


async def test_the_outcome_of_a_finished_call_survives_a_late_cancel(play: Play) -> None:
    async def echo(request: Text, context: Context) -> Text:
        return request

    stage = await play(Do=unary_unary(echo))
    call = stage.unary_unary()(text("q"))
    await call
    assert (call.cancel(), await call.code()) == (False, grpc.StatusCode.OK)


async def test_closing_the_channel_cancels_what_runs(play: Play) -> None:
    watched = Watched()
    stage = await play(Do=unary_unary(watched.wait))
    call = stage.unary_unary()(text("q"))
    await soon(watched.started)
    await stage.channel.close()
    with pytest.raises(asyncio.CancelledError):
        await call
    await soon(watched.cancelled)


async def test_closing_the_channel_with_grace_lets_calls_end(play: Play) -> None:
    release = asyncio.Event()
    started = asyncio.Event()

    async def wait(request: Text, context: Context) -> Text:
        started.set()
        await release.wait()
        return request

    stage = await play(Do=unary_unary(wait))
    call = stage.unary_unary()(text("q"))
    await soon(started)
    closing = asyncio.create_task(stage.channel.close(PATIENCE_S))
    await asyncio.sleep(0)
    release.set()
    await closing
    assert await call == text("q")

"""Many messages, in one direction or both."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any

import grpc
import pytest

from tests.contract.channel.stage import (
    ISOLATING,
    PATIENCE_S,
    Context,
    Stage,
    Text,
    stream_stream,
    stream_unary,
    text,
    unary_stream,
)

Play = Callable[..., Awaitable[Stage]]


async def count(request: Text, context: Context) -> AsyncIterator[Text]:
    for number in range(int(request.value)):
        yield text(str(number))


async def count_by_writing(request: Text, context: Context) -> None:
    for number in range(int(request.value)):
        await context.write(text(str(number)))


async def count_both_ways(request: Text, context: Context) -> AsyncIterator[Text]:
    for number in range(int(request.value)):
        if number % 2:
            yield text(str(number))
        else:
            await context.write(text(str(number)))


@pytest.mark.parametrize("behavior", [count, count_by_writing, count_both_ways], ids=["yields", "writes", "does both"])
@pytest.mark.parametrize("length", [0, 1, 300])
async def test_messages_arrive_in_order_from_a_handler_that(play: Play, behavior: Any, length: int) -> None:
    stage = await play(Do=unary_stream(behavior))
    call = stage.unary_stream()(text(str(length)))
    assert [message.value async for message in call] == [str(number) for number in range(length)]
    assert (await call.code(), await call.details(), call.done()) == (grpc.StatusCode.OK, "", True)


async def test_read_gives_messages_and_then_the_end_again_and_again(play: Play) -> None:
    stage = await play(Do=unary_stream(count))
    call = stage.unary_stream()(text("2"))
    assert [await call.read() for _ in range(4)] == [text("0"), text("1"), grpc.aio.EOF, grpc.aio.EOF]


async def test_read_raises_the_error_after_the_messages(play: Play) -> None:
    async def fails(request: Text, context: Context) -> AsyncIterator[Text]:
        yield text("1")
        await context.abort(grpc.StatusCode.ABORTED, "enough")

    stage = await play(Do=unary_stream(fails))
    call = stage.unary_stream()(text("q"))
    assert await call.read() == text("1")
    for _ in range(2):
        with pytest.raises(grpc.aio.AioRpcError, match="enough"):
            await call.read()


async def test_iterating_again_after_the_end_gives_nothing(play: Play) -> None:
    stage = await play(Do=unary_stream(count))
    call = stage.unary_stream()(text("2"))
    assert [len([message async for message in call]) for _ in range(2)] == [2, 0]


async def test_a_loop_can_be_left_and_taken_up_again(play: Play) -> None:
    stage = await play(Do=unary_stream(count))
    call = stage.unary_stream()(text("3"))
    first = []
    async for message in call:
        first.append(message.value)
        break
    rest = [message.value async for message in call]
    assert (first, rest) == (["0"], ["1", "2"])


@pytest.mark.parametrize("transport", ISOLATING)
async def test_the_two_ways_of_reading_cannot_be_mixed(play: Play) -> None:
    stage = await play(Do=unary_stream(count))
    call = stage.unary_stream()(text("3"))
    await call.read()
    with pytest.raises(grpc.aio.UsageError):
        async for _ in call:
            pass
    call.cancel()


async def test_a_message_arrives_when_it_is_sent_not_at_the_end(play: Play) -> None:
    release = asyncio.Event()

    async def two(request: Text, context: Context) -> AsyncIterator[Text]:
        yield text("1")
        await release.wait()
        yield text("2")

    stage = await play(Do=unary_stream(two))
    call = stage.unary_stream()(text("q"))
    async with asyncio.timeout(PATIENCE_S):
        first = await call.read()
    assert (first, call.done()) == (text("1"), False)
    release.set()
    assert await call.read() == text("2")
    assert await call.read() is grpc.aio.EOF


async def test_waiting_for_the_connection_of_a_stream_returns_when_it_has_begun(play: Play) -> None:
    stage = await play(Do=unary_stream(count))
    call = stage.unary_stream()(text("1"))
    async with asyncio.timeout(PATIENCE_S):
        await call.wait_for_connection()
    assert [message.value async for message in call] == ["0"]


async def join(requests: AsyncIterator[Text], context: Context) -> Text:
    return text(",".join([request.value async for request in requests]))


async def join_by_reading(requests: AsyncIterator[Text], context: Context) -> Text:
    values = []
    while (request := await context.read()) is not grpc.aio.EOF:
        values.append(request.value)
    return text(",".join(values))


def plain(values: str) -> Iterator[Text]:
    yield from (text(value) for value in values)


async def asynchronous(values: str) -> AsyncIterator[Text]:
    for value in values:
        await asyncio.sleep(0)
        yield text(value)


@pytest.mark.parametrize("behavior", [join, join_by_reading], ids=["iterates", "reads"])
@pytest.mark.parametrize("source", [plain, asynchronous], ids=["a plain iterator", "an asynchronous one"])
async def test_requests_of_an_iterator_reach_a_handler_that(play: Play, source: Any, behavior: Any) -> None:
    stage = await play(Do=stream_unary(behavior))
    assert await stage.stream_unary()(source("abcde")) == text("a,b,c,d,e")


async def test_a_stream_of_no_requests_is_one(play: Play) -> None:
    stage = await play(Do=stream_unary(join))
    assert await stage.stream_unary()(iter(())) == text("")


async def test_requests_can_be_written_one_by_one(play: Play) -> None:
    stage = await play(Do=stream_unary(join))
    call = stage.stream_unary()()
    for value in "abc":
        await call.write(text(value))
    await call.done_writing()
    await call.done_writing()
    assert await call == text("a,b,c")


async def test_writing_after_the_end_of_requests_is_refused(play: Play) -> None:
    stage = await play(Do=stream_unary(join))
    call = stage.stream_unary()()
    await call.done_writing()
    with pytest.raises(asyncio.InvalidStateError):
        await call.write(text("late"))
    assert await call == text("")


async def test_writing_beside_an_iterator_is_refused(play: Play) -> None:
    stage = await play(Do=stream_unary(join))
    call = stage.stream_unary()(plain("ab"))
    with pytest.raises(grpc.aio.UsageError):
        await call.write(text("c"))
    assert await call == text("a,b")


async def test_a_handler_may_answer_before_all_requests_came(play: Play) -> None:
    async def first(requests: AsyncIterator[Text], context: Context) -> Text:
        async for request in requests:
            return request
        return text("none")

    async def endless() -> AsyncIterator[Text]:
        while True:
            yield text("again")
            await asyncio.sleep(0)

    stage = await play(Do=stream_unary(first))
    async with asyncio.timeout(PATIENCE_S):
        assert await stage.stream_unary()(endless()) == text("again")


async def test_a_handler_may_fail_before_all_requests_came(play: Play) -> None:
    async def fails(requests: AsyncIterator[Text], context: Context) -> Text:
        await context.abort(grpc.StatusCode.PERMISSION_DENIED, "no")

    # A write that meets the end of the call may fail with INTERNAL over a socket, so there is one and then none.
    async def unfinished() -> AsyncIterator[Text]:
        yield text("once")
        await asyncio.Event().wait()

    stage = await play(Do=stream_unary(fails))
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        async with asyncio.timeout(PATIENCE_S):
            await stage.stream_unary()(unfinished())
    assert caught.value.code() is grpc.StatusCode.PERMISSION_DENIED


async def test_an_iterator_of_requests_that_raises_cancels_the_call(play: Play) -> None:
    cancelled = asyncio.Event()

    async def collect(requests: AsyncIterator[Text], context: Context) -> Text:
        try:
            return await join(requests, context)
        except asyncio.CancelledError:
            cancelled.set()
            raise

    async def breaks() -> AsyncIterator[Text]:
        yield text("1")
        raise ValueError("torn")

    stage = await play(Do=stream_unary(collect))
    call = stage.stream_unary()(breaks())
    with pytest.raises(asyncio.CancelledError):
        await call
    assert await call.code() is grpc.StatusCode.CANCELLED


async def test_a_conversation_goes_to_and_fro(play: Play) -> None:
    async def answer(requests: AsyncIterator[Text], context: Context) -> AsyncIterator[Text]:
        async for request in requests:
            yield text(request.value.upper())

    stage = await play(Do=stream_stream(answer))
    call = stage.stream_stream()()
    heard = []
    for value in "abc":
        await call.write(text(value))
        heard.append(await call.read())
    await call.done_writing()
    assert await call.read() is grpc.aio.EOF
    assert (heard, await call.code()) == ([text("A"), text("B"), text("C")], grpc.StatusCode.OK)


async def test_a_handler_may_go_on_after_the_requests_have_ended(play: Play) -> None:
    async def afterwards(requests: AsyncIterator[Text], context: Context) -> AsyncIterator[Text]:
        values = [request.value async for request in requests]
        for value in reversed(values):
            yield text(value)

    stage = await play(Do=stream_stream(afterwards))
    call = stage.stream_stream()(plain("abc"))
    assert [message.value async for message in call] == ["c", "b", "a"]


async def test_a_handler_may_end_while_requests_still_come(play: Play) -> None:
    async def ends(requests: AsyncIterator[Text], context: Context) -> AsyncIterator[Text]:
        async for request in requests:
            yield request
            return

    stage = await play(Do=stream_stream(ends))
    call = stage.stream_stream()()
    await call.write(text("1"))
    assert [await call.read(), await call.read()] == [text("1"), grpc.aio.EOF]
    assert await call.code() is grpc.StatusCode.OK
    with pytest.raises(asyncio.InvalidStateError):
        await call.write(text("2"))

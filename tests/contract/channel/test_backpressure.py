"""A slow side holds up the fast one."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

from tests.contract.channel.stage import PATIENCE_S, Context, Stage, Text, stream_unary, text, unary_stream

Play = Callable[..., Awaitable[Stage]]
MESSAGES = 200
MESSAGE_BYTES = 100_000
RUN_AHEAD_MESSAGES = 12


async def until_it_stands_still(count: Callable[[], int]) -> int:
    """Waits until a counter has not moved for a while, and returns it."""
    loop = asyncio.get_running_loop()
    last, since = count(), loop.time()
    async with asyncio.timeout(PATIENCE_S):
        while loop.time() - since < 0.2:
            await asyncio.sleep(0.01)
            if count() != last:
                last, since = count(), loop.time()
    return last


async def test_a_slow_reader_blocks_the_handler(play: Play) -> None:
    produced = 0

    async def pour(request: Text, context: Context) -> AsyncIterator[Text]:
        nonlocal produced
        for _ in range(MESSAGES):
            produced += 1
            yield text("x" * MESSAGE_BYTES)

    stage = await play(Do=unary_stream(pour))
    call = stage.unary_stream()(text("q"))
    await call.read()
    ahead = await until_it_stands_still(lambda: produced)
    assert 1 < ahead <= RUN_AHEAD_MESSAGES
    rest = 0
    while await call.read():
        rest += 1
    assert (rest, produced) == (MESSAGES - 1, MESSAGES)


async def test_a_handler_that_writes_is_blocked_as_well(play: Play) -> None:
    produced = 0

    async def pour(request: Text, context: Context) -> None:
        nonlocal produced
        for _ in range(MESSAGES):
            produced += 1
            await context.write(text("x" * MESSAGE_BYTES))

    stage = await play(Do=unary_stream(pour))
    call = stage.unary_stream()(text("q"))
    await call.read()
    assert await until_it_stands_still(lambda: produced) <= RUN_AHEAD_MESSAGES
    call.cancel()


async def test_a_slow_handler_blocks_the_iterator_of_requests(play: Play) -> None:
    produced = 0
    release = asyncio.Event()

    async def pour() -> AsyncIterator[Text]:
        nonlocal produced
        for _ in range(MESSAGES):
            produced += 1
            yield text("x" * MESSAGE_BYTES)

    async def count(requests: AsyncIterator[Text], context: Context) -> Text:
        await release.wait()
        return text(str(len([request async for request in requests])))

    stage = await play(Do=stream_unary(count))
    call = stage.stream_unary()(pour())
    ahead = await until_it_stands_still(lambda: produced)
    release.set()
    assert ahead <= RUN_AHEAD_MESSAGES
    assert await call == text(str(MESSAGES))


async def test_a_slow_handler_blocks_write(play: Play) -> None:
    release = asyncio.Event()
    written = 0

    async def count(requests: AsyncIterator[Text], context: Context) -> Text:
        await release.wait()
        return text(str(len([request async for request in requests])))

    stage = await play(Do=stream_unary(count))
    call = stage.stream_unary()()

    async def write() -> None:
        nonlocal written
        for _ in range(MESSAGES):
            await call.write(text("x" * MESSAGE_BYTES))
            written += 1
        await call.done_writing()

    writing = asyncio.create_task(write())
    ahead = await until_it_stands_still(lambda: written)
    release.set()
    await writing
    assert ahead <= RUN_AHEAD_MESSAGES
    assert await call == text(str(MESSAGES))


async def test_streams_side_by_side_do_not_hold_each_other_up(play: Play) -> None:
    async def pour(request: Text, context: Context) -> AsyncIterator[Text]:
        for _ in range(20):
            yield text(request.value)

    stage = await play(Do=unary_stream(pour))
    blocked = stage.unary_stream()(text("x" * MESSAGE_BYTES))
    await blocked.read()
    assert len([message async for message in stage.unary_stream()(text("y"))]) == 20
    blocked.cancel()

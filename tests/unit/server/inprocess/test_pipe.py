"""A bounded queue between two tasks."""

import asyncio

import pytest

from server.inprocess.payload import Sealed, Writer
from server.inprocess.pipe import Pipe


def item(number: int) -> Sealed:
    return Writer(None).seal(str(number).encode())


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


@pytest.fixture
async def pipe() -> Pipe:
    return Pipe(asyncio.get_running_loop(), 2)


async def test_items_come_out_in_order(pipe: Pipe) -> None:
    async def fill() -> None:
        for number in range(20):
            assert await pipe.put(item(number))
        pipe.close()

    filling = asyncio.create_task(fill())
    seen = []
    while (sealed := await pipe.get()) is not None:
        seen.append(sealed.raw)
    await filling
    assert seen == [str(number).encode() for number in range(20)]


async def test_a_full_pipe_blocks_its_writer_until_one_is_taken(pipe: Pipe) -> None:
    assert await pipe.put(item(1))
    assert await pipe.put(item(2))
    third = asyncio.create_task(pipe.put(item(3)))
    await settle()
    assert not third.done()
    await pipe.get()
    assert await third


async def test_an_empty_pipe_blocks_its_reader_until_one_comes(pipe: Pipe) -> None:
    reading = asyncio.create_task(pipe.get())
    await settle()
    assert not reading.done()
    await pipe.put(item(1))
    sealed = await reading
    assert sealed is not None
    assert sealed.raw == b"1"


async def test_a_closed_pipe_gives_what_it_holds_and_then_ends(pipe: Pipe) -> None:
    await pipe.put(item(1))
    pipe.close()
    pipe.close()
    assert not pipe.is_drained
    assert await pipe.get() is not None
    assert pipe.is_drained
    assert await pipe.get() is None
    assert not await pipe.put(item(2))


async def test_discarding_ends_both_sides_at_once(pipe: Pipe) -> None:
    for number in range(2):
        await pipe.put(item(number))
    writing = asyncio.create_task(pipe.put(item(3)))
    await settle()
    pipe.discard()
    assert (await writing, await pipe.get()) == (False, None)


async def test_discarding_wakes_a_reader(pipe: Pipe) -> None:
    reading = asyncio.create_task(pipe.get())
    await settle()
    pipe.discard()
    assert await reading is None


async def test_a_cancelled_reader_leaves_the_item_to_the_next(pipe: Pipe) -> None:
    first, second = asyncio.create_task(pipe.get()), asyncio.create_task(pipe.get())
    await settle()
    await pipe.put(item(1))
    first.cancel()
    sealed = await second
    assert sealed is not None
    assert sealed.raw == b"1"


async def test_a_cancelled_writer_puts_nothing(pipe: Pipe) -> None:
    for number in range(2):
        await pipe.put(item(number))
    writing = asyncio.create_task(pipe.put(item(3)))
    await settle()
    writing.cancel()
    await settle()
    pipe.close()
    assert [(await pipe.get()) is not None for _ in range(3)] == [True, True, False]

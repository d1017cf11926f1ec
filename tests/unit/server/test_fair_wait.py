"""It ends a wait in time, and not because the loop was held up."""

import asyncio
import time

import pytest

from server.fair_wait import FairWait


async def wait_for(answer: "asyncio.Future[str]", span_s: float) -> str:
    async with asyncio.timeout(None) as limit:
        patience = FairWait(limit, span_s)
        try:
            return await answer
        finally:
            patience.stop()


async def test_an_answer_that_never_comes_is_not_waited_for() -> None:
    with pytest.raises(TimeoutError):
        await wait_for(asyncio.get_running_loop().create_future(), 0.01)


async def test_an_answer_that_comes_while_the_loop_is_held_up_counts() -> None:
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[str] = loop.create_future()
    waiting = asyncio.ensure_future(wait_for(answer, 0.1))
    await asyncio.sleep(0)
    # The answer is told by the turn of the loop after the one in which the time is over.
    loop.call_soon(lambda: loop.call_soon(lambda: loop.call_soon(answer.set_result, "there")))
    time.sleep(0.2)  # noqa: ASYNC251 - this is what holds up the loop
    assert await waiting == "there"


async def test_a_loop_that_is_held_up_all_the_time_does_not_wait_for_ever() -> None:
    waiting = asyncio.ensure_future(wait_for(asyncio.get_running_loop().create_future(), 0.01))
    async with asyncio.timeout(30):
        while not waiting.done():
            time.sleep(0.02)  # noqa: ASYNC251 - this is what holds up the loop
            await asyncio.sleep(0)
    with pytest.raises(TimeoutError):
        await waiting

"""Calls that run in the task of their caller; what they share with all others is in the suite of the channel."""

import asyncio
from contextvars import ContextVar
from typing import Any

import grpc
import pytest

from server.inprocess import HandlerRegistry, InProcessChannel
from server.inprocess.channel import UnaryUnary
from tests.contract.channel.stage import SERVICE, Context, Text, text, unary_unary

LABEL: ContextVar[str] = ContextVar("LABEL", default="unset")


def method_of(behavior: Any) -> tuple[InProcessChannel, UnaryUnary]:
    registry = HandlerRegistry()
    registry.add_registered_method_handlers(SERVICE, {"Do": unary_unary(behavior)})
    channel = InProcessChannel(registry)
    return channel, channel.unary_unary(f"/{SERVICE}/Do", Text.SerializeToString, Text.FromString)


async def test_the_handler_runs_in_the_task_and_the_context_of_whoever_awaits() -> None:
    seen: list[object] = []

    async def look(request: Text, context: Context) -> Text:
        seen.extend((asyncio.current_task(), LABEL.get()))
        return request

    _, method = method_of(look)
    LABEL.set("mine")
    call = method.here(text("q"))
    assert seen == []
    await call
    assert seen == [asyncio.current_task(), "mine"]


async def test_messages_are_handed_over_and_not_copied() -> None:
    seen: list[Text] = []

    async def echo(request: Text, context: Context) -> Text:
        seen.append(request)
        return request

    request = text("q")
    call = method_of(echo)[1].here(request)
    assert await call is seen[0] is request
    assert await call is request


async def test_both_metadata_are_there_at_the_end() -> None:
    async def tell(request: Text, context: Context) -> Text:
        await context.send_initial_metadata((("a", "1"),))
        context.set_trailing_metadata((("b", "2"),))
        return request

    call = method_of(tell)[1].here(text("q"))
    assert [*call.received_metadata] == [(), ()]
    await call
    assert call.received_metadata == ((("a", "1"),), (("b", "2"),))


async def waits(request: Text, context: Context) -> Text:
    await asyncio.Event().wait()
    return request


@pytest.mark.parametrize("times", [1, 2])
async def test_a_call_that_is_cancelled_leaves_its_task_alone(times: int) -> None:
    call = method_of(waits)[1].here(text("q"))
    for _ in range(times):
        asyncio.get_running_loop().call_soon(call.cancel)
    with pytest.raises(asyncio.CancelledError):
        await call
    task = asyncio.current_task()
    assert task is not None
    assert (task.cancelling(), call.cancelled()) == (0, True)
    await asyncio.sleep(0)


async def test_a_call_that_is_cancelled_before_it_began_never_runs() -> None:
    call = method_of(waits)[1].here(text("q"))
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call


async def test_a_task_that_is_cancelled_takes_its_call_with_it() -> None:
    began = asyncio.Event()

    async def wait(request: Text, context: Context) -> Text:
        began.set()
        return await waits(request, context)

    channel, method = method_of(wait)
    call = method.here(text("q"))

    async def run() -> None:
        await call

    task = asyncio.ensure_future(run())
    await began.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert task.cancelling() == 1
    assert (call.cancelled(), channel.running) == (True, set())


async def test_the_deadline_of_a_handler_that_goes_on_is_told_when_it_is_done() -> None:
    async def goes_on(request: Text, context: Context) -> Text:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            await asyncio.sleep(0)
        return request

    call = method_of(goes_on)[1].here(text("q"), timeout=0.01)
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0


async def test_stopping_the_channel_ends_the_call_and_not_its_task() -> None:
    channel, method = method_of(waits)
    call = method.here(text("q"))
    stopping = asyncio.ensure_future(channel.stop(0))
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
    await stopping
    assert channel.running == set()

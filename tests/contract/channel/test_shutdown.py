"""Stopping the server, closing the channel."""

import asyncio
from collections.abc import Awaitable, Callable

import grpc
import pytest

from tests.contract.channel.stage import PATIENCE_S, Context, Stage, Text, text, unary_unary

Play = Callable[..., Awaitable[Stage]]


class Gate:
    """A handler that waits to be released."""

    def __init__(self) -> None:
        self.started = asyncio.Event()
        self.release = asyncio.Event()
        self.cancelled = asyncio.Event()

    async def wait(self, request: Text, context: Context) -> Text:
        self.started.set()
        try:
            await self.release.wait()
        except asyncio.CancelledError:
            self.cancelled.set()
            raise
        return request


async def test_a_running_call_may_end_within_the_grace(play: Play) -> None:
    gate = Gate()
    stage = await play(Do=unary_unary(gate.wait))
    call = stage.unary_unary()(text("q"))
    await gate.started.wait()
    stopping = asyncio.create_task(stage.stop(PATIENCE_S))
    await asyncio.sleep(0)
    gate.release.set()
    assert await call == text("q")
    await stopping


async def test_a_call_that_outlasts_the_grace_is_unavailable(play: Play) -> None:
    gate = Gate()
    stage = await play(Do=unary_unary(gate.wait))
    call = stage.unary_unary()(text("q"))
    await gate.started.wait()
    await stage.stop(0.05)
    assert await call.code() is grpc.StatusCode.UNAVAILABLE
    async with asyncio.timeout(PATIENCE_S):
        await gate.cancelled.wait()


async def test_without_grace_running_calls_end_at_once(play: Play) -> None:
    gate = Gate()
    stage = await play(Do=unary_unary(gate.wait))
    call = stage.unary_unary()(text("q"))
    await gate.started.wait()
    await stage.stop(None)
    assert await call.code() is grpc.StatusCode.UNAVAILABLE


async def test_a_stopped_server_refuses_new_calls(play: Play) -> None:
    stage = await play(Do=unary_unary(Gate().wait))
    await stage.stop(None)
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await stage.unary_unary()(text("q"))
    assert caught.value.code() is grpc.StatusCode.UNAVAILABLE


async def test_a_draining_server_refuses_new_calls(play: Play, transport: str) -> None:
    gate = Gate()
    stage = await play(Do=unary_unary(gate.wait))
    running = stage.unary_unary()(text("q"))
    await gate.started.wait()
    stopping = asyncio.create_task(stage.stop(PATIENCE_S))
    await asyncio.sleep(0)
    if transport in {"tcp", "unix"}:  # a socket has to learn of it first
        await stage.channel.wait_for_state_change(grpc.ChannelConnectivity.READY)
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await stage.unary_unary()(text("q"))
    assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
    gate.release.set()
    assert await running == text("q")
    await stopping


async def test_stopping_twice_is_harmless(play: Play) -> None:
    stage = await play(Do=unary_unary(Gate().wait))
    await stage.stop(None)
    await stage.stop(None)


async def test_a_closed_channel_makes_no_calls(play: Play) -> None:
    stage = await play(Do=unary_unary(Gate().wait))
    await stage.channel.close()
    with pytest.raises(grpc.aio.UsageError):
        stage.unary_unary()(text("q"))


async def test_closing_twice_is_harmless(play: Play) -> None:
    stage = await play(Do=unary_unary(Gate().wait))
    await stage.channel.close()
    await stage.channel.close()
    assert stage.channel.get_state() is grpc.ChannelConnectivity.SHUTDOWN


async def test_a_channel_becomes_ready(play: Play) -> None:
    stage = await play(Do=unary_unary(Gate().wait))
    async with asyncio.timeout(PATIENCE_S):
        await stage.channel.channel_ready()
    assert stage.channel.get_state() is grpc.ChannelConnectivity.READY


async def test_a_change_of_state_that_has_happened_is_not_waited_for(play: Play) -> None:
    stage = await play(Do=unary_unary(Gate().wait))
    await stage.channel.channel_ready()
    async with asyncio.timeout(PATIENCE_S):
        await stage.channel.wait_for_state_change(grpc.ChannelConnectivity.IDLE)

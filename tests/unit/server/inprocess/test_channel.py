"""What the channel does that a socket's does not, or that only shows inside."""

import asyncio
import contextvars
from typing import Any

import grpc
import pytest

from server.inprocess import HandlerRegistry, InProcessChannel
from server.inprocess.metadata import InvalidMetadataError
from tests.contract.channel.stage import PATIENCE_S, SERVICE, Context, Text, text, unary_unary

METHOD = f"/{SERVICE}/Do"
LABEL: contextvars.ContextVar[str] = contextvars.ContextVar("LABEL")


def channel_of(behavior: Any, **options: Any) -> InProcessChannel:
    registry = HandlerRegistry()
    registry.add_registered_method_handlers(SERVICE, {"Do": unary_unary(behavior)})
    return InProcessChannel(registry, **options)


def call(channel: InProcessChannel, **options: Any) -> Any:
    return channel.unary_unary(METHOD, Text.SerializeToString, Text.FromString)(text("q"), **options)


async def echo(request: Text, context: Context) -> Text:
    return request


def test_it_is_built_inside_a_running_loop() -> None:
    with pytest.raises(RuntimeError):
        InProcessChannel(HandlerRegistry())


async def test_handlers_see_the_context_that_the_channel_was_built_in() -> None:
    seen: list[str] = []

    async def note(request: Text, context: Context) -> Text:
        seen.append(LABEL.get("unset"))
        return request

    token = LABEL.set("server")
    channel = channel_of(note)
    LABEL.set("caller")
    await call(channel)
    LABEL.reset(token)
    assert seen == ["server"]


@pytest.mark.parametrize("key", ["grpc-timeout", "grpc-anything", "te", "content-type"])
async def test_metadata_of_the_protocol_are_refused(key: str) -> None:
    with pytest.raises(InvalidMetadataError):
        call(channel_of(echo), metadata=((key, "x"),))


@pytest.mark.parametrize(
    ("name", "value"),
    [("grpc.max_receive_message_length", 2), ("grpc.max_send_message_length", 2)],
)
async def test_limits_come_from_options(name: str, value: int) -> None:
    assert await call(channel_of(echo, options=((name, value),))).code() is grpc.StatusCode.RESOURCE_EXHAUSTED


async def test_a_refused_call_never_reaches_the_handler() -> None:
    reached: list[Text] = []

    async def note(request: Text, context: Context) -> Text:
        reached.append(request)
        return request

    channel = channel_of(note)
    assert await call(channel, timeout=0).code() is grpc.StatusCode.DEADLINE_EXCEEDED
    await channel.stop(None)
    assert await call(channel).code() is grpc.StatusCode.UNAVAILABLE
    assert reached == []


async def test_stopping_waits_until_cancelled_handlers_have_cleaned_up() -> None:
    steps: list[str] = []
    started = asyncio.Event()

    async def tidy(request: Text, context: Context) -> Text:
        started.set()
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            steps.append("tidied up")
        return request

    channel = channel_of(tidy)
    running = call(channel)
    await started.wait()
    await channel.stop(0)
    assert steps == ["tidied up"]
    assert await running.code() is grpc.StatusCode.UNAVAILABLE


async def test_a_finished_call_leaves_nothing_behind() -> None:
    channel = channel_of(echo)
    before = asyncio.all_tasks()
    for _ in range(10):
        await call(channel, timeout=60)
    await asyncio.sleep(0)
    assert asyncio.all_tasks() <= before
    async with asyncio.timeout(PATIENCE_S / 2):
        await channel.stop(PATIENCE_S)


async def test_waiting_for_a_change_ends_when_the_channel_is_closed() -> None:
    channel = channel_of(echo)
    waiting = asyncio.create_task(channel.wait_for_state_change(grpc.ChannelConnectivity.READY))
    await asyncio.sleep(0)
    assert not waiting.done()
    await channel.close()
    await waiting
    with pytest.raises(grpc.aio.UsageError):
        await channel.wait_for_state_change(grpc.ChannelConnectivity.SHUTDOWN)
    with pytest.raises(grpc.aio.UsageError):
        await channel.channel_ready()


async def test_leaving_the_block_closes_the_channel() -> None:
    async with channel_of(echo) as channel:
        assert await call(channel) == text("q")
    assert channel.get_state() is grpc.ChannelConnectivity.SHUTDOWN

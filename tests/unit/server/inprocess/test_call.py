"""What the caller's objects do that a socket's do not, or that only shows inside."""

import asyncio
import gc
from collections.abc import AsyncIterator, Sequence
from typing import Any

import grpc
import pytest

from server.inprocess import HandlerRegistry, InProcessChannel
from tests.contract.channel.stage import PATIENCE_S, SERVICE, Context, Text, stream_unary, text, unary_stream

METHOD = f"/{SERVICE}/Do"


class Pouring:
    """A stream without an end that tells when it was closed."""

    def __init__(self) -> None:
        self.closed = asyncio.Event()

    async def pour(self, request: Text, context: Context) -> AsyncIterator[Text]:
        try:
            while True:
                yield request
        finally:
            self.closed.set()


def channel_of(handler: Any) -> InProcessChannel:
    registry = HandlerRegistry()
    registry.add_registered_method_handlers(SERVICE, {"Do": handler})
    return InProcessChannel(registry)


async def read_one_and_drop(channel: InProcessChannel) -> None:
    """A careless reader: leaves the loop and forgets the call."""
    async for _ in channel.unary_stream(METHOD, Text.SerializeToString, Text.FromString)(text("q")):
        break


async def test_a_stream_that_is_dropped_is_cancelled_without_the_garbage_collector() -> None:
    pouring = Pouring()
    channel = channel_of(unary_stream(pouring.pour))
    gc.disable()
    try:
        await read_one_and_drop(channel)
        async with asyncio.timeout(PATIENCE_S):
            await pouring.closed.wait()
    finally:
        gc.enable()


async def test_a_stream_that_is_never_read_is_cancelled_when_dropped() -> None:
    pouring = Pouring()
    channel = channel_of(unary_stream(pouring.pour))
    call = channel.unary_stream(METHOD, Text.SerializeToString, Text.FromString)(text("q"))
    for _ in range(5):
        await asyncio.sleep(0)
    del call
    async with asyncio.timeout(PATIENCE_S):
        await pouring.closed.wait()


async def test_a_call_shows_what_it_is() -> None:
    pouring = Pouring()
    channel = channel_of(unary_stream(pouring.pour))
    call = channel.unary_stream(METHOD, Text.SerializeToString, Text.FromString)(text("q"))
    assert repr(call) == f"<UnaryStreamCall of {METHOD}: in flight>"
    call.cancel()
    assert "StatusCode.CANCELLED 'Locally cancelled by application!'" in repr(call)
    assert await call.debug_error_string() == await call.details()


async def test_calls_are_those_of_grpc_aio() -> None:
    channel = channel_of(unary_stream(Pouring().pour))
    made: dict[Any, Any] = {
        grpc.aio.UnaryUnaryCall: channel.unary_unary(METHOD, Text.SerializeToString, Text.FromString)(text("q")),
        grpc.aio.UnaryStreamCall: channel.unary_stream(METHOD, Text.SerializeToString, Text.FromString)(text("q")),
        grpc.aio.StreamUnaryCall: channel.stream_unary(METHOD, Text.SerializeToString, Text.FromString)(),
        grpc.aio.StreamStreamCall: channel.stream_stream(METHOD, Text.SerializeToString, Text.FromString)(),
    }
    for kind, call in made.items():
        assert issubclass(type(call), kind)
        call.cancel()


async def test_the_iterator_of_requests_stops_with_the_call() -> None:
    stopped = asyncio.Event()

    async def endless() -> AsyncIterator[Text]:
        try:
            yield text("1")
            await asyncio.Event().wait()
        finally:
            stopped.set()

    async def first(requests: AsyncIterator[Text], context: Context) -> Text:
        async for request in requests:
            return request
        return text("none")

    channel = channel_of(stream_unary(first))
    call = channel.stream_unary(METHOD, Text.SerializeToString, Text.FromString)(endless())
    assert await call == text("1")
    async with asyncio.timeout(PATIENCE_S):
        await stopped.wait()


async def test_a_request_that_cannot_be_serialised_raises_where_the_call_is_made() -> None:
    channel = channel_of(unary_stream(Pouring().pour))
    wrong: Any = 5
    with pytest.raises(TypeError):
        channel.unary_stream(METHOD, Text.SerializeToString, Text.FromString)(wrong)


async def test_what_a_handler_pushes_comes_in_the_order_of_what_it_writes() -> None:
    pushed_count = 0

    async def speak(request: Text, context: Any) -> None:
        nonlocal pushed_count
        for number in range(20):
            is_pushed = number > 3 and context.push(Text, [str(number).encode()])
            pushed_count += is_pushed
            if not is_pushed:
                await context.write(text(str(number)))
            if number % 5 == 0:
                await asyncio.sleep(0)

    channel = channel_of(unary_stream(speak))
    call = channel.unary_stream(METHOD, Text.SerializeToString, Text.FromString)(text("q"))
    got: list[str] = []

    def take(entries: Sequence[bytes]) -> bool:
        got.extend(entry.decode() for entry in entries)
        return True

    call.hand_to(take)
    async for message in call:
        got.append(message.value)
    assert got == [str(number) for number in range(20)]
    assert 0 < pushed_count < 17


async def test_a_call_that_is_read_is_not_handed_over() -> None:
    channel = channel_of(unary_stream(Pouring().pour))
    call = channel.unary_stream(METHOD, Text.SerializeToString, Text.FromString)(text("q"))
    await call.read()
    with pytest.raises(grpc.aio.UsageError):
        call.hand_to(lambda _: True)
    call.cancel()

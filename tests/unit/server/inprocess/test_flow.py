"""Streams that run in the task of their caller; what they share with all others is in the suite of the channel."""

import asyncio
import gc
import weakref
from collections.abc import AsyncIterator, Sequence
from typing import Any

import grpc
import pytest

from server.inprocess import HandlerRegistry, InProcessChannel
from server.inprocess.channel import UnaryStream
from tests.contract.channel.stage import SERVICE, Context, Text, text, unary_stream


def method_of(behavior: Any) -> tuple[InProcessChannel, UnaryStream]:
    registry = HandlerRegistry()
    registry.add_registered_method_handlers(SERVICE, {"Do": unary_stream(behavior)})
    channel = InProcessChannel(registry)
    return channel, channel.unary_stream(f"/{SERVICE}/Do", Text.SerializeToString, Text.FromString)


class Taken:
    """Takes messages; what it raises, if anything, it raises for the message of that number."""

    def __init__(self, failing: int = -1, failure: Exception | None = None) -> None:
        self.messages: list[Text] = []
        self._failing = failing
        self._failure = failure

    async def take(self, message: Text) -> None:
        if len(self.messages) == self._failing and self._failure is not None:
            raise self._failure
        self.messages.append(message)


def cancelling() -> int:
    task = asyncio.current_task()
    assert task is not None
    return task.cancelling()


async def test_the_handler_runs_in_the_task_of_its_caller_and_its_messages_are_handed_over() -> None:
    seen: list[object] = []

    async def tell(request: Text, context: Context) -> AsyncIterator[Text]:
        await context.send_initial_metadata((("a", "1"),))
        seen.append(asyncio.current_task())
        yield request

    request, taken = text("q"), Taken()
    call = method_of(tell)[1].here(request)
    assert (seen, call.received_metadata) == ([], ())
    await call.into(taken.take)
    assert seen == [asyncio.current_task()]
    assert taken.messages[0] is request
    assert call.received_metadata == (("a", "1"),)
    assert await call.code() is grpc.StatusCode.OK


async def test_a_caller_that_is_slow_blocks_the_handler_itself() -> None:
    made: list[int] = []

    async def count(request: Text, context: Context) -> AsyncIterator[Text]:
        for number in range(3):
            made.append(number)
            yield text(str(number))

    seen: list[list[int]] = []

    async def take(message: Text) -> None:
        await asyncio.sleep(0)
        seen.append([*made])

    await method_of(count)[1].here(text("q")).into(take)
    assert seen == [[0], [0, 1], [0, 1, 2]]


async def test_what_the_caller_cannot_take_is_the_callers_and_cancels_the_handler() -> None:
    ends: list[str] = []

    async def count(request: Text, context: Context) -> AsyncIterator[Text]:
        try:
            for number in range(3):
                yield text(str(number))
        except GeneratorExit:
            ends.append("closed")
            raise

    taken = Taken(1, ValueError("no form"))
    channel, method = method_of(count)
    call = method.here(text("q"))
    with pytest.raises(ValueError, match="no form"):
        await call.into(taken.take)
    assert ([each.value for each in taken.messages], ends) == (["0"], ["closed"])
    assert (call.cancelled(), cancelling(), channel.running) == (True, 0, set())


async def one_and_wait(request: Text, context: Context) -> AsyncIterator[Text]:
    yield text("1")
    await asyncio.Event().wait()


@pytest.mark.parametrize("times", [1, 2])
async def test_a_call_that_is_cancelled_leaves_its_task_alone(times: int) -> None:
    call = method_of(one_and_wait)[1].here(text("q"))
    for _ in range(times):
        asyncio.get_running_loop().call_soon(call.cancel)
    with pytest.raises(asyncio.CancelledError):
        await call.into(Taken().take)
    assert (cancelling(), call.cancelled()) == (0, True)
    await asyncio.sleep(0)


async def test_a_call_that_is_cancelled_while_its_caller_takes_ends_there() -> None:
    call = method_of(one_and_wait)[1].here(text("q"))

    async def take(message: Text) -> None:
        call.cancel()
        await asyncio.Event().wait()

    with pytest.raises(asyncio.CancelledError):
        await call.into(take)
    assert (cancelling(), call.cancelled()) == (0, True)


async def test_a_call_that_is_cancelled_before_it_began_never_runs() -> None:
    taken = Taken()
    call = method_of(one_and_wait)[1].here(text("q"))
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call.into(taken.take)
    assert taken.messages == []


async def test_a_task_that_is_cancelled_takes_its_call_with_it() -> None:
    channel, method = method_of(one_and_wait)
    call, began = method.here(text("q")), asyncio.Event()

    async def take(message: Text) -> None:
        began.set()

    task = asyncio.ensure_future(call.into(take))
    await began.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert task.cancelling() == 1
    assert (call.cancelled(), channel.running) == (True, set())


async def test_the_deadline_is_told_to_a_caller_that_takes_nothing() -> None:
    async def take(message: Text) -> None:
        await asyncio.Event().wait()

    call = method_of(one_and_wait)[1].here(text("q"), timeout=0.01)
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call.into(take)
    assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    assert cancelling() == 0


async def test_stopping_the_channel_ends_the_call_and_not_its_task() -> None:
    channel, method = method_of(one_and_wait)
    call = method.here(text("q"))
    stopping = asyncio.ensure_future(channel.stop(0))
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call.into(Taken().take)
    assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
    await stopping
    assert (channel.running, cancelling()) == (set(), 0)


async def test_a_handler_pushes_past_its_caller_once_that_is_agreed_and_until_it_has_ended() -> None:
    contexts: list[Any] = []

    async def push(request: Text, context: Any) -> AsyncIterator[Text]:
        contexts.append(context)
        assert not context.push(Text, [b"early"])
        yield text("1")
        assert context.push(Text, [b"a", b"b"])
        assert not context.push(object, [b"of another kind"])
        assert not context.push(Text, [b"x" * 5_000_000]), "larger than a message may be"

    pushed: list[bytes] = []

    def agreed(entries: Sequence[bytes]) -> bool:
        pushed.extend(entries)
        return True

    call = method_of(push)[1].here(text("q"))

    async def take(message: Text) -> None:
        call.hand_to(agreed)

    await call.into(take)
    assert not contexts[0].push(Text, [b"late"])
    assert pushed == [b"a", b"b"]


@pytest.mark.parametrize("leaves", [False, True], ids=["once it is whole", "once its caller has left"])
async def test_nothing_of_a_call_is_left_for_the_collector(leaves: bool) -> None:
    async def tell(request: Text, context: Context) -> AsyncIterator[Text]:
        yield request
        if leaves:
            await asyncio.Event().wait()

    class Caller(Taken):
        """Holds its call, and is held by it: what it takes with, and what it is pushed to."""

        def __init__(self, behavior: Any) -> None:
            super().__init__()
            self.call = method_of(behavior)[1].here(text("q"))

        async def take(self, message: Text) -> None:
            self.call.hand_to(self.push)

        def push(self, entries: Sequence[bytes]) -> bool:
            return False

    async def make() -> weakref.ref[Caller]:
        caller = Caller(tell)
        if leaves:
            asyncio.get_running_loop().call_soon(caller.call.cancel)
            with pytest.raises(asyncio.CancelledError):
                await caller.call.into(caller.take)
        else:
            await caller.call.into(caller.take)
        return weakref.ref(caller)

    gc.disable()
    try:
        made = await make()
        await asyncio.sleep(0)
        assert made() is None
    finally:
        gc.enable()

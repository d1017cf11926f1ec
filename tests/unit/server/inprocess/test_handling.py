"""Finding handlers once, and reading how a handler's task ended."""

import asyncio
import gc
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import grpc
import pytest

from server.inprocess import HandlerRegistry, InProcessChannel
from server.inprocess.handling import Router
from server.inprocess.registry import CallDetails
from tests.contract.channel.stage import SERVICE, Context, Text, text, unary_stream, unary_unary

DETAILS = CallDetails(f"/{SERVICE}/Do", ())


async def echo(request: Text, context: Context) -> Text:
    return request


class Counting(grpc.aio.ServerInterceptor):
    """Counts how often it is asked."""

    depends_on_call = True

    def __init__(self) -> None:
        self.calls = 0

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Any]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Any:
        self.calls += 1
        return await continuation(handler_call_details)


class Constant(Counting):
    """Promises that the handler depends on the method only."""

    depends_on_call = False


def registry_of(**handlers: Any) -> HandlerRegistry:
    registry = HandlerRegistry()
    registry.add_registered_method_handlers(SERVICE, handlers)
    return registry


@pytest.mark.parametrize(
    ("chain", "asked"),
    [([Constant()], 1), ([Counting()], 3), ([Constant(), Counting()], 3)],
    ids=["all promise", "none promises", "one does not promise"],
)
async def test_the_chain_runs_once_for_a_method_only_when(chain: list[Counting], asked: int) -> None:
    channel = InProcessChannel(registry_of(Do=unary_unary(echo)), chain)
    for _ in range(3):
        await channel.unary_unary(f"/{SERVICE}/Do", Text.SerializeToString, Text.FromString)(text("q"))
    assert [interceptor.calls for interceptor in chain] == [asked] * len(chain)


async def test_unknown_methods_are_not_kept() -> None:
    chain = [Constant()]
    router = Router(registry_of(), chain)
    for _ in range(2):
        assert await router.find(DETAILS) is None
    assert (chain[0].calls, router.kept(DETAILS.method)) == (2, None)


async def test_a_handler_that_would_block_the_loop_is_refused() -> None:
    handler: Any = grpc.unary_unary_rpc_method_handler(lambda request, context: request)
    with pytest.raises(TypeError, match="neither a coroutine function"):
        await Router(registry_of(Do=handler), ()).find(DETAILS)


async def test_a_handler_that_raises_cancelled_by_itself_ends_the_call() -> None:
    async def gives_up(request: Text, context: Context) -> Text:
        raise asyncio.CancelledError

    channel = InProcessChannel(registry_of(Do=unary_unary(gives_up)))
    call = channel.unary_unary(f"/{SERVICE}/Do", Text.SerializeToString, Text.FromString)(text("q"))
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    assert caught.value.code() is grpc.StatusCode.CANCELLED


async def test_sides_that_disagree_about_streams_fail_with_internal() -> None:
    channel = InProcessChannel(registry_of(Do=unary_unary(echo)))
    call = channel.unary_stream(f"/{SERVICE}/Do", Text.SerializeToString, Text.FromString)(text("q"))
    assert await call.code() is grpc.StatusCode.INTERNAL


async def test_a_generator_is_closed_even_when_nobody_collects_garbage() -> None:
    closed = asyncio.Event()

    async def pour(request: Text, context: Context) -> AsyncIterator[Text]:
        try:
            while True:
                yield request
        finally:
            closed.set()

    channel = InProcessChannel(registry_of(Do=unary_stream(pour)))
    gc.disable()
    try:
        call = channel.unary_stream(f"/{SERVICE}/Do", Text.SerializeToString, Text.FromString)(text("q"))
        async for _ in call:
            break
        call.cancel()
        async with asyncio.timeout(60):
            await closed.wait()
    finally:
        gc.enable()


async def test_an_exception_after_the_caller_left_is_nobodys_status() -> None:
    ended = asyncio.Event()
    started = asyncio.Event()

    async def stubborn(request: Text, context: Context) -> Text:
        started.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            raise ValueError("on the way out") from None
        finally:
            ended.set()
        return request

    channel = InProcessChannel(registry_of(Do=unary_unary(stubborn)))
    call = channel.unary_unary(f"/{SERVICE}/Do", Text.SerializeToString, Text.FromString)(text("q"))
    await started.wait()
    call.cancel()
    await ended.wait()
    assert await call.code() is grpc.StatusCode.CANCELLED

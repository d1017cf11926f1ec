"""One request, one response."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import grpc
import pytest

from tests.contract.channel.stage import PATIENCE_S, SERVICE, Context, Script, Stage, Text, text, unary_unary

Play = Callable[..., Awaitable[Stage]]


async def echo(request: Text, context: Context) -> Text:
    return request


async def fail(request: Text, context: Context) -> Text:
    await context.abort(grpc.StatusCode.NOT_FOUND, "no such thing")


async def test_the_answer_comes_back(play: Play) -> None:
    stage = await play(Do=unary_unary(echo))
    assert await stage.unary_unary()(text("hello")) == text("hello")


async def test_awaiting_twice_gives_the_same_answer(play: Play) -> None:
    stage = await play(Do=unary_unary(echo))
    call = stage.unary_unary()(text("hello"))
    assert (await call, await call) == (text("hello"), text("hello"))


async def test_awaiting_a_failed_call_twice_raises_twice(play: Play) -> None:
    stage = await play(Do=unary_unary(fail))
    call = stage.unary_unary()(text("hello"))
    for _ in range(2):
        with pytest.raises(grpc.aio.AioRpcError):
            await call


async def test_a_successful_call_tells_ok_and_nothing_else(play: Play) -> None:
    stage = await play(Do=unary_unary(echo))
    call = stage.unary_unary()(text("hello"))
    await call
    assert await call.code() is grpc.StatusCode.OK
    assert await call.details() == ""
    assert (tuple(await call.initial_metadata()), tuple(await call.trailing_metadata())) == ((), ())
    assert (call.done(), call.cancelled(), call.cancel()) == (True, False, False)


async def test_the_error_carries_what_the_call_tells(play: Play) -> None:
    stage = await play(Do=unary_unary(fail))
    call = stage.unary_unary()(text("hello"))
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    error = caught.value
    assert (error.code(), error.details()) == (grpc.StatusCode.NOT_FOUND, "no such thing")
    assert (error.code(), error.details()) == (await call.code(), await call.details())
    assert (tuple(error.initial_metadata()), tuple(error.trailing_metadata())) == ((), ())
    assert (call.done(), call.cancelled()) == (True, False)


async def test_code_can_be_awaited_instead_of_the_answer(play: Play) -> None:
    stage = await play(Do=unary_unary(fail))
    assert await stage.unary_unary()(text("hello")).code() is grpc.StatusCode.NOT_FOUND


async def test_a_running_call_is_not_done(play: Play) -> None:
    release = asyncio.Event()

    async def wait(request: Text, context: Context) -> Text:
        await release.wait()
        return request

    stage = await play(Do=unary_unary(wait))
    call = stage.unary_unary()(text("hello"))
    assert (call.done(), call.cancelled()) == (False, False)
    release.set()
    await call
    assert call.done()


async def test_done_callbacks_run_once_with_the_call(play: Play) -> None:
    stage = await play(Do=unary_unary(echo))
    call = stage.unary_unary()(text("hello"))
    seen: list[Any] = []
    call.add_done_callback(seen.append)
    await call
    call.add_done_callback(seen.append)
    assert seen == [call, call]


async def test_calls_side_by_side_get_their_own_answers(play: Play) -> None:
    async def last_first(request: Text, context: Context) -> Text:
        for _ in range(50 - int(request.value)):
            await asyncio.sleep(0)
        return request

    stage = await play(Do=unary_unary(last_first))
    answers = await asyncio.gather(*(stage.unary_unary()(text(str(number))) for number in range(50)))
    assert [answer.value for answer in answers] == [str(number) for number in range(50)]


async def test_a_call_that_nobody_awaits_is_still_made(play: Play) -> None:
    reached = asyncio.Event()

    async def note(request: Text, context: Context) -> Text:
        await asyncio.sleep(0)
        reached.set()
        return request

    stage = await play(Do=unary_unary(note))
    stage.unary_unary()(text("hello"))
    async with asyncio.timeout(PATIENCE_S):
        await reached.wait()


async def test_waiting_for_the_connection_of_a_good_call_returns(play: Play) -> None:
    stage = await play(Do=unary_unary(echo))
    call = stage.unary_unary()(text("hello"))
    await call.wait_for_connection()
    assert await call == text("hello")


async def test_waiting_for_the_connection_of_a_failed_call_raises(play: Play) -> None:
    stage = await play(Do=unary_unary(fail))
    with pytest.raises(grpc.aio.AioRpcError):
        await stage.unary_unary()(text("hello")).wait_for_connection()


@pytest.mark.parametrize("size", [0, 1, 3_000_000], ids=["nothing", "one character", "three megabytes"])
async def test_messages_of_any_allowed_size_pass(play: Play, size: int) -> None:
    stage = await play(Do=unary_unary(echo))
    assert await stage.unary_unary()(text("x" * size)) == text("x" * size)


async def test_methods_without_codecs_carry_bytes(play: Play) -> None:
    async def double(request: bytes, context: Context) -> bytes:
        return request * 2

    stage = await play(Do=grpc.unary_unary_rpc_method_handler(double))
    call: Any = stage.channel.unary_unary(f"/{SERVICE}/Do")
    assert await call(b"\x00ab") == b"\x00ab\x00ab"


async def test_codecs_of_the_two_sides_may_differ(play: Play) -> None:
    async def upper(request: bytes, context: Context) -> bytes:
        return request.upper()

    stage = await play(Do=grpc.unary_unary_rpc_method_handler(upper))
    call: Any = stage.channel.unary_unary(f"/{SERVICE}/Do", str.encode, bytes.decode)
    assert await call("hello") == "HELLO"


async def test_more_calls_than_allowed_are_refused(play: Play) -> None:
    release = asyncio.Event()
    reached = asyncio.Event()

    async def wait(request: Text, context: Context) -> Text:
        reached.set()
        await release.wait()
        return request

    stage = await play(Script({"Do": unary_unary(wait)}, maximum_concurrent_rpcs=1))
    first = stage.unary_unary()(text("first"))
    await reached.wait()
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await stage.unary_unary()(text("second"))
    release.set()
    assert await first == text("first")
    expected = (grpc.StatusCode.RESOURCE_EXHAUSTED, "Concurrent RPC limit exceeded!")
    assert (caught.value.code(), caught.value.details()) == expected

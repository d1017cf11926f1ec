"""How a call can end, and what the caller is told."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import grpc
import pytest
from google.rpc import error_details_pb2, status_pb2
from grpc_health.v1 import health_pb2_grpc
from grpc_status import rpc_status

from tests.contract.channel.stage import Context, Script, Stage, Text, drain, text, unary_stream, unary_unary

Play = Callable[..., Awaitable[Stage]]
Code = grpc.StatusCode


@dataclass(frozen=True)
class Told:
    """What reaches the caller of a failed call."""

    code: grpc.StatusCode
    details: str | None
    trailing: tuple[Any, ...] = ()
    messages: tuple[str, ...] = ()


async def outcome_of(stage: Stage, request: Text | None = None) -> Told:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await stage.unary_unary()(request or text("q"))
    return Told(caught.value.code(), caught.value.details(), tuple(caught.value.trailing_metadata()))


async def outcome_of_stream(stage: Stage) -> Told:
    messages: list[str] = []
    call = stage.unary_stream()(text("q"))
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await drain(call, messages)
    error = caught.value
    return Told(error.code(), error.details(), tuple(error.trailing_metadata()), tuple(messages))


async def sets_code(request: Text, context: Context) -> Text:
    context.set_code(Code.DATA_LOSS)
    context.set_details("lost")
    context.set_trailing_metadata((("a", "1"),))
    return request


async def aborts(request: Text, context: Context) -> Text:
    await context.abort(Code.NOT_FOUND, "gone", (("a", "1"),))


async def aborts_with_a_number(request: Text, context: Context) -> Text:
    await context.abort(9, "not now")  # type: ignore[arg-type]


async def aborts_after_trailing_metadata(request: Text, context: Context) -> Text:
    context.set_trailing_metadata((("a", "1"),))
    await context.abort(Code.NOT_FOUND, "gone")


async def aborts_over_trailing_metadata(request: Text, context: Context) -> Text:
    context.set_trailing_metadata((("a", "1"),))
    await context.abort(Code.NOT_FOUND, "gone", (("b", "2"),))


async def aborts_after_details(request: Text, context: Context) -> Text:
    context.set_details("told before")
    await context.abort(Code.NOT_FOUND)


async def swallows_its_abort(request: Text, context: Context) -> Text:
    try:
        await context.abort(Code.NOT_FOUND, "gone")
    except grpc.aio.AbortError:
        return request


async def aborts_twice(request: Text, context: Context) -> Text:
    try:
        await context.abort(Code.NOT_FOUND, "first")
    except grpc.aio.AbortError:
        await context.abort(Code.INTERNAL, "second")


async def raises(request: Text, context: Context) -> Text:
    raise ValueError("boom")


async def raises_after_code(request: Text, context: Context) -> Text:
    context.set_code(Code.DATA_LOSS)
    context.set_trailing_metadata((("a", "1"),))
    raise ValueError("boom")


async def speaks_unicode(request: Text, context: Context) -> Text:
    await context.abort(Code.NOT_FOUND, "né\n%20 …")


ENDS = {
    "a code that was set discards the answer": (sets_code, Told(Code.DATA_LOSS, "lost", (("a", "1"),))),
    "an abort tells code, details, metadata": (aborts, Told(Code.NOT_FOUND, "gone", (("a", "1"),))),
    "an abort takes a number": (aborts_with_a_number, Told(Code.FAILED_PRECONDITION, "not now")),
    "an abort without metadata keeps those set": (
        aborts_after_trailing_metadata,
        Told(Code.NOT_FOUND, "gone", (("a", "1"),)),
    ),
    "an abort with metadata replaces those set": (
        aborts_over_trailing_metadata,
        Told(Code.NOT_FOUND, "gone", (("b", "2"),)),
    ),
    "an abort without details keeps those set": (aborts_after_details, Told(Code.NOT_FOUND, "told before")),
    "an abort that the handler swallows holds": (swallows_its_abort, Told(Code.NOT_FOUND, "gone")),
    "of two aborts the first holds": (aborts_twice, Told(Code.NOT_FOUND, "first")),
    "an exception is UNKNOWN": (raises, Told(Code.UNKNOWN, "Unexpected <class 'ValueError'>: boom")),
    "an exception after a code keeps the code": (
        raises_after_code,
        Told(Code.DATA_LOSS, "Unexpected <class 'ValueError'>: boom", (("a", "1"),)),
    ),
    "details may be any text": (speaks_unicode, Told(Code.NOT_FOUND, "né\n%20 …")),
}


@pytest.mark.parametrize("name", ENDS)
async def test_a_handler_ends_a_unary_call(play: Play, name: str) -> None:
    behavior, told = ENDS[name]
    assert await outcome_of(await play(Do=unary_unary(behavior))) == told


@pytest.mark.parametrize("code", [code for code in Code if code is not Code.OK], ids=lambda code: str(code.name))
async def test_every_code_arrives(play: Play, code: grpc.StatusCode) -> None:
    async def abort(request: Text, context: Context) -> Text:
        await context.abort(code, "as told")

    assert await outcome_of(await play(Do=unary_unary(abort))) == Told(code, "as told")


async def yields_then_aborts(request: Text, context: Context) -> AsyncIterator[Text]:
    yield text("1")
    yield text("2")
    await context.abort(Code.NOT_FOUND, "gone", (("a", "1"),))


async def yields_then_raises(request: Text, context: Context) -> AsyncIterator[Text]:
    for number in range(5):
        yield text(str(number))
    raise ValueError("boom")


async def yields_then_sets_code(request: Text, context: Context) -> AsyncIterator[Text]:
    yield text("1")
    context.set_code(Code.ABORTED)
    context.set_details("enough")


async def aborts_before_any_message(request: Text, context: Context) -> AsyncIterator[Text]:
    if request.value:
        await context.abort(Code.PERMISSION_DENIED, "no")
    yield request


async def writes_then_aborts(request: Text, context: Context) -> None:
    await context.write(text("1"))
    await context.abort(Code.NOT_FOUND, "gone")


STREAM_ENDS = {
    "an abort comes after the messages": (
        yields_then_aborts,
        Told(Code.NOT_FOUND, "gone", (("a", "1"),), ("1", "2")),
    ),
    "an exception comes after the messages": (
        yields_then_raises,
        Told(Code.UNKNOWN, "Unexpected <class 'ValueError'>: boom", (), ("0", "1", "2", "3", "4")),
    ),
    "a code that was set comes after the messages": (yields_then_sets_code, Told(Code.ABORTED, "enough", (), ("1",))),
    "an abort may come before any message": (aborts_before_any_message, Told(Code.PERMISSION_DENIED, "no")),
    "a handler that writes may abort": (writes_then_aborts, Told(Code.NOT_FOUND, "gone", (), ("1",))),
}


@pytest.mark.parametrize("name", STREAM_ENDS)
async def test_a_handler_ends_a_stream(play: Play, name: str) -> None:
    behavior, told = STREAM_ENDS[name]
    assert await outcome_of_stream(await play(Do=unary_stream(behavior))) == told


async def test_an_answer_that_cannot_be_serialised_is_unknown(play: Play) -> None:
    async def answers_nothing(request: Text, context: Context) -> None:
        return None

    told = await outcome_of(await play(Do=unary_unary(answers_nothing)))
    assert told.code is Code.UNKNOWN


async def test_a_message_that_cannot_be_serialised_ends_the_stream(play: Play) -> None:
    async def yields_a_number(request: Text, context: Context) -> AsyncIterator[Any]:
        yield text("1")
        yield 2

    told = await outcome_of_stream(await play(Do=unary_stream(yields_a_number)))
    assert (told.code, told.messages) == (Code.UNKNOWN, ("1",))


async def test_an_unknown_method_is_unimplemented(play: Play) -> None:
    stage = await play(Other=unary_unary(raises))
    assert await outcome_of(stage) == Told(Code.UNIMPLEMENTED, "Method not found!")


async def test_an_unknown_stream_is_unimplemented(play: Play) -> None:
    stage = await play(Other=unary_unary(raises))
    assert await outcome_of_stream(stage) == Told(Code.UNIMPLEMENTED, "Method not found!")


async def test_a_method_that_a_servicer_leaves_out_is_unimplemented(play: Play) -> None:
    stage = await play(Do=unary_unary(health_pb2_grpc.HealthServicer().Check))
    told = await outcome_of(stage)
    assert (told.code, "Method not implemented!" in str(told.details)) == (Code.UNIMPLEMENTED, True)


async def test_rich_details_travel_in_the_trailing_metadata(play: Play) -> None:
    status = status_pb2.Status(code=5, message="gone")
    status.details.add().Pack(error_details_pb2.ErrorInfo(reason="GONE", domain="stage"))

    async def abort(request: Text, context: Context) -> Text:
        await context.abort_with_status(rpc_status.to_status(status))

    stage = await play(Do=unary_unary(abort))
    call = stage.unary_unary()(text("q"))
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    raw = dict(caught.value.trailing_metadata())["grpc-status-details-bin"]
    assert isinstance(raw, bytes)
    assert status_pb2.Status.FromString(raw) == status


async def test_a_handler_cannot_go_on_after_an_abort(play: Play) -> None:
    after: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    async def goes_on(request: Text, context: Context) -> None:
        try:
            await context.abort(Code.NOT_FOUND, "gone")
        except grpc.aio.AbortError:
            try:
                await context.write(text("late"))
            except grpc.aio.AbortError as error:
                after.set_result(type(error).__name__)
                raise

    told = await outcome_of_stream(await play(Do=unary_stream(goes_on)))
    assert (told, await after) == (Told(Code.NOT_FOUND, "gone"), "AbortError")


LIMITS: dict[str, tuple[str, int, int, str]] = {
    "a request above the receiver's limit": ("grpc.max_receive_message_length", 200, 0, "SERVER: Received message"),
    "a request above the sender's limit": ("grpc.max_send_message_length", 200, 0, "CLIENT: Sent message"),
    "an answer above the receiver's limit": ("grpc.max_receive_message_length", 0, 200, "CLIENT: Received message"),
    "an answer above the sender's limit": ("grpc.max_send_message_length", 0, 200, "SERVER: Sent message"),
}


@pytest.mark.parametrize("name", LIMITS)
async def test_too_large_messages_are_refused(play: Play, name: str) -> None:
    option, request_size, response_size, blamed = LIMITS[name]

    async def answer(request: Text, context: Context) -> Text:
        return text("x" * response_size)

    stage = await play(Script({"Do": unary_unary(answer)}, options=((option, 100),)))
    told = await outcome_of(stage, text("x" * request_size) if request_size else text("q"))
    assert told.code is Code.RESOURCE_EXHAUSTED
    assert f"{blamed} larger than max (203 vs. 100)" in str(told.details)


async def test_a_message_of_exactly_the_limit_passes(play: Play) -> None:
    async def answer(request: Text, context: Context) -> Text:
        return request

    stage = await play(Script({"Do": unary_unary(answer)}, options=(("grpc.max_receive_message_length", 102),)))
    assert await stage.unary_unary()(text("x" * 100)) == text("x" * 100)


async def test_the_default_limit_is_four_megabytes(play: Play) -> None:
    async def answer(request: Text, context: Context) -> Text:
        return request

    told = await outcome_of(await play(Do=unary_unary(answer)), text("x" * 4_194_304))
    assert told.code is Code.RESOURCE_EXHAUSTED

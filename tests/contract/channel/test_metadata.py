"""What travels beside the messages."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import grpc
import pytest

from tests.contract.channel.stage import PATIENCE_S, Context, Script, Stage, Text, text, unary_stream, unary_unary

Play = Callable[..., Awaitable[Stage]]


async def echo(request: Text, context: Context) -> Text:
    return request


async def received(play: Play, metadata: Any) -> list[tuple[str, str | bytes]]:
    """What a handler sees of the metadata that a caller sends, without what the transport adds."""
    seen: list[tuple[str, str | bytes]] = []

    async def note(request: Text, context: Context) -> Text:
        seen.extend((key, value) for key, value in context.invocation_metadata() or () if key != "user-agent")
        return request

    stage = await play(Do=unary_unary(note))
    await stage.unary_unary()(text("q"), metadata=metadata)
    return seen


async def test_a_call_without_metadata_has_none(play: Play) -> None:
    assert await received(play, None) == []


async def test_metadata_arrive_in_order_with_repetitions(play: Play) -> None:
    sent = (("a", "1"), ("b", "2"), ("b", "3"))
    assert await received(play, sent) == list(sent)


async def test_a_metadata_object_is_taken_as_well(play: Play) -> None:
    assert await received(play, grpc.aio.Metadata(("a", "1"), ("a", "2"))) == [("a", "1"), ("a", "2")]


async def test_binary_metadata_stay_bytes(play: Play) -> None:
    assert await received(play, (("a-bin", b"\x00\xff"),)) == [("a-bin", b"\x00\xff")]


async def test_bytes_under_a_text_key_arrive_as_text(play: Play) -> None:
    assert await received(play, (("a", b"plain"),)) == [("a", "plain")]


async def test_an_empty_value_and_spaces_inside_survive(play: Play) -> None:
    assert await received(play, (("a", ""), ("b", "x y"))) == [("a", ""), ("b", "x y")]


REFUSED: dict[str, Any] = {
    "an upper-case key": (("Key", "v"),),
    "a key with a space": (("a b", "v"),),
    "an empty key": (("", "v"),),
    "a pseudo header": ((":path", "v"),),
    "a value that is not ASCII": (("a", "é"),),
    "a value with a line end": (("a", "x\r\ny"),),
    "a value with a control character": (("a", "x\x01"),),
    "a number": (("a", 5),),
    "text under a binary key": (("a-bin", "text"),),
}


@pytest.mark.parametrize("name", REFUSED)
async def test_metadata_that_http_cannot_carry_never_reach_the_handler(play: Play, name: str) -> None:
    calls: list[Text] = []

    async def note(request: Text, context: Context) -> Text:
        calls.append(request)
        return request

    stage = await play(Do=unary_unary(note))
    with pytest.raises((grpc.aio.InternalError, TypeError)):
        await stage.unary_unary()(text("q"), metadata=REFUSED[name])
    assert (await stage.unary_unary()(text("next")), calls) == (text("next"), [text("next")])


async def test_request_metadata_above_the_limit_are_refused(play: Play) -> None:
    stage = await play(Do=unary_unary(echo))
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await stage.unary_unary()(text("q"), metadata=(("a", "x" * 20_000),))
    assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED


async def test_trailing_metadata_above_the_limit_lose_the_answer(play: Play) -> None:
    async def behavior(request: Text, context: Context) -> Text:
        context.set_trailing_metadata((("a", "x" * 20_000),))
        return request

    stage = await play(Do=unary_unary(behavior))
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await stage.unary_unary()(text("q"))
    assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED


async def test_a_higher_metadata_limit_lets_more_through(play: Play) -> None:
    async def behavior(request: Text, context: Context) -> Text:
        context.set_trailing_metadata((("a", "x" * 20_000),))
        return request

    options = (("grpc.absolute_max_metadata_size", 65_536), ("grpc.max_metadata_size", 65_536))
    stage = await play(Script({"Do": unary_unary(behavior)}, options=options))
    call = stage.unary_unary()(text("q"), metadata=(("b", "y" * 20_000),))
    await call
    assert tuple(await call.trailing_metadata()) == (("a", "x" * 20_000),)


async def test_metadata_come_with_the_answer_of_a_unary_call(play: Play) -> None:
    async def behavior(request: Text, context: Context) -> Text:
        await context.send_initial_metadata((("a", "1"), ("b-bin", b"\x00")))
        context.set_trailing_metadata((("c", "2"), ("c", "3")))
        return request

    stage = await play(Do=unary_unary(behavior))
    call = stage.unary_unary()(text("q"))
    await call
    assert tuple(await call.initial_metadata()) == (("a", "1"), ("b-bin", b"\x00"))
    assert tuple(await call.trailing_metadata()) == (("c", "2"), ("c", "3"))


async def test_initial_metadata_arrive_before_the_first_message(play: Play) -> None:
    release = asyncio.Event()

    async def behavior(request: Text, context: Context) -> AsyncIterator[Text]:
        await context.send_initial_metadata((("a", "1"),))
        await release.wait()
        yield request

    stage = await play(Do=unary_stream(behavior))
    call = stage.unary_stream()(text("q"))
    async with asyncio.timeout(PATIENCE_S):
        early = tuple(await call.initial_metadata())
    release.set()
    assert (early, [message async for message in call]) == ((("a", "1"),), [text("q")])


async def test_the_first_message_brings_empty_initial_metadata(play: Play) -> None:
    release = asyncio.Event()

    async def behavior(request: Text, context: Context) -> AsyncIterator[Text]:
        yield request
        await release.wait()

    stage = await play(Do=unary_stream(behavior))
    call = stage.unary_stream()(text("q"))
    async with asyncio.timeout(PATIENCE_S):
        assert tuple(await call.initial_metadata()) == ()
    release.set()
    assert [message async for message in call] == [text("q")]


async def test_an_error_keeps_the_initial_metadata(play: Play) -> None:
    async def behavior(request: Text, context: Context) -> Text:
        await context.send_initial_metadata((("a", "1"),))
        await context.abort(grpc.StatusCode.ABORTED, "no", (("b", "2"),))

    stage = await play(Do=unary_unary(behavior))
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await stage.unary_unary()(text("q"))
    error = caught.value
    assert (tuple(error.initial_metadata()), tuple(error.trailing_metadata())) == ((("a", "1"),), (("b", "2"),))


async def test_initial_metadata_are_sent_at_most_once(play: Play) -> None:
    async def behavior(request: Text, context: Context) -> Text:
        await context.send_initial_metadata((("a", "1"),))
        with pytest.raises(grpc.aio.UsageError):
            await context.send_initial_metadata((("a", "2"),))
        return request

    stage = await play(Do=unary_unary(behavior))
    call = stage.unary_unary()(text("q"))
    assert (await call, tuple(await call.initial_metadata())) == (text("q"), (("a", "1"),))


async def test_initial_metadata_come_too_late_after_a_message(play: Play) -> None:
    async def behavior(request: Text, context: Context) -> AsyncIterator[Text]:
        yield request
        with pytest.raises(grpc.aio.UsageError):
            await context.send_initial_metadata((("a", "2"),))
        yield request

    stage = await play(Do=unary_stream(behavior))
    assert len([message async for message in stage.unary_stream()(text("q"))]) == 2


async def test_a_handler_reads_back_its_trailing_metadata_and_status(play: Play) -> None:
    seen: list[Any] = []

    async def behavior(request: Text, context: Context) -> Text:
        seen.append((context.code(), context.details(), tuple(context.trailing_metadata())))
        context.set_code(grpc.StatusCode.OK)
        context.set_details("fine")
        context.set_trailing_metadata((("a", "1"),))
        seen.append((context.code(), context.details(), tuple(context.trailing_metadata())))
        return request

    stage = await play(Do=unary_unary(behavior))
    call = stage.unary_unary()(text("q"))
    await call
    assert seen == [(None, "", ()), (grpc.StatusCode.OK, "fine", (("a", "1"),))]
    assert await call.details() == ""


async def _bad_trailing(request: Text, context: Context) -> Text:
    context.set_trailing_metadata((("Key", "v"),))
    return request


async def _bad_initial(request: Text, context: Context) -> Text:
    await context.send_initial_metadata((("Key", "v"),))
    return request


async def _bad_abort(request: Text, context: Context) -> Text:
    await context.abort(grpc.StatusCode.NOT_FOUND, "gone", (("a", "é"),))


@pytest.mark.parametrize(
    "behavior",
    [_bad_trailing, _bad_initial, _bad_abort],
    ids=["trailing metadata", "initial metadata", "metadata of an abort"],
)
async def test_a_handler_whose_metadata_cannot_be_sent_fails(play: Play, behavior: Any) -> None:
    stage = await play(Do=unary_unary(behavior))
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await stage.unary_unary()(text("q"))
    assert (caught.value.code(), caught.value.details()) == (grpc.StatusCode.INTERNAL, "Invalid metadata")


async def test_trailing_metadata_must_be_pairs(play: Play) -> None:
    async def behavior(request: Text, context: Context) -> Text:
        with pytest.raises(TypeError):
            context.set_trailing_metadata("ab")  # type: ignore[arg-type]
        return request

    stage = await play(Do=unary_unary(behavior))
    assert await stage.unary_unary()(text("q")) == text("q")

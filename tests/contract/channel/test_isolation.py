"""Neither side sees anything of the other but what was sent."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextvars import ContextVar
from typing import Any

import grpc
import pytest
from google.protobuf.struct_pb2 import Struct

from tests.contract.channel.stage import (
    ISOLATING,
    SERVICE,
    Context,
    Stage,
    Text,
    stream_unary,
    text,
    unary_stream,
    unary_unary,
)

Play = Callable[..., Awaitable[Stage]]
LABEL: ContextVar[str] = ContextVar("LABEL", default="unset")


@pytest.fixture(params=ISOLATING)
def transport(request: pytest.FixtureRequest) -> str:
    return str(request.param)


async def test_changing_the_request_after_the_call_was_made_changes_nothing(play: Play) -> None:
    async def echo(request: Text, context: Context) -> Text:
        return request

    stage = await play(Do=unary_unary(echo))
    request = text("before")
    call = stage.unary_unary()(request)
    answer = await call
    request.value = "after"
    assert (answer.value, (await call).value) == ("before", "before")


async def test_a_handler_that_changes_its_request_changes_only_its_own(play: Play) -> None:
    async def change(request: Text, context: Context) -> Text:
        request.value = "changed"
        return request

    stage = await play(Do=unary_unary(change))
    request = text("original")
    assert (await stage.unary_unary()(request), request) == (text("changed"), text("original"))


async def test_nested_parts_are_not_shared_either(play: Play) -> None:
    kept: list[Struct] = []

    async def change(request: Struct, context: Context) -> Struct:
        kept.append(request)
        request["inner"]["list"].append("server")  # type: ignore[index, union-attr]
        return request

    handler: Any = grpc.unary_unary_rpc_method_handler(change, Struct.FromString, Struct.SerializeToString)
    stage = await play(Do=handler)
    request = Struct()
    request.update({"inner": {"list": ["client"]}})
    call: Any = stage.channel.unary_unary(f"/{SERVICE}/Do", Struct.SerializeToString, Struct.FromString)
    answer = await call(request)
    answer["inner"]["list"].append("after")
    assert list(request["inner"]["list"]) == ["client"]  # type: ignore[index, arg-type]
    assert list(kept[0]["inner"]["list"]) == ["client", "server"]  # type: ignore[index, arg-type]


async def test_a_handler_may_reuse_the_message_that_it_yields(play: Play) -> None:
    async def count(request: Text, context: Context) -> AsyncIterator[Text]:
        message = Text()
        for number in range(6):
            message.value = str(number)
            yield message

    stage = await play(Do=unary_stream(count))
    messages = [message async for message in stage.unary_stream()(text("q"))]
    assert [message.value for message in messages] == list("012345")


async def test_a_caller_may_reuse_the_message_that_it_writes(play: Play) -> None:
    async def collect(requests: AsyncIterator[Text], context: Context) -> Text:
        kept = [request async for request in requests]
        return text("".join(request.value for request in kept))

    stage = await play(Do=stream_unary(collect))
    call = stage.stream_unary()()
    message = Text()
    for number in range(6):
        message.value = str(number)
        await call.write(message)
    await call.done_writing()
    assert await call == text("012345")


async def test_two_answers_of_one_object_are_two_messages(play: Play) -> None:
    shared = text("shared")

    async def answer(request: Text, context: Context) -> Text:
        return shared

    stage = await play(Do=unary_unary(answer))
    first = await stage.unary_unary()(text("q"))
    first.value = "changed"
    assert (await stage.unary_unary()(text("q")), shared) == (text("shared"), text("shared"))


async def test_metadata_are_copied_when_the_call_is_made(play: Play) -> None:
    seen: list[Any] = []

    async def note(request: Text, context: Context) -> Text:
        seen.extend(value for key, value in context.invocation_metadata() or () if key == "a")
        return request

    stage = await play(Do=unary_unary(note))
    metadata = [("a", "1")]
    call = stage.unary_unary()(text("q"), metadata=metadata)
    metadata.append(("a", "2"))
    await call
    assert seen == ["1"]


async def test_trailing_metadata_are_copied_when_they_are_set(play: Play) -> None:
    trailing = [("a", "1")]

    async def behavior(request: Text, context: Context) -> Text:
        context.set_trailing_metadata(trailing)
        trailing.append(("a", "2"))
        return request

    stage = await play(Do=unary_unary(behavior))
    call = stage.unary_unary()(text("q"))
    await call
    assert tuple(await call.trailing_metadata()) == (("a", "1"),)


async def test_a_caller_may_change_the_metadata_that_it_got(play: Play) -> None:
    async def behavior(request: Text, context: Context) -> Text:
        context.set_trailing_metadata((("a", "1"),))
        return request

    stage = await play(Do=unary_unary(behavior))
    call = stage.unary_unary()(text("q"))
    await call
    (await call.trailing_metadata()).add("b", "2")
    assert tuple(await call.trailing_metadata()) == (("a", "1"),)


async def test_a_handler_does_not_see_the_callers_context_variables(play: Play) -> None:
    seen: list[str] = []

    async def note(request: Text, context: Context) -> Text:
        seen.append(LABEL.get())
        return request

    stage = await play(Do=unary_unary(note))
    token = LABEL.set("caller")
    await stage.unary_unary()(text("q"))
    LABEL.reset(token)
    assert seen == ["unset"]


@pytest.mark.parametrize("is_stream", [False, True], ids=["a unary call", "a stream"])
async def test_what_a_handler_puts_into_context_variables_stays_in(play: Play, is_stream: bool) -> None:
    seen: list[str] = []

    async def behavior(request: Text, context: Context) -> Text:
        seen.append(LABEL.get())
        LABEL.set("handler")
        return request

    async def streaming(request: Text, context: Context) -> AsyncIterator[Text]:
        yield await behavior(request, context)

    stage = await play(Do=unary_stream(streaming) if is_stream else unary_unary(behavior))
    for _ in range(2):
        if is_stream:
            assert [message async for message in stage.unary_stream()(text("q"))]
        else:
            await stage.unary_unary()(text("q"))
        seen.append(LABEL.get())
    assert seen == ["unset"] * 4


async def test_a_context_variable_lasts_for_the_whole_stream(play: Play) -> None:
    async def behavior(request: Text, context: Context) -> AsyncIterator[Text]:
        LABEL.set(request.value)
        for _ in range(3):
            yield text(LABEL.get())
            await asyncio.sleep(0)

    stage = await play(Do=unary_stream(behavior))
    streams = [stage.unary_stream()(text(name)) for name in ("one", "two")]
    heard = [[message.value async for message in stream] for stream in streams]
    assert heard == [["one"] * 3, ["two"] * 3]


async def test_a_handler_runs_in_a_task_of_its_own(play: Play) -> None:
    seen: list[Any] = []

    async def note(request: Text, context: Context) -> Text:
        seen.append(asyncio.current_task())
        return request

    stage = await play(Do=unary_unary(note))
    for _ in range(2):
        await stage.unary_unary()(text("q"))
    assert asyncio.current_task() not in seen
    assert seen[0] is not seen[1]


async def test_a_handler_can_use_timeouts_of_its_own(play: Play) -> None:
    async def impatient(request: Text, context: Context) -> Text:
        try:
            async with asyncio.timeout(0.01):
                await asyncio.Event().wait()
        except TimeoutError:
            return text("in time")
        return request

    stage = await play(Do=unary_unary(impatient))
    assert await stage.unary_unary()(text("q")) == text("in time")


async def test_the_peer_names_the_transport(play: Play, transport: str) -> None:
    async def tell(request: Text, context: Context) -> Text:
        return text(context.peer())

    stage = await play(Do=unary_unary(tell))
    prefix = {"tcp": "ipv4:127.0.0.1:", "tunnel": "ipv4:127.0.0.1:", "unix": "unix:", "inprocess": "inproc:"}[transport]
    assert (await stage.unary_unary()(text("q"))).value.startswith(prefix)


async def test_nobody_is_authenticated_by_the_transport(play: Play) -> None:
    seen: list[Any] = []

    async def note(request: Text, context: Context) -> Text:
        seen.extend((context.peer_identities(), context.peer_identity_key()))
        return request

    stage = await play(Do=unary_unary(note))
    await stage.unary_unary()(text("q"))
    assert seen == [None, None]

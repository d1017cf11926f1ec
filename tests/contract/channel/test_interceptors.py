"""The chain between a call and its handler."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import grpc
import pytest

from tests.contract.channel.stage import SERVICE, Context, Script, Stage, Text, text, unary_stream, unary_unary

Play = Callable[..., Awaitable[Stage]]
Continuation = Callable[[grpc.HandlerCallDetails], Awaitable[Any]]


class Tracing(grpc.aio.ServerInterceptor):
    """Writes down what it sees, and wraps nothing."""

    def __init__(self, name: str, seen: list[Any]) -> None:
        self._name = name
        self._seen = seen

    async def intercept_service(self, continuation: Continuation, handler_call_details: grpc.HandlerCallDetails) -> Any:
        metadata = {key: value for key, value in handler_call_details.invocation_metadata if key != "user-agent"}
        self._seen.append((self._name, handler_call_details.method, metadata))
        return await continuation(handler_call_details)


class Replacing(grpc.aio.ServerInterceptor):
    """Answers with a handler of its own."""

    def __init__(self, handler: Any) -> None:
        self._handler = handler

    async def intercept_service(self, continuation: Continuation, handler_call_details: grpc.HandlerCallDetails) -> Any:
        return self._handler


class Raising(grpc.aio.ServerInterceptor):
    """Fails."""

    async def intercept_service(self, continuation: Continuation, handler_call_details: grpc.HandlerCallDetails) -> Any:
        raise ValueError("intercepted")


async def echo(request: Text, context: Context) -> Text:
    return request


async def shout(request: Text, context: Context) -> Text:
    return text(request.value.upper())


async def test_interceptors_see_method_and_metadata_in_their_order(play: Play) -> None:
    seen: list[Any] = []
    chain = [Tracing("outer", seen), Tracing("inner", seen)]
    stage = await play(Script({"Do": unary_unary(echo)}, chain))
    await stage.unary_unary()(text("q"), metadata=(("a", "1"),))
    method = f"/{SERVICE}/Do"
    assert seen == [("outer", method, {"a": "1"}), ("inner", method, {"a": "1"})]


async def test_interceptors_see_every_call(play: Play) -> None:
    seen: list[Any] = []
    stage = await play(Script({"Do": unary_unary(echo)}, [Tracing("only", seen)]))
    for number in range(3):
        await stage.unary_unary()(text("q"), metadata=(("n", str(number)),))
    assert [metadata["n"] for _, _, metadata in seen] == ["0", "1", "2"]


async def test_an_interceptor_may_put_another_handler_in_place(play: Play) -> None:
    stage = await play(Script({"Do": unary_unary(echo)}, [Replacing(unary_unary(shout))]))
    assert await stage.unary_unary()(text("q")) == text("Q")


async def test_an_interceptor_may_serve_what_nobody_registered(play: Play) -> None:
    stage = await play(Script({}, [Replacing(unary_unary(shout))]))
    assert await stage.unary_unary("Other")(text("q")) == text("Q")


async def test_an_interceptor_may_hide_a_method(play: Play) -> None:
    stage = await play(Script({"Do": unary_unary(echo)}, [Replacing(None)]))
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await stage.unary_unary()(text("q"))
    assert (caught.value.code(), caught.value.details()) == (grpc.StatusCode.UNIMPLEMENTED, "Method not found!")


async def test_an_interceptor_that_raises_is_an_unknown_error(play: Play) -> None:
    stage = await play(Script({"Do": unary_unary(echo)}, [Raising()]))
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await stage.unary_unary()(text("q"))
    expected = (grpc.StatusCode.UNKNOWN, "Unexpected <class 'ValueError'>: intercepted")
    assert (caught.value.code(), caught.value.details()) == expected


async def test_an_interceptor_sees_unknown_methods_too(play: Play) -> None:
    seen: list[Any] = []
    stage = await play(Script({"Do": unary_unary(echo)}, [Tracing("only", seen)]))
    assert await stage.unary_unary("Other")(text("q")).code() is grpc.StatusCode.UNIMPLEMENTED
    assert [method for _, method, _ in seen] == [f"/{SERVICE}/Other"]


async def test_an_interceptor_may_wrap_a_stream(play: Play) -> None:
    async def count(request: Text, context: Context) -> AsyncIterator[Text]:
        for number in range(3):
            yield text(str(number))

    async def doubled(request: Text, context: Context) -> AsyncIterator[Text]:
        async for message in count(request, context):
            yield message
            yield message

    stage = await play(Script({"Do": unary_stream(count)}, [Replacing(unary_stream(doubled))]))
    messages = [message.value async for message in stage.unary_stream()(text("q"))]
    assert messages == ["0", "0", "1", "1", "2", "2"]

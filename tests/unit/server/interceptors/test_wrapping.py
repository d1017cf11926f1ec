"""Handlers of all kinds are wrapped alike."""

from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2_grpc

from server.errors import REASONS
from server.interceptors.context import CallInfo, enter_call, read_metadata
from server.interceptors.wrapping import Behavior, Context, wrap


class Written:
    """Collects what a handler writes."""

    def __init__(self) -> None:
        self.messages: list[Any] = []
        self.initial: list[Any] = []

    async def write(self, message: Any) -> None:
        if message == "refused":
            raise ValueError("refused")
        self.messages.append(message)

    async def send_initial_metadata(self, metadata: Any) -> None:
        self.initial.append((metadata, len(self.messages)))


def unchanged(behavior: Behavior) -> Behavior:
    return behavior


async def answer(request: Any, context: Context) -> Any:
    return request


async def write_two(request: Any, context: Context) -> None:
    await context.write(request)
    await context.write(request)


async def yield_two(request: Any, context: Context) -> AsyncIterator[Any]:
    yield request
    yield request


KINDS: dict[str, tuple[Any, Any]] = {
    "unary_unary": (grpc.unary_unary_rpc_method_handler, answer),
    "unary_stream": (grpc.unary_stream_rpc_method_handler, yield_two),
    "stream_unary": (grpc.stream_unary_rpc_method_handler, answer),
    "stream_stream": (grpc.stream_stream_rpc_method_handler, write_two),
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_wrapped_handler_keeps_its_kind_and_codecs(kind: str) -> None:
    factory, behavior = KINDS[kind]
    handler = factory(behavior, bytes.decode, str.encode)
    wrapped: Any = wrap(handler, unchanged)
    assert (wrapped.request_streaming, wrapped.response_streaming) == (
        handler.request_streaming,
        handler.response_streaming,
    )
    assert (wrapped.request_deserializer, wrapped.response_serializer) == (bytes.decode, str.encode)
    assert [name for name in KINDS if getattr(wrapped, name) is not None] == [kind]


@pytest.mark.parametrize("behavior", [yield_two, write_two], ids=["a generator", "a writer"])
async def test_a_stream_writes_the_same_from(behavior: Any) -> None:
    enter_call(CallInfo("req_1", "/a.B/C", 0.0, read_metadata(())))
    wrapped: Any = wrap(grpc.unary_stream_rpc_method_handler(behavior), unchanged)
    written = Written()
    assert await wrapped.unary_stream("m", written) is None
    assert written.messages == ["m", "m"]


async def test_a_generator_is_announced_just_before_its_first_message() -> None:
    enter_call(CallInfo("req_1", "/a.B/C", 0.0, read_metadata(())))
    wrapped: Any = wrap(grpc.unary_stream_rpc_method_handler(yield_two), unchanged)
    written = Written()
    await wrapped.unary_stream("m", written)
    assert written.initial == [((("x-request-id", "req_1"),), 0)]


async def test_a_generator_is_closed_when_writing_fails() -> None:
    closed: list[bool] = []

    async def generate(request: Any, context: Context) -> AsyncIterator[Any]:
        try:
            yield "fine"
            yield "refused"
        finally:
            closed.append(True)

    enter_call(CallInfo("req_1", "/a.B/C", 0.0, read_metadata(())))
    wrapped: Any = wrap(grpc.unary_stream_rpc_method_handler(generate), unchanged)
    with pytest.raises(ValueError, match="refused"):
        await wrapped.unary_stream("m", Written())
    assert closed == [True]


async def test_a_method_that_a_servicer_leaves_out_is_not_implemented() -> None:
    wrapped: Any = wrap(grpc.unary_unary_rpc_method_handler(health_pb2_grpc.HealthServicer().Watch), unchanged)
    with pytest.raises(REASONS["NOT_IMPLEMENTED"]):
        await wrapped.unary_unary("m", Written())


def test_a_handler_that_would_block_the_loop_is_refused() -> None:
    handler: Any = grpc.unary_unary_rpc_method_handler(lambda request, context: request)
    with pytest.raises(TypeError, match="neither a coroutine function"):
        wrap(handler, unchanged)

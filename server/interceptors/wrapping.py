"""Method handlers of the four kinds, taken apart and put together again, so that an interceptor is written once.

A wrapped behaviour is always a coroutine function; one that streams responses writes them to its context. A generator
inside is closed on every path: grpc.aio would leave that to the garbage collector.
"""

import inspect
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Never

import grpc

from server import errors
from server.interceptors.context import announce, current_call

if TYPE_CHECKING:
    Handler = grpc.RpcMethodHandler[Any, Any]
else:
    Handler = grpc.RpcMethodHandler  # generic only in the stubs

Context = grpc.aio.ServicerContext[Any, Any]
Behavior = Callable[[Any, Context], Awaitable[Any]]
Wrapper = Callable[[Behavior], Behavior]

_FACTORIES = {
    (False, False): grpc.unary_unary_rpc_method_handler,
    (False, True): grpc.unary_stream_rpc_method_handler,
    (True, False): grpc.stream_unary_rpc_method_handler,
    (True, True): grpc.stream_stream_rpc_method_handler,
}


def wrap(handler: Handler, wrapper: Wrapper) -> Handler:
    """The same handler with its behaviour wrapped. Raises TypeError for a behaviour that is not asynchronous."""
    kind = bool(handler.request_streaming), bool(handler.response_streaming)
    behaviors = {
        (False, False): handler.unary_unary,
        (False, True): handler.unary_stream,
        (True, False): handler.stream_unary,
        (True, True): handler.stream_stream,
    }
    wrapped: Any = wrapper(_as_coroutine(behaviors[kind]))
    made: Handler = _FACTORIES[kind](wrapped, handler.request_deserializer, handler.response_serializer)
    return made


async def _left_out(request: Any, context: Context) -> Never:
    """Stands for what generated code has for a method that a servicer leaves out, which would block a thread."""
    raise errors.NotImplemented("The gateway does not serve this method.")


def _as_coroutine(behavior: Any) -> Behavior:
    if inspect.iscoroutinefunction(behavior):
        return behavior  # type: ignore[no-any-return]  # narrowed by inspection
    if str(getattr(behavior, "__module__", "")).endswith("_pb2_grpc"):
        return _left_out
    if not inspect.isasyncgenfunction(behavior):
        raise TypeError(f"{behavior!r} is neither a coroutine function nor an async generator function")

    async def write_all(request: Any, context: Context) -> None:
        info, responses = current_call(), behavior(request, context)
        try:
            async for response in responses:
                if not info.has_sent_request_id:
                    await announce(context)
                await context.write(response)
        finally:
            await responses.aclose()

    return write_all

"""The handler's side of a call: find the handler behind the interceptors, run it, turn its end into a status.

A call runs in a task of its own, in a copy of the context that the channel was built in: what the caller keeps in
context variables is as invisible as over a socket. What a handler raises is not caught inside that task; the end of the
task is read from outside, so that cancellation stays what it is. Calls that run in their caller's task are `here.py`.
"""

import asyncio
import inspect
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from functools import partial
from typing import Any, TypeGuard

import grpc
from msgspec import Struct

from server.inprocess.context import InProcessContext
from server.inprocess.payload import Reader, Sealed, Writer
from server.inprocess.registry import CallDetails, Handler, HandlerRegistry
from server.inprocess.rpc import HANDLER_CANCELLED, Outcome

_LOGGER = logging.getLogger(__name__)
_METHOD_UNKNOWN = Outcome(grpc.StatusCode.UNIMPLEMENTED, "Method not found!")
_KIND_DIFFERS = Outcome(grpc.StatusCode.INTERNAL, "The method and its caller disagree about which side streams.")


class Runnable(Struct, frozen=True):
    """A handler with everything about it that does not change from call to call."""

    behavior: Callable[[Any, InProcessContext], Any]
    reader: Reader[Any]
    writer: Writer
    has_request_stream: bool
    has_response_stream: bool
    is_generator: bool


class Router:
    """Finds the handler of a method, through the interceptors.

    An interceptor whose class says `depends_on_call = False` promises that the handler it returns depends on nothing
    but the method; when all do, the chain runs once for each method instead of once for each call.
    """

    def __init__(self, registry: HandlerRegistry, interceptors: Sequence[grpc.aio.ServerInterceptor]) -> None:
        self._registry = registry
        self._interceptors = tuple(interceptors)
        self._may_keep = all(getattr(each, "depends_on_call", True) is False for each in self._interceptors)
        self._kept: dict[str, Runnable] = {}

    def kept(self, method: str) -> Runnable | None:
        """What an earlier call found, if that still holds."""
        return self._kept.get(method)

    async def find(self, details: CallDetails) -> Runnable | None:
        """Runs the chain. None: nobody serves the method."""
        handler = await self._intercepted(0, details)
        if handler is None:
            return None
        runnable = _runnable(handler)
        if self._may_keep:
            self._kept[details.method] = runnable
        return runnable

    async def _intercepted(self, position: int, details: grpc.HandlerCallDetails) -> Handler | None:
        if position == len(self._interceptors):
            return self._registry.find(details)
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Handler | None]]
        continuation = partial(self._intercepted, position + 1)
        return await self._interceptors[position].intercept_service(continuation, details)


async def serve(context: InProcessContext, router: Router) -> None:
    """Runs one call. Whatever its handler raises is raised; `conclude` makes a status of it."""
    rpc = context.rpc
    runnable = router.kept(rpc.method) or await router.find(CallDetails(rpc.method, rpc.metadata))
    if not _fits(runnable, context):
        return
    request = _Requests(context) if rpc.request is None else runnable.reader.open(rpc.request)
    if runnable.has_response_stream:
        await _run_stream(runnable, request, context)
    else:
        response = await runnable.behavior(request, context)
        _answer(context, response, runnable.writer.seal)


async def serve_unary(context: InProcessContext, router: Router, request: Sealed) -> None:
    """The same for one request and one response, which are handed over without a copy."""
    rpc = context.rpc
    runnable = router.kept(rpc.method) or await router.find(CallDetails(rpc.method, rpc.metadata))
    if _fits(runnable, context):
        response = await runnable.behavior(runnable.reader.open(request), context)
        _answer(context, response, runnable.writer.hand_over)


def _fits(runnable: Runnable | None, context: InProcessContext) -> TypeGuard[Runnable]:
    """Binds a call to what serves it; ends one that nobody serves, or that is of another kind."""
    rpc = context.rpc
    if runnable is None:
        rpc.finish(_METHOD_UNKNOWN)
    elif runnable.has_request_stream is (rpc.requests is None) or runnable.has_response_stream is (
        rpc.responses is None and rpc.sink is None
    ):
        rpc.finish(_KIND_DIFFERS)
    else:
        context.bind(runnable.reader, runnable.writer)
        return True
    return False


def conclude(context: InProcessContext, failure: BaseException | None) -> None:
    """Makes sure that the caller gets a status, from how the handler of a call ended."""
    rpc = context.rpc
    if isinstance(failure, asyncio.CancelledError):
        rpc.finish(HANDLER_CANCELLED)
    elif failure is not None and rpc.sent is None:
        if rpc.outcome is None:
            _LOGGER.error("Unexpected [%s] raised by [%s]", type(failure).__name__, rpc.method, exc_info=failure)
        code = context.own_outcome().code
        details = f"Unexpected {type(failure)}: {failure}"
        context.conclude(Outcome(grpc.StatusCode.UNKNOWN if code is grpc.StatusCode.OK else code, details))
    rpc.end()
    for callback in context.done_callbacks:
        callback()


def end_of(task: asyncio.Task[None]) -> BaseException | None:
    """What a task that is done has raised."""
    return asyncio.CancelledError() if task.cancelled() else task.exception()


def _answer(context: InProcessContext, response: Any, seal: Callable[[Any], Sealed]) -> None:
    """Sends what a handler returned."""
    context.raise_for_termination()
    outcome = context.own_outcome()
    if outcome.code is grpc.StatusCode.OK:
        sealed = seal(response)
        refusal = context.rpc.refuse_size(sealed, "SERVER", "CLIENT")
        if refusal is not None:
            context.rpc.finish(refusal)
            return
        context.rpc.response = sealed
    context.conclude(outcome)


async def _run_stream(runnable: Runnable, request: Any, context: InProcessContext) -> None:
    if runnable.is_generator:
        responses = runnable.behavior(request, context)
        try:
            async for response in responses:
                await context.write(response)
        finally:
            await responses.aclose()
    else:
        await runnable.behavior(request, context)
    context.raise_for_termination()
    context.conclude(context.own_outcome())


class _Requests:
    """The stream of requests as a handler iterates over it."""

    def __init__(self, context: InProcessContext) -> None:
        self._context = context

    def __aiter__(self) -> AsyncIterator[Any]:
        return self

    async def __anext__(self) -> Any:
        message = await self._context.read()
        if message is grpc.aio.EOF:
            raise StopAsyncIteration
        return message


def _runnable(handler: Handler) -> Runnable:
    behaviors = {
        (False, False): handler.unary_unary,
        (False, True): handler.unary_stream,
        (True, False): handler.stream_unary,
        (True, True): handler.stream_stream,
    }
    behavior: Any = behaviors[bool(handler.request_streaming), bool(handler.response_streaming)]
    is_generator = inspect.isasyncgenfunction(behavior)
    # What generated code has for a method that a servicer leaves out is not asynchronous: it only raises.
    is_left_out = str(getattr(behavior, "__module__", "")).endswith("_pb2_grpc")
    if not is_generator and not is_left_out and not inspect.iscoroutinefunction(behavior):
        raise TypeError(f"{behavior!r} is neither a coroutine function nor an async generator function")
    return Runnable(
        behavior=behavior,
        reader=Reader(handler.request_deserializer),
        writer=Writer(handler.response_serializer),
        has_request_stream=bool(handler.request_streaming),
        has_response_stream=bool(handler.response_streaming),
        is_generator=is_generator,
    )

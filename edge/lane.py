"""Unary model calls with one and the same head: what the head says is worked out once, and each body goes straight in.

Made for the first request of a connection that may be served so; those behind it that differ in nothing but the body
need no more than their body. Only for a channel that makes calls directly, and for connections of our own server.
Everything else goes the usual way, which answers in just the same words.
"""

import asyncio
from collections.abc import Awaitable, Callable
from time import monotonic
from typing import Any, Final

import grpc
from msgspec import Struct

from edge.calls import (
    DOUBLED,
    GONE,
    JSON_LINES,
    Caller,
    Direct,
    DirectAnswer,
    DirectCall,
    Endpoint,
    answer_headers,
    is_stopped,
    respond,
)
from edge.cycle import Cycle
from edge.metrics import HttpMetrics
from edge.styles import Style
from edge.transcoder.headers import text_lines

_OK: Final = 200
_DEFECT: Final = 500
_JSON: Final = (b"content-type", b"application/json")


class Surroundings(Struct, frozen=True):
    """What lanes have in common. `tell_defect` answers where an exception came that nobody expected."""

    caller: Caller
    metrics: HttpMetrics
    tell_defect: Callable[[Any, Any], Awaitable[None]]


class CountedLane(Struct, frozen=True):
    """A way in for bodies. `prepared` is the channel's; errors are written in `style`, trailers sent as `te` says.

    `route` is what its requests are counted under.
    """

    endpoint: Endpoint
    route: str
    prepared: Any
    max_bytes: int
    style: Style
    te: str
    around: Surroundings

    async def serve(self, cycle: Cycle) -> None:
        """Serves a request whose body, which this takes, is all there; counts it."""
        metrics, began_s = self.around.metrics, monotonic()
        status = _DEFECT
        metrics.open += 1
        try:
            status = await self.answer(cycle, bytes(cycle.body))
        except Exception:
            if not cycle.response_started:
                await self.around.tell_defect(cycle.scope, cycle.send)
            raise  # the cycle logs it and closes the connection
        finally:
            metrics.open -= 1
            metrics.answered(cycle.scope["method"], self.route, status, monotonic() - began_s)

    async def answer(self, cycle: Cycle, body: bytes) -> int:
        """Answers a request; gives the status. A client that leaves is answered nothing: 499."""
        # Every lane has its own; a struct cannot be abstract in the way of `abc`, whose metaclass is another.
        raise NotImplementedError


class Lane(CountedLane, frozen=True):
    """A lane for answers in one piece."""

    direct: Direct

    async def serve(self, cycle: Cycle) -> None:
        """See `CountedLane`; in one step what that does in two, as this is the way of most requests."""
        metrics, began_s, direct = self.around.metrics, monotonic(), self.direct
        status = _DEFECT
        metrics.open += 1
        task: Any = cycle.task
        body: Any = cycle.body  # in one piece, where a lane takes it
        call = direct.begin(task)
        cycle.watch(call.cancel)
        try:
            answer = direct.finish(call, await direct.start(call, self.prepared, body))
            lines = text_lines(answer.names, answer.values, DOUBLED) if answer.is_text else None
            if lines is None or cycle.flow.write_paused:
                await self._send(cycle, answer)
            else:
                cycle.answer_now(_OK, lines + JSON_LINES, answer.body)
                cycle.is_spare = True
            status = _OK
        except BaseException as error:  # noqa: BLE001  # told apart where there is time for it
            status = await self._explain(cycle, call, error)
        finally:
            cycle.on_departure = None
            metrics.open -= 1
            metrics.answered(cycle.scope["method"], self.route, status, monotonic() - began_s)

    async def answer(self, cycle: Cycle, body: bytes) -> int:
        """See `CountedLane`."""
        task: Any = cycle.task or asyncio.current_task()
        direct = self.direct
        call = direct.begin(task)
        cycle.watch(call.cancel)
        try:
            answer = direct.finish(call, await direct.start(call, self.prepared, body))
            await self._send(cycle, answer)
        except BaseException as error:  # noqa: BLE001  # told apart where there is time for it
            return await self._refuse(cycle, call, error)
        finally:
            cycle.on_departure = None
        return _OK

    async def _send(self, cycle: Cycle, answer: DirectAnswer) -> None:
        """Sends an answer."""
        lines = text_lines(answer.names, answer.values, DOUBLED) if answer.is_text else None
        if lines is None:
            headers = [*answer_headers(answer.metadata, (), self.te), _JSON]
            await respond(cycle.send, _OK, headers, answer.body)
        else:
            await cycle.answer(_OK, lines + JSON_LINES, answer.body)

    async def _explain(self, cycle: Cycle, call: DirectCall, error: BaseException) -> int:
        """The same as `_refuse`, and tells of a defect."""
        try:
            return await self._refuse(cycle, call, error)
        except Exception:
            if not cycle.response_started:
                await self.around.tell_defect(cycle.scope, cycle.send)
            raise  # the worker logs it and closes the connection

    async def _refuse(self, cycle: Cycle, call: DirectCall, raised: BaseException) -> int:
        """Answers a request of which nothing comes; gives the status. Raises what is nobody's answer."""
        error, caller = self.direct.fail(call, raised), self.around.caller
        if isinstance(error, grpc.aio.AioRpcError):
            return await caller.refuse_call(error, cycle.send, self.style, self.te)
        if isinstance(error, grpc.aio.UsageError):
            return await caller.refuse_late(cycle.send, self.style)
        if isinstance(error, asyncio.CancelledError):
            if is_stopped():
                await caller.refuse_late(cycle.send, self.style)
            elif call.is_gone:
                return GONE
        raise error

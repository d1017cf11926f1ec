"""Unary model calls with one and the same head: what the head says is worked out once, and each body goes straight in.

Made for the first request of a connection that may be served so; those behind it that differ in nothing but the body
need no more than their body. Only for a channel that makes calls directly, and for connections of our own server.
Everything else goes the usual way, which answers in just the same words.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from time import monotonic
from typing import Any, Final

import grpc
from msgspec import Struct

from edge.calls import GONE, Caller, Endpoint, answer_headers, is_stopped, respond
from edge.cycle import Cycle
from edge.direct import JSON_LINES, Direct, DirectAnswer, DirectCall, lines_of, response_to
from edge.metrics import MOST_KEPT, HttpMetrics
from edge.styles import Style

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

    def begin(self, cycle: Cycle, task: asyncio.Task[Any]) -> Coroutine[Any, Any, Any] | None:
        """Begins to serve a request whose body, which this takes, is all there; counts it. See `edge.cycle.Lane`."""
        return self._serve(cycle)

    def end(self, cycle: Cycle, served: Any) -> Coroutine[Any, Any, None] | None:
        """Nothing is left to do."""
        return None

    async def explain(self, cycle: Cycle, error: BaseException) -> None:
        """What was raised is nobody's answer."""
        raise error

    async def _serve(self, cycle: Cycle) -> None:
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
    """A lane for answers in one piece. `took_s` is where the metrics are left the times that they take."""

    direct: Direct
    metrics: HttpMetrics
    took_s: list[float]

    def begin(self, cycle: Cycle, task: asyncio.Task[Any]) -> Coroutine[Any, Any, Any] | None:
        """See `CountedLane`; without a coroutine of its own, as this is the way of most requests."""
        cycle.began_s = monotonic()
        self.metrics.open += 1
        body: Any = cycle.body  # in one piece, where a lane takes it
        answer, call = self.direct.start(task, self.prepared, body)
        if answer is None:
            cycle.call = call
            if cycle.disconnected or cycle.flow.read_paused:
                cycle.watch(call.cancel)
            awaited: Coroutine[Any, Any, Any] = call.served
            return awaited
        return self._give(cycle, answer)

    def end(self, cycle: Cycle, served: Any) -> Coroutine[Any, Any, None] | None:
        """Sends what has come, if that has not been done."""
        call = cycle.call
        if call is None:
            return None
        answer = self.direct.finish(call, served)
        cycle.call = cycle.on_departure = None
        return self._give(cycle, answer)

    def _give(self, cycle: Cycle, answer: DirectAnswer) -> Coroutine[Any, Any, None] | None:
        """Sends an answer and counts the request, in this call if that can be; gives what has to be awaited."""
        if cycle.flow.write_paused or cycle.disconnected or not cycle.keep_alive:
            return self._send_last(cycle, answer)
        response = response_to(answer)
        if response is None:
            return self._send_last(cycle, answer)
        cycle.answer_kept(response)
        metrics, took_s = self.metrics, self.took_s
        metrics.open -= 1
        took_s.append(monotonic() - cycle.began_s)
        if len(took_s) >= MOST_KEPT:
            metrics.count_kept()
        cycle.is_spare = True
        return None

    async def explain(self, cycle: Cycle, error: BaseException) -> None:
        """Answers a request of which nothing comes, and tells of a defect."""
        call, status = cycle.call, _DEFECT
        cycle.call = None
        try:
            status = await self._refuse(cycle, call, error)
        except Exception:
            if not cycle.response_started:
                await self.around.tell_defect(cycle.scope, cycle.send)
            raise  # the worker logs it and closes the connection
        finally:
            cycle.on_departure = None
            self._is_over(cycle, status)

    async def answer(self, cycle: Cycle, body: bytes) -> int:
        """See `CountedLane`."""
        task: Any = asyncio.current_task()
        answer, call = self.direct.start(task, self.prepared, body)
        try:
            if answer is None:
                cycle.watch(call.cancel)
                answer = self.direct.finish(call, await call.served)
            await self._send(cycle, answer)
        except BaseException as error:  # noqa: BLE001  # told apart where there is time for it
            return await self._refuse(cycle, call, error)
        finally:
            cycle.on_departure = None
        return _OK

    def _is_over(self, cycle: Cycle, status: int) -> None:
        """Counts a request that has ended. Nothing keeps anything of it that was answered."""
        metrics = self.metrics
        metrics.open -= 1
        metrics.answered(cycle.scope["method"], self.route, status, monotonic() - cycle.began_s)
        cycle.is_spare = status == _OK and cycle.keep_alive and not cycle.disconnected

    async def _send_last(self, cycle: Cycle, answer: DirectAnswer) -> None:
        await self._send(cycle, answer)
        self._is_over(cycle, _OK)

    async def _send(self, cycle: Cycle, answer: DirectAnswer) -> None:
        """Sends an answer."""
        lines = lines_of(answer)
        if lines is None:
            headers = [*answer_headers(answer.metadata, (), self.te), _JSON]
            await respond(cycle.send, _OK, headers, answer.body)
        else:
            await cycle.answer(_OK, lines + JSON_LINES, answer.body)

    async def _refuse(self, cycle: Cycle, call: DirectCall | None, raised: BaseException) -> int:
        """Answers a request of which nothing comes; gives the status. Raises what is nobody's answer."""
        if call is None:
            raise raised
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

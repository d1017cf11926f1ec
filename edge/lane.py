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

from edge.calls import DOUBLED, GONE, JSON_LINES, Caller, Direct, Endpoint, answer_headers, is_stopped, respond
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
        raise NotImplementedError


class Lane(CountedLane, frozen=True):
    """A lane for answers in one piece."""

    direct: Direct

    async def answer(self, cycle: Cycle, body: bytes) -> int:
        """See `CountedLane`."""
        task: Any = cycle.task or asyncio.current_task()
        direct, caller = self.direct, self.around.caller
        call = direct.begin(task)
        cycle.watch(call.cancel)
        try:
            answer = await direct.answer(call, self.prepared, body)
        except grpc.aio.AioRpcError as error:
            return await caller.refuse_call(error, cycle.send, self.style, self.te)
        except grpc.aio.UsageError:
            return await caller.refuse_late(cycle.send, self.style)
        except asyncio.CancelledError:
            if is_stopped():
                await caller.refuse_late(cycle.send, self.style)
            elif call.is_gone:
                return GONE
            raise
        finally:
            cycle.on_departure = None
        lines = text_lines(answer.names, answer.values, DOUBLED) if answer.is_text else None
        if lines is None:
            headers = [*answer_headers(answer.metadata, (), self.te), _JSON]
            await respond(cycle.send, _OK, headers, answer.body)
        elif cycle.flow.write_paused:
            await cycle.answer(_OK, lines + JSON_LINES, answer.body)
        else:
            cycle.answer_now(_OK, lines + JSON_LINES, answer.body)
        return _OK

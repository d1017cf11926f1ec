"""Streamed model calls with one and the same head: as in `lane.py`, for answers that come event by event.

What comes goes from the call that brings it to the connection, without a message or a task in between. Everything else
goes the usual way, which answers in just the same words.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Any, Final

import grpc

from edge.calls import GONE, NOSNIFF, NOSNIFF_LINE, answer_headers, is_stopped, request_id_in
from edge.cycle import Cycle
from edge.direct import DirectHead, DirectStream, lines_of
from edge.errors import Failure
from edge.lane import CountedLane
from edge.sse import Framing, StreamWriter
from edge.styles import error_body, in_stream

_OK: Final = 200
_UNAVAILABLE: Final = 14
_INTERNAL: Final = 13
_LOGGER: Final = logging.getLogger(__name__)


class DirectWriter(StreamWriter):
    """A streamed response of a call that gives its events itself; see `DirectStream`. `stop` it on every path."""

    def __init__(self, cycle: Cycle, framing: Framing, heartbeat_s: float) -> None:
        super().__init__(cycle.send, framing, heartbeat_s)
        self._cycle = cycle
        self._framed = framing
        self._head: DirectHead | None = None
        self._takes_chunks = False

    @property
    def is_open(self) -> bool:
        """Whether the status is told."""
        return self._head is not None

    @property
    def request_id(self) -> str:
        """The request's id as the client has it, once this is open."""
        return "" if self._head is None else request_id_in(answer_headers(self._head.metadata, (), ""))

    @property
    def pass_on(self) -> Callable[[bytes], bool] | None:
        """See `DirectSink`."""
        return self._pass_on if self._framed.is_bare else None

    def _pass_on(self, chunk: bytes) -> bool:
        """Sends a chunk as it stands; what is around its event is at least as large as it would be in a message."""
        cycle = self._cycle
        if cycle.flow.write_paused or cycle.disconnected or cycle.response_complete or self._is_sending:
            return False
        if not self._takes_chunks or len(chunk) > self._max_bytes:
            return False
        cycle.transport.write_now(chunk)
        self.events += 1
        self._sent_at_s = self._loop.time()
        return True

    async def begin(self, head: DirectHead, events: Sequence[bytes], max_bytes: int) -> None:
        """Sends status, headers and the first events; see `DirectSink`."""
        self._head, cycle, framing = head, self._cycle, self._framed
        lines = lines_of(head)
        if lines is None:
            await self.open([*answer_headers(head.metadata, (), ""), NOSNIFF])
            await self.write(events)
        else:
            self.events = len(events)
            lines += framing.lines + NOSNIFF_LINE
            if cycle.flow.write_paused:
                await cycle.drained()
            cycle.open_with(lines, framing.frames(events))
            self.watch()
            self._takes_chunks = True
        self.push_to(cycle.push, max_bytes)

    async def take(self, events: Sequence[bytes]) -> None:
        """Sends events; returns when the connection takes more."""
        await self.write(events)


class StreamLane(CountedLane, frozen=True):
    """A lane for answers that come event by event."""

    direct: DirectStream
    framing: Framing

    async def answer(self, cycle: Cycle, body: bytes) -> int:
        """See `CountedLane`."""
        task: Any = asyncio.current_task()
        caller = self.around.caller
        call = self.direct.begin(task)
        out = DirectWriter(cycle, self.framing, caller.heartbeat_s)
        cycle.watch(call.cancel)
        try:
            await self.direct.stream(call, self.prepared, body, out)
            await out.finish()
        except grpc.aio.AioRpcError as error:
            if not out.is_open:
                return await caller.refuse_call(error, cycle.send, self.style, self.te)
            await self._fail(out, caller.catalogue.of_call(error, out.request_id))
        except grpc.aio.UsageError:
            return await caller.refuse_late(cycle.send, self.style)
        except ValueError:
            if not out.is_open:
                raise
            _LOGGER.exception("A streamed message of %s has no JSON form", self.endpoint.binding.rpc)
            await self._fail(out, caller.catalogue.of_status(_INTERNAL, out.request_id))
        except asyncio.CancelledError:
            if is_stopped():
                if out.is_open:
                    await self._fail(out, caller.catalogue.of_status(_UNAVAILABLE, out.request_id))
                else:
                    await caller.refuse_late(cycle.send, self.style)
            elif call.is_gone:
                return GONE
            raise
        finally:
            out.stop()
            cycle.on_departure = None
        return _OK

    async def _fail(self, out: DirectWriter, failure: Failure) -> None:
        """Ends a stream that broke."""
        style = in_stream(self.style, is_named=out.is_named)
        await out.fail(error_body(failure, style, out.events))

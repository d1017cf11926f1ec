"""One call of a tunnel that is made without messages: a JSON body in, a JSON body out.

It runs as the channel makes such calls in one process, in a task of its own. How it comes and goes is the tunnel's.
"""

import asyncio
import logging
from typing import Any

import grpc

from server.inprocess.direct import AnyAnswer, Direct, DirectCall
from server.inprocess.rpc import Outcome
from server.tunnel.call import Outlet, Way
from server.tunnel.frames import BODY, END, PIECE_BYTES, REFUSED

_log = logging.getLogger(__name__)
_OK = grpc.StatusCode.OK.value[0]
_CANCELLED = grpc.StatusCode.CANCELLED.value[0]
_UNKNOWN = grpc.StatusCode.UNKNOWN.value[0]


class DirectRpc:
    """A call in flight. `start` it; it tells the tunnel how it ended, unless its caller has left."""

    __slots__ = ("_call", "_end", "_is_left", "id", "outlet", "way")

    def __init__(self, way: Way, call_id: int) -> None:
        self.way = way
        self.id = call_id
        self.outlet: Outlet | None = None
        self._call: DirectCall | None = None
        self._end: tuple[Any, ...] = ()
        self._is_left = False

    def start(self, task: asyncio.Task[None], direct: Direct) -> None:
        """Is told the task that runs it, before that has begun."""
        self._call = direct.begin(task)
        task.add_done_callback(self._ended)

    async def serve(self, direct: Direct, prepared: Any, body: bytes) -> None:
        """Runs the call to its end."""
        call = self._call
        assert call is not None
        try:
            answer = await direct.answer(call, prepared, body)
        except grpc.aio.AioRpcError as error:
            initial, trailing = tuple(error.initial_metadata() or ()), tuple(error.trailing_metadata() or ())
            self._tell((END, self.id, error.code().value[0], error.details() or "", initial, trailing))
        except grpc.aio.UsageError:
            self._tell((REFUSED, self.id, False))
        except asyncio.CancelledError:
            if not call.is_gone:
                raise
        else:
            self._answer(answer)

    def leave(self, outcome: Outcome) -> None:
        """The caller has left, or the tunnel has broken."""
        self._is_left = True
        if self.outlet is not None:
            self.outlet.discard()
        if self._call is not None:
            self._call.cancel(outcome.details)

    def _answer(self, answer: AnyAnswer) -> None:
        if len(answer.body) <= PIECE_BYTES and not self.way.is_full:
            self._tell((BODY, self.id, answer.names, answer.values, answer.is_text, answer.body))
        elif not self._is_left:
            self._end = (END, self.id, _OK, "", answer.metadata, ())
            self.outlet = Outlet(self.way, self.id, self._finish)
            self.outlet.start(answer.body)

    def _ended(self, task: asyncio.Task[None]) -> None:
        """Makes sure that the caller gets a status, also where a defect or somebody else ended the task."""
        failure = None if task.cancelled() else task.exception()
        if failure is not None:
            _log.error("A call without messages has failed", exc_info=failure)
            self._tell((END, self.id, _UNKNOWN, "The gateway failed.", (), ()))
        elif task.cancelled():
            self._tell((END, self.id, _CANCELLED, "The handler was cancelled.", (), ()))

    def _finish(self) -> None:
        self._tell(self._end)

    def _tell(self, frame: tuple[Any, ...]) -> None:
        if not self._is_left:
            self.way.send(frame)
            self.way.close(self.id)

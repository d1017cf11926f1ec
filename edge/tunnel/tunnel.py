"""One open tunnel: calls go out in batches, what becomes of them comes back and is told to each.

While a batch is being sent the next one gathers. A call whose frames were not sent when the tunnel ends goes the plain
way, as does one that the core has not begun; all others end with UNAVAILABLE.
"""

import asyncio
import logging
from typing import Any, Final

import grpc
import msgspec
from perpetuo.internal.v1 import tunnel_pb2

from edge.tunnel.call import TunnelCall
from edge.tunnel.frames import (
    BEGIN,
    BODY,
    FORGET_HEADS,
    HEAD,
    MAX_HEADS,
    VERSION,
    Answer,
    Body,
    End,
    Events,
    Frame,
    Head,
    Hello,
    Leaving,
    Pairs,
    Piece,
    read_batch,
    write_batch,
    write_frame,
)

_log: Final = logging.getLogger(__name__)
_FULL_BYTES: Final = 1024 * 1024


class Tunnel:
    """One tunnel over a stream of `TunnelService.Open`. `run` lasts as long as it does.

    `opened` is done when calls may go through it (True) or never will (False), `ended` when none may any more. `code`
    is the status that the stream ended with.
    """

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self.loop = loop = asyncio.get_running_loop()
        self._calls: dict[int, Any] = {}
        self.heads: dict[tuple[str, Pairs], int] = {}
        self._next_head_id = 0
        self._next_id = 0
        self._out: list[bytes] = []
        self._unsent: list[int] = []
        self._out_bytes = 0
        self._wake: asyncio.Future[None] | None = None
        self._hello: Hello | None = None
        self._is_leaving = False
        self.credit_step_bytes = 0
        self.code: grpc.StatusCode | None = None
        self.opened: asyncio.Future[bool] = loop.create_future()
        self.ended: asyncio.Future[None] = loop.create_future()

    def takes(self, size_bytes: int) -> bool:
        """Whether a call of a request of so many bytes may go through it now."""
        hello = self._hello
        return (
            hello is not None
            and not self._is_leaving
            and size_bytes <= hello.max_request_bytes
            and len(self._calls) < hello.max_calls
            and self._out_bytes < _FULL_BYTES
        )

    async def run(self) -> None:
        """Carries what comes, until the stream ends."""
        writing = self.loop.create_task(self._write())
        try:
            async for batch in self._stream:
                self._read(batch.frames)
            self.code = grpc.StatusCode.OK
        except grpc.aio.AioRpcError as error:
            self.code = error.code()
        except msgspec.MsgspecError as error:
            _log.error("What the core sent through the tunnel is no batch of frames: %s", error)
        finally:
            self._close()
            self._stream.cancel()
            writing.cancel()
            await asyncio.wait([writing])
            if not writing.cancelled() and (failure := writing.exception()) is not None:
                _log.debug("The tunnel could not be written to: %r", failure)

    def leave(self) -> None:
        """Lets no more calls in; the stream ends when those inside have."""
        self._is_leaving = True
        _settle(self.opened, value=False)
        _settle(self.ended, value=None)
        self._wake_up()

    def cancel(self) -> None:
        """Cancels all that is inside."""
        for call in tuple(self._calls.values()):
            call.cancel()

    # What calls use.

    def begin(self, call: TunnelCall, payload: bytes) -> int:
        """Sends a call; gives its id."""
        call_id, method, metadata = self._next_id, call.method, call.metadata
        metadata = metadata if metadata.__class__ is tuple else tuple(metadata or ())
        self.send((BEGIN, call_id, method.name, method.is_stream, metadata, payload, call.timeout_s))
        self._next_id = call_id + 1
        self._calls[call_id] = call
        self._unsent.append(call_id)
        return call_id

    def introduce(self, method: str, metadata: Pairs) -> int:
        """Says what calls have in common, which holds as long as `heads` is the same; gives its id."""
        known = self.heads.get((method, metadata))
        if known is not None:
            return known
        if len(self.heads) >= MAX_HEADS:
            self.heads = {}
            self.send((FORGET_HEADS,))
        head_id = self._next_head_id
        self.send((HEAD, head_id, method, metadata))
        self._next_head_id = head_id + 1
        self.heads[method, metadata] = head_id
        return head_id

    def begin_directly(self, call: object, head_id: int, body: bytes) -> int:
        """Sends a call without messages, which is told what becomes of it; gives its id."""
        call_id = self._next_id
        self.send((BODY, call_id, head_id, body))
        self._next_id = call_id + 1
        self._calls[call_id] = call
        self._unsent.append(call_id)
        return call_id

    def forget(self, call_id: int, frame: Frame | None) -> None:
        """Nothing of the call is wanted any more; the frame says so."""
        if self._calls.pop(call_id, None) is not None and frame is not None:
            self.send(frame)

    def send(self, frame: Frame) -> None:
        """Sends a frame with the next batch."""
        raw = write_frame(frame)
        self._out.append(raw)
        self._out_bytes += len(raw)
        if self._wake is not None:
            self._wake_up()

    # What comes.

    def _read(self, batch: bytes) -> None:
        frame: Any
        for frame in read_batch(batch):
            kind = frame.__class__
            if kind is Hello:
                self._greet(frame)
            elif kind is Leaving:
                self.leave()
            elif (call := self._calls.get(frame.id)) is not None:
                self._tell(call, kind, frame)

    def _tell(self, call: Any, kind: type, frame: Any) -> None:
        """Tells a call what has come of it."""
        if kind is Body:
            del self._calls[frame.id]
            call.answer(frame)
            if self._is_leaving:
                self._wake_up()
        elif kind is Events:
            call.take_entries(frame.entries)
        elif kind is Piece:
            call.piece(frame.payload, frame.is_last)
        elif kind is Head:
            call.head(frame.initial)
        else:
            del self._calls[frame.id]
            if kind is Answer:
                call.answer(frame)
            elif kind is End:
                call.take_end(frame)
            else:
                call.go_plain(is_for_good=frame.is_for_good)
            if self._is_leaving:
                self._wake_up()

    def _greet(self, hello: Hello) -> None:
        if hello.version != VERSION:
            self.leave()
            return
        self._hello = hello
        self.credit_step_bytes = hello.window_bytes // 2
        _settle(self.opened, value=True)

    # What goes.

    async def _write(self) -> None:
        while True:
            if self._out:
                batch, self._out, self._unsent, self._out_bytes = self._out, [], [], 0
                await self._stream.write(tunnel_pb2.OpenRequest(frames=write_batch(batch)))
            elif self._is_leaving and not self._calls:
                await self._stream.done_writing()
                return
            else:
                self._wake = self.loop.create_future()
                await self._wake

    def _wake_up(self) -> None:
        wake, self._wake = self._wake, None
        if wake is not None and not wake.done():
            wake.set_result(None)

    def _close(self) -> None:
        """Ends what is left: calls that were never sent go the plain way."""
        self.leave()
        unsent = frozenset(self._unsent)
        calls, self._calls = self._calls, {}
        self._out, self._unsent = [], []
        for call_id, call in calls.items():
            if call_id in unsent:
                call.go_plain()
            else:
                call.break_off()


def _settle(future: "asyncio.Future[Any]", *, value: object) -> None:
    if not future.done():
        future.set_result(value)

"""One open tunnel: frames come in and begin calls, what becomes of them goes out in batches.

While a batch is being sent the next one gathers; nothing is waited for that has not come yet. What waits to be sent is
bounded: by the credit of each call, and beyond that calls wait for the tunnel. Nothing here looks into messages.
"""

import asyncio
import contextvars
import logging
from collections.abc import AsyncIterable, Awaitable, Callable
from functools import partial
from typing import Any, Final

import grpc
import msgspec

from server.errors import RequestInvalid
from server.inprocess import InProcessChannel
from server.inprocess.direct import Direct
from server.inprocess.handling import conclude, end_of, serve, serve_unary
from server.inprocess.metadata import InvalidMetadataError, from_client
from server.inprocess.payload import Sealed
from server.inprocess.rpc import Outcome
from server.tunnel.call import Outlet, Peer, TunnelContext, TunnelRpc
from server.tunnel.direct import DirectRpc
from server.tunnel.frames import (
    HELLO,
    LEAVING,
    MAX_BATCH_BYTES,
    MAX_HEADS,
    REFUSED,
    VERSION,
    WINDOW_BYTES,
    Begin,
    Body,
    Cancel,
    ForgetHeads,
    Frame,
    Head,
    read_batch,
    write_batch,
    write_frame,
)

_log: Final = logging.getLogger(__name__)

MAX_CALLS: Final = 10_000
MAX_REQUEST_BYTES: Final = 128 * 1024
_FULL_BYTES: Final = 1024 * 1024
# Of the largest metadata, so that a batch stays below what a message may have.
_MAX_FRAMES: Final = 100
_NO_HEAD: Final = (None, None)
_CALLER_LEFT: Final = Outcome(grpc.StatusCode.CANCELLED, "The caller cancelled the call.")
_TUNNEL_ENDED: Final = Outcome(grpc.StatusCode.CANCELLED, "The tunnel has ended.")


class Tunnel:
    """One tunnel. Calls run as `channel` would run them. `leave` announces its end; `run` lasts until it has come."""

    def __init__(self, channel: InProcessChannel, peer: Peer, send: Callable[[bytes], Awaitable[None]]) -> None:
        self.loop = asyncio.get_running_loop()
        self._channel = channel
        self._context = contextvars.copy_context()
        self._peer = peer
        self._send = send
        self._calls: dict[int, TunnelRpc | DirectRpc] = {}
        self._last_id = -1
        self._heads: dict[int, tuple[Direct | None, Any]] = {}
        self._out = [write_frame((HELLO, VERSION, MAX_CALLS, MAX_REQUEST_BYTES, WINDOW_BYTES))]
        self._out_bytes = len(self._out[0])
        self._waiting: dict[Outlet, None] = {}
        self._wake: asyncio.Future[None] | None = None
        self._is_leaving = False
        self._takes_no_more = False

    @property
    def is_full(self) -> bool:
        """So much waits to be sent that calls have to wait with what is large."""
        return self._out_bytes >= _FULL_BYTES

    async def run(self, batches: AsyncIterable[bytes]) -> None:
        """Serves until the other side sends no more and its calls have ended. Raises RequestInvalid for no batch.

        However it ends, no call of it is left.
        """
        writing = self.loop.create_task(self._write())
        try:
            async for batch in batches:
                self._take(batch)
            self._takes_no_more = True
            self._wake_up()
            await asyncio.wait([writing])
        finally:
            writing.cancel()
            for call in tuple(self._calls.values()):
                call.leave(_TUNNEL_ENDED)
            self._calls.clear()
            await asyncio.wait([writing])
            if not writing.cancelled() and (failure := writing.exception()) is not None:
                _log.debug("A tunnel could not be written to: %r", failure)

    def leave(self) -> None:
        """Begins nothing more; what runs goes on."""
        if not self._is_leaving:
            self._is_leaving = True
            self.send((LEAVING,))

    # What calls use.

    def send(self, frame: Frame) -> None:
        """Sends a frame with the next batch."""
        raw = write_frame(frame)
        self._out.append(raw)
        self._out_bytes += len(raw)
        if self._wake is not None:
            self._wake_up()

    def resume_later(self, outlet: Outlet) -> None:
        """Has an outlet go on when the tunnel is full no more."""
        self._waiting[outlet] = None

    def close(self, call_id: int) -> None:
        """A call is over; its last frame was sent."""
        self._calls.pop(call_id, None)

    # What comes.

    def _take(self, batch: bytes) -> None:
        if len(batch) > MAX_BATCH_BYTES:
            raise RequestInvalid(f"A batch of a tunnel has at most {MAX_BATCH_BYTES} bytes.")
        try:
            frames = read_batch(batch)
        except msgspec.MsgspecError as error:
            raise RequestInvalid(f"What came through a tunnel is no batch of frames: {error}") from None
        frame: Any
        for frame in frames:
            kind = frame.__class__
            if kind is Body:
                self._begin_directly(frame)
            elif kind is Begin:
                self._begin(frame)
            elif kind is Head:
                self._keep_head(frame)
            elif kind is ForgetHeads:
                self._heads = {}
            else:
                self._tell(frame)

    def _tell(self, frame: Any) -> None:
        """Tells a call what its caller says, unless it has ended meanwhile."""
        call = self._calls.get(frame.id)
        if call is None:
            return
        if frame.__class__ is Cancel:
            del self._calls[frame.id]
            call.leave(_CALLER_LEFT)
        elif call.outlet is not None:
            call.outlet.grant(frame.size_bytes)

    def _begin(self, begin: Begin) -> None:
        channel = self._channel
        if not self._admits(begin.id):
            return
        rpc = TunnelRpc(self, begin, channel.limits)
        rpc.request = sealed = Sealed(None, begin.payload, len(begin.payload))
        try:
            rpc.metadata = from_client(begin.metadata)
        except InvalidMetadataError:
            # Its caller is told so by its own end of a connection, which knows more of what HTTP/2 cannot carry.
            self.send((REFUSED, begin.id, False))
            return
        self._calls[begin.id] = rpc
        if not channel.admit(rpc, begin.timeout_s):
            return
        context = TunnelContext(rpc, self._peer)
        router = channel.router
        run = serve(context, router) if begin.is_stream else serve_unary(context, router, sealed)
        rpc.task = self.loop.create_task(run, context=self._context.copy())
        channel.running.add(rpc)
        rpc.task.add_done_callback(partial(self._ended, context))

    def _begin_directly(self, begin: Body) -> None:
        if not self._admits(begin.id):
            return
        direct, prepared = self._heads.get(begin.head_id, _NO_HEAD)
        if direct is None or prepared is None:
            # Metadata that cannot be had are one caller's; a method without such calls is so for all.
            self.send((REFUSED, begin.id, direct is None))
            return
        rpc = self._calls[begin.id] = DirectRpc(self, begin.id)
        run = rpc.serve(direct, prepared, begin.body)
        rpc.start(self.loop.create_task(run, context=self._context.copy()), direct)

    def _admits(self, call_id: int) -> bool:
        """Whether a call is begun. Raises RequestInvalid for an id that was there before."""
        if call_id <= self._last_id:
            raise RequestInvalid(f"Calls of a tunnel need growing ids, but {call_id} came after {self._last_id}.")
        self._last_id = call_id
        if self._is_leaving or len(self._calls) >= MAX_CALLS:
            self.send((REFUSED, call_id, False))
            return False
        return True

    def _keep_head(self, head: Head) -> None:
        """Works out once what calls with this head have in common, if there can be such calls."""
        if len(self._heads) >= MAX_HEADS:
            raise RequestInvalid(f"A tunnel keeps at most {MAX_HEADS} heads.")
        direct = self._channel.direct_of(head.method)
        prepared = None if direct is None else direct.prepare(head.metadata)
        self._heads[head.id] = direct, prepared

    def _ended(self, context: TunnelContext, task: asyncio.Task[None]) -> None:
        self._channel.running.discard(context.rpc)
        conclude(context, end_of(task))

    # What goes.

    async def _write(self) -> None:
        while True:
            if not self._out:
                if self._takes_no_more and not self._calls:
                    return
                self._wake = self.loop.create_future()
                await self._wake
                continue
            await self._send(write_batch(self._next_batch()))
            if self._waiting and not self.is_full:
                waiting, self._waiting = self._waiting, {}
                for outlet in waiting:
                    outlet.resume()

    def _next_batch(self) -> list[bytes]:
        batch, self._out = self._out, []
        if self._out_bytes > MAX_BATCH_BYTES and len(batch) > _MAX_FRAMES:
            batch, self._out = batch[:_MAX_FRAMES], batch[_MAX_FRAMES:]
        self._out_bytes -= sum(map(len, batch))
        return batch

    def _wake_up(self) -> None:
        wake, self._wake = self._wake, None
        if wake is not None and not wake.done():
            wake.set_result(None)

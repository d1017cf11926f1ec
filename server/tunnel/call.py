"""One call that came through a tunnel: its state, which tells the tunnel what becomes of it, and what its handler sees.

Limits, deadline, cancellation and statuses are those of any call; only the ways in and out are the tunnel's.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Protocol

import grpc

from server.inprocess.context import ENTRY_BYTES, InProcessContext
from server.inprocess.metadata import MetadataLike
from server.inprocess.payload import Sealed
from server.inprocess.pipe import Pipe
from server.inprocess.rpc import Limits, Outcome, Rpc
from server.tunnel.frames import (
    ANSWER,
    END,
    EVENTS,
    HEAD,
    PIECE,
    PIECE_BYTES,
    PIECE_COST_BYTES,
    WINDOW_BYTES,
    Begin,
    Frame,
)


class Way(Protocol):
    """The tunnel, as its calls use it."""

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        """Whose tunnel it is."""

    @property
    def is_full(self) -> bool:
        """Nothing that can wait is to be sent now."""

    def send(self, frame: Frame) -> None:
        """Sends a frame with the next batch."""

    def resume_later(self, outlet: "Outlet") -> None:
        """Has an outlet go on when the tunnel is full no more."""

    def close(self, call_id: int) -> None:
        """A call is over; its last frame was sent."""


class Peer:
    """Who is at the other end of a tunnel: what a handler may ask about a connection, asked once."""

    def __init__(self, outer: grpc.aio.ServicerContext[Any, Any]) -> None:
        self.name: str = outer.peer()
        self.identities: Sequence[bytes] | None = outer.peer_identities()  # type: ignore[assignment]  # as its base says
        self.identity_key: str | None = outer.peer_identity_key()
        self.auth_context: Mapping[str, Iterable[bytes]] = outer.auth_context()


class Outlet(Pipe):
    """Responses on their way into a tunnel: one at a time, in pieces, as far as there is credit for them.

    `drained` is called whenever everything has been sent that was put.
    """

    __slots__ = ("_call_id", "_credit_bytes", "_drained", "_rest", "_way")

    def __init__(self, way: Way, call_id: int, drained: Callable[[], None]) -> None:
        super().__init__(way.loop, 1)
        self._way = way
        self._call_id = call_id
        self._drained = drained
        self._credit_bytes = WINDOW_BYTES
        self._rest: memoryview | None = None

    @property
    def is_drained(self) -> bool:
        """Nothing waits for credit."""
        return self._rest is None

    @property
    def is_awaited(self) -> bool:
        """What is put now goes out now."""
        return self._rest is None and self._credit_bytes > 0 and not self._way.is_full

    async def put(self, item: Sealed) -> bool:
        """Waits until the response before this one has been sent. False: the call has ended."""
        while self._rest is not None and not self._is_closed:
            await self._wait(self._writers)
        if self._is_closed:
            return False
        self.start(wire(item))
        return True

    def start(self, raw: bytes) -> None:
        """Sends a response, as much of it now as may go."""
        if len(raw) <= PIECE_BYTES and self.is_awaited:
            self._credit_bytes -= len(raw) + PIECE_COST_BYTES
            self._way.send((PIECE, self._call_id, raw, True))
        else:
            self._rest = memoryview(raw)
            self.resume()

    def push(self, entries: Sequence[bytes]) -> bool:
        """Sends a response that is a list of bytes, all of it now. False: it cannot go now."""
        size_bytes = sum(map(len, entries)) + PIECE_COST_BYTES * len(entries)
        if size_bytes > self._credit_bytes or not self.is_awaited or self._is_closed:
            return False
        self._credit_bytes -= size_bytes
        self._way.send((EVENTS, self._call_id, entries))
        return True

    def grant(self, size_bytes: int) -> None:
        """The reader has room for so many bytes more."""
        self._credit_bytes += size_bytes
        self.resume()

    def resume(self) -> None:
        """Sends what waits, as far as it may go."""
        rest, way = self._rest, self._way
        if rest is None:
            return
        while self._credit_bytes > 0:
            if way.is_full:
                way.resume_later(self)
                break
            piece, rest = bytes(rest[:PIECE_BYTES]), rest[PIECE_BYTES:]
            self._credit_bytes -= len(piece) + PIECE_COST_BYTES
            way.send((PIECE, self._call_id, piece, not rest))
            if not rest:
                self._finish()
                return
        self._rest = rest

    def discard(self) -> None:
        """Ends at once and drops what waits."""
        self._rest = None
        super().discard()

    def _finish(self) -> None:
        self._rest = None
        if not self._is_closed:
            self._wake_writer()
        self._drained()

    def _wake_writer(self) -> None:
        while self._writers:
            waiter = self._writers.popleft()
            if not waiter.done():
                waiter.set_result(None)
                return


class TunnelRpc(Rpc):
    """A call of a tunnel. `is_left`: its caller waits no more, and nothing is to be said of it."""

    __slots__ = ("has_sent_head", "id", "is_left", "outlet", "way")

    def __init__(self, way: Way, begin: Begin, limits: Limits) -> None:
        super().__init__(way.loop, begin.method, (), limits)
        self.way = way
        self.id = begin.id
        self.is_left = False
        self.has_sent_head = False
        self.outlet: Outlet | None = None
        if begin.is_stream:
            self.outlet = self.responses = Outlet(way, begin.id, self.settle_if_drained)

    def send_initial_metadata(self, metadata: MetadataLike | None) -> None:
        """Shows the initial metadata to the caller: of a stream now, else with the answer."""
        super().send_initial_metadata(metadata)
        if self.responses is not None and not self.is_left:
            self.has_sent_head = True
            self.way.send((HEAD, self.id, self.initial_metadata))

    def leave(self, outcome: Outcome) -> None:
        """The caller has left, or the tunnel has broken."""
        self.is_left = True
        if self.outlet is not None:
            self.outlet.discard()
        self.drop(outcome)

    def _publish(self, outcome: Outcome) -> None:
        if self.outcome is not None:
            return
        super()._publish(outcome)
        if self.is_left:
            return
        response = self.response
        if response is None or outcome.code is not grpc.StatusCode.OK:
            self._end()
            return
        raw, self.response = wire(response), None
        if len(raw) <= PIECE_BYTES and not self.way.is_full:
            self.way.send((ANSWER, self.id, self.initial_metadata, raw, outcome.trailing))
            self.way.close(self.id)
        else:
            self.outlet = Outlet(self.way, self.id, self._end)
            self.outlet.start(raw)

    def _end(self) -> None:
        outcome = self.outcome
        assert outcome is not None
        if self.is_left:
            return
        initial = () if self.has_sent_head else self.initial_metadata
        self.way.send((END, self.id, outcome.code.value[0], outcome.details, initial, outcome.trailing))
        self.way.close(self.id)


class TunnelContext(InProcessContext):
    """The context of one call. Only the task of its handler may use it."""

    rpc: TunnelRpc
    hands_over = True

    def __init__(self, rpc: TunnelRpc, peer: Peer) -> None:
        super().__init__(rpc)
        self._peer = peer

    def push(self, kind: type, entries: Sequence[bytes]) -> bool:
        """Sends a response that is nothing but a list of bytes, at once. False: a message has to be written."""
        rpc = self.rpc
        if rpc.outlet is None or not rpc.has_sent_head or rpc.sent is not None:
            return False
        size_bytes = sum(map(len, entries)) + ENTRY_BYTES * len(entries)
        return rpc.refuse_bytes(size_bytes, "SERVER", "CLIENT") is None and rpc.outlet.push(entries)

    def peer(self) -> str:
        """Where the tunnel comes from, as gRPC writes it."""
        return self._peer.name

    def peer_identities(self) -> Sequence[bytes] | None:
        """Those of the connection that the tunnel came by."""
        return self._peer.identities

    def peer_identity_key(self) -> str | None:
        """That of the connection that the tunnel came by."""
        return self._peer.identity_key

    def auth_context(self) -> Mapping[str, Iterable[bytes]]:
        """That of the connection that the tunnel came by."""
        return self._peer.auth_context


def wire(sealed: Sealed) -> bytes:
    """A message as it goes over the wire."""
    message = sealed.message
    raw = sealed.raw if message is None else message.SerializeToString()
    assert raw is not None
    return raw

"""A call through a tunnel, as its caller holds it: what grpc.aio's own call objects offer, as far as one request goes.

A call that cannot go through the tunnel, or was not begun by the core, is made the plain way, and this is then only in
front of it. When a tunnel breaks, its calls end with UNAVAILABLE, as those of a broken connection do.
"""

import asyncio
from abc import abstractmethod
from collections.abc import Callable, Generator
from functools import partial
from typing import Any, Final, Protocol

import grpc

from edge.tunnel.frames import PIECE_COST_BYTES, Answer, End, Frame, Pairs
from edge.tunnel.method import Method

_CODES: Final = {code.value[0]: code for code in grpc.StatusCode}
OK: Final = 0
_CANCELLED: Final = 1
_DEADLINE_EXCEEDED: Final = 4
_RESOURCE_EXHAUSTED: Final = 8
_UNAVAILABLE: Final = 14
_NO_INDEX: Final = -1


class Line(Protocol):
    """The tunnel, as its calls use it."""

    @property
    def credit_step_bytes(self) -> int:
        """So much credit is given back at a time."""

    def begin(self, call: "TunnelCall", payload: bytes) -> int:
        """Sends a call; gives its id."""

    def forget(self, call_id: int, frame: Frame | None) -> None:
        """Nothing of the call is wanted any more; the frame says so."""

    def send(self, frame: Frame) -> None:
        """Sends a frame with the next batch."""


class TunnelCall(grpc.aio.Call):
    """What both kinds of calls share. Without a `line` it goes the plain way from the beginning."""

    def __init__(self, method: Method, line: Line | None, request: Any, metadata: Any, timeout_s: float | None) -> None:
        self.loop = loop = asyncio.get_running_loop()
        self.method = method
        self.metadata = metadata
        self.timeout_s = timeout_s
        self._request = request
        self._line = line
        self._deadline_s = None if timeout_s is None else loop.time() + timeout_s
        self._timer: asyncio.TimerHandle | None = None
        self._initial: Any = None
        self._end: End | None = None
        self._plain: Any = None
        self._parts: list[bytes] = []
        self._parts_bytes = 0
        self._held_bytes = 0
        self._owed_bytes = 0
        self._is_left = False
        self._waiters: list[asyncio.Future[None]] = []
        self._callbacks: list[Callable[[], None]] = []
        self.id = _NO_INDEX
        if line is None:
            self._plain = method.plain(request, metadata=metadata, timeout=timeout_s)
            return
        payload = method.write(request)
        if timeout_s is not None:
            if timeout_s <= 0:
                self._finish(_DEADLINE_EXCEEDED, "Deadline Exceeded")
                return
            self._timer = loop.call_later(timeout_s, self._expire)
        if len(payload) > method.max_send_bytes:
            text = f"CLIENT: Sent message larger than max ({len(payload)} vs. {method.max_send_bytes})"
            self._finish(_RESOURCE_EXHAUSTED, text)
            return
        self.id = line.begin(self, payload)

    def __repr__(self) -> str:
        state = "in flight" if self._end is None else f"{_CODES.get(self._end.code)} {self._end.details!r}"
        return f"<{type(self).__name__} of {self.method.name}: {state}>"

    # What the tunnel tells.

    def head(self, initial: Pairs) -> None:
        """The initial metadata have come."""
        self._initial = initial
        self._wake()

    def piece(self, payload: bytes, is_last: bool) -> None:
        """A response has come, or a piece of one."""
        cost_bytes = len(payload) + PIECE_COST_BYTES
        self._parts_bytes += len(payload)
        if self._parts_bytes > self.method.max_receive_bytes:
            text = f"Received message larger than max ({self._parts_bytes} vs. {self.method.max_receive_bytes})"
            self._give_up(_RESOURCE_EXHAUSTED, f"CLIENT: {text}")
            return
        self._held_bytes += cost_bytes
        if not is_last:
            self._parts.append(payload)
            self.make_room()
            return
        if self._parts:
            payload, self._parts = b"".join((*self._parts, payload)), []
        held_bytes, self._parts_bytes, self._held_bytes = self._held_bytes, 0, 0
        self.take_response(payload, held_bytes)

    def make_room(self) -> None:
        """Lets the rest of a response come, when there is nothing else to be read that would make room."""
        held_bytes, self._held_bytes = self._held_bytes, 0
        self._give_back(held_bytes)

    @abstractmethod
    def answer(self, frame: Answer) -> None:
        """The whole answer has come."""

    @abstractmethod
    def take_response(self, payload: bytes, cost_bytes: int) -> None:
        """A whole response is there, which took so much of the credit."""

    @abstractmethod
    def take_entries(self, entries: list[bytes]) -> None:
        """A whole response is there, as the list that it is."""

    def take_end(self, end: End) -> None:
        """The call has ended."""
        if self._initial is None:
            self._initial = end.initial
        self._finish_with(end)

    def go_plain(self, *, is_for_good: bool = False) -> None:
        """The call was not begun: it goes the plain way, with the time that is left."""
        self._stop_timer()
        try:
            self._plain = self.method.plain(self._request, metadata=self.metadata, timeout=self.time_remaining())
        except grpc.aio.UsageError:  # the channel is closed
            self.break_off()
            return
        for callback in self._callbacks:
            self._plain.add_done_callback(lambda _, callback=callback: callback())
        self._wake()

    def break_off(self) -> None:
        """The tunnel has broken."""
        self._finish(_UNAVAILABLE, "The tunnel to the core has broken.")

    # What the caller does.

    def cancelled(self) -> bool:
        """The call ended with CANCELLED, by whichever side."""
        if self._plain is not None:
            return bool(self._plain.cancelled())
        return self._end is not None and self._end.code == _CANCELLED

    def done(self) -> bool:
        """The outcome is known."""
        return self._end is not None if self._plain is None else bool(self._plain.done())

    def time_remaining(self) -> float | None:
        """Seconds until the deadline, at least 0; None without one."""
        return None if self._deadline_s is None else max(self._deadline_s - self.loop.time(), 0.0)

    def cancel(self) -> bool:
        """Ends the call at once. False: it had ended before."""
        if self._plain is not None:
            return bool(self._plain.cancel())
        if self._end is not None:
            return False
        self._is_left = True
        self._give_up(_CANCELLED, "Locally cancelled by application!")
        return True

    def add_done_callback(self, callback: Callable[[Any], None]) -> None:
        """Calls back with this call when it ends, at once when it has."""
        if self._plain is not None:
            self._plain.add_done_callback(lambda _: callback(self))
        elif self._end is not None:
            callback(self)
        else:
            self._callbacks.append(partial(callback, self))

    async def initial_metadata(self) -> Any:
        """Waits for the initial metadata, or for the end of the call."""
        while self._initial is None and self._plain is None:
            await self._changed()
        return await self._plain.initial_metadata() if self._plain is not None else grpc.aio.Metadata(*self._initial)

    async def trailing_metadata(self) -> Any:
        """Waits for the end of the call."""
        end = await self._settled()
        return await self._plain.trailing_metadata() if end is None else grpc.aio.Metadata(*end.trailing)

    async def code(self) -> grpc.StatusCode:
        """Waits for the end of the call."""
        end = await self._settled()
        code: grpc.StatusCode = await self._plain.code() if end is None else _code(end)
        return code

    async def details(self) -> str:
        """Waits for the end of the call."""
        end = await self._settled()
        details: str = await self._plain.details() if end is None else end.details
        return details

    async def wait_for_connection(self) -> None:
        """Waits until the core has shown itself; raises as awaiting the call would if it has failed by then."""
        await self.initial_metadata()
        if self._plain is not None:
            await self._plain.wait_for_connection()
        elif self._end is not None:
            self._raise_unless_ok(self._end)

    # Inside.

    async def _settled(self) -> End | None:
        """The end of the call; None if it went the plain way."""
        while self._end is None and self._plain is None:
            await self._changed()
        return self._end

    def _changed(self) -> asyncio.Future[None]:
        waiter = self.loop.create_future()
        self._waiters.append(waiter)
        return waiter

    def _wake(self) -> None:
        if self._waiters:
            waiters, self._waiters = self._waiters, []
            for waiter in waiters:
                if not waiter.done():
                    waiter.set_result(None)

    def _expire(self) -> None:
        self._give_up(_DEADLINE_EXCEEDED, "Deadline Exceeded")

    def _give_up(self, code: int, details: str) -> None:
        """Ends the call on this side, and has the core end it."""
        if self._line is not None:
            self._line.forget(self.id, (1, self.id))
        self._finish(code, details)

    def _finish(self, code: int, details: str) -> None:
        self._finish_with(End(self.id, code, details, (), ()))

    def _finish_with(self, end: End) -> None:
        if self._end is not None:
            return
        self._end = end
        if self._initial is None:
            self._initial = ()
        self._stop_timer()
        self._wake()
        if self._callbacks:
            callbacks, self._callbacks = self._callbacks, []
            for callback in callbacks:
                callback()

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _give_back(self, cost_bytes: int) -> None:
        self._owed_bytes += cost_bytes
        line = self._line
        if line is not None and self._owed_bytes >= line.credit_step_bytes and self._end is None:
            line.send((2, self.id, self._owed_bytes))
            self._owed_bytes = 0

    def _raise_unless_ok(self, end: End) -> None:
        if self._is_left:
            raise asyncio.CancelledError
        if end.code != OK:
            raise status_error(end, self._initial or ())


class UnaryCall(TunnelCall):
    """One request, one response. `received_metadata` are initial and trailing metadata once it was awaited."""

    _payload: bytes | None = None
    received_metadata: tuple[Any, Any] = ((), ())

    def __await__(self) -> Generator[Any, None, Any]:
        """Waits for the response; raises AioRpcError, or CancelledError when the call was cancelled here."""
        return self._run().__await__()

    def answer(self, frame: Answer) -> None:
        """The whole answer has come."""
        self._initial = frame.initial
        self._payload = frame.payload
        self._finish_with(End(frame.id, OK, "", frame.initial, frame.trailing))

    def take_response(self, payload: bytes, cost_bytes: int) -> None:
        """The response is there; its status follows."""
        self._payload = payload

    def take_entries(self, entries: list[bytes]) -> None:
        """The same of a response that is a list."""
        self._payload = self.method.write_entries(entries)

    async def _run(self) -> Any:
        try:
            end = await self._settled()
        except asyncio.CancelledError:
            self.cancel()
            raise
        if end is None:
            plain = self._plain
            answer = await plain
            self.received_metadata = await plain.initial_metadata(), await plain.trailing_metadata()
            return answer
        self._raise_unless_ok(end)
        self.received_metadata = self._initial, end.trailing
        assert self._payload is not None
        return self.method.read(self._payload)


def _code(end: End) -> grpc.StatusCode:
    return _CODES.get(end.code, grpc.StatusCode.UNKNOWN)


def status_error(end: End, initial: Pairs) -> grpc.aio.AioRpcError:
    """The end of a call as its caller gets it, where it is not OK."""
    metadata = grpc.aio.Metadata(*initial), grpc.aio.Metadata(*end.trailing)
    return grpc.aio.AioRpcError(_code(end), *metadata, end.details, end.details)

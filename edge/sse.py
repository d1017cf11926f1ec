"""Server streams as HTTP bodies: server-sent events, newline-delimited JSON, or bytes as they are.

A writer owns the response from its first byte to its last: it frames, flushes every message, and on an event stream
sends a comment when nothing was sent for a while, so that proxies keep the connection. Of an event it reads at most
the `type`, where events have names.
Facts: the HTML standard's event stream format, ASGI's HTTP messages.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec
from perpetuo.rest.v1 import annotations_pb2 as rest_options

Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Push = Callable[[bytes], bool]
HeaderList = list[tuple[bytes, bytes]]

DEFAULT_HEARTBEAT_S: Final = 15.0

# As numbers: looking for a number is ten times as fast as looking for one byte.
_LF: Final = 0x0A
_CR: Final = 0x0D
_UNBOUNDED: Final = 1 << 62
_ENTRY_BYTES: Final = 6


@dataclass(frozen=True, slots=True)
class Framing:
    """How single events become a body."""

    content_type: bytes
    before: bytes
    after: bytes
    newline: bytes
    """What stands for a newline inside an event."""
    end: bytes
    """What follows the last event of a stream that did not break."""
    heartbeat: bytes
    """What keeps a silent stream alive; empty where there is nothing that readers would skip."""
    headers: tuple[tuple[bytes, bytes], ...] = ()
    is_named: bool = False
    """Each event is named by the `type` of its JSON."""
    is_bare: bool = field(init=False)
    """An event of one line is a line of `data` and a blank one, and nothing else."""
    lines: bytes = field(init=False)
    """Content type and headers as lines of a head."""

    def __post_init__(self) -> None:
        pairs = ((b"content-type", self.content_type), *self.headers)
        object.__setattr__(self, "is_bare", not self.is_named and (self.before, self.after) == (b"data: ", b"\n\n"))
        object.__setattr__(self, "lines", b"".join([b"%b: %b\r\n" % pair for pair in pairs]))

    def frame(self, event: bytes) -> bytes:
        """One event, framed."""
        name = b"event: %b\n" % _type_of(event) if self.is_named else b""
        if _LF in event or _CR in event:
            event = self.newline.join(event.splitlines())
        return name + self.before + event + self.after

    def frames(self, events: Sequence[bytes]) -> bytes:
        """Events, framed, one after the other."""
        events = list(events)  # once: a repeated field makes its bytes anew each time
        text = b"".join(events)
        if self.is_named or not events or _LF in text or _CR in text:
            return b"".join([self.frame(event) for event in events])
        return self.before + (self.after + self.before).join(events) + self.after


class _Typed(msgspec.Struct):
    type: str = "error"


_TYPED: Final = msgspec.json.Decoder(_Typed)
_TYPE_FIRST: Final = b'{"type":"'
_NAME_CHARS: Final = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-"


def _type_of(event: bytes) -> bytes:
    """The `type` of an event; mostly it stands first. What has none that can be a name is an error."""
    if event.startswith(_TYPE_FIRST):
        name = event[len(_TYPE_FIRST) : event.index(b'"', len(_TYPE_FIRST))]
    else:
        name = _TYPED.decode(event).type.encode()
    return name if name and not name.translate(None, _NAME_CHARS) else b"error"


SSE_DONE: Final = Framing(
    content_type=b"text/event-stream; charset=utf-8",
    before=b"data: ",
    after=b"\n\n",
    newline=b"\ndata: ",
    end=b"data: [DONE]\n\n",
    heartbeat=b": ping\n\n",
    headers=((b"cache-control", b"no-cache"), (b"x-accel-buffering", b"no")),
)
SSE_NAMED: Final = Framing(
    content_type=SSE_DONE.content_type,
    before=SSE_DONE.before,
    after=SSE_DONE.after,
    newline=SSE_DONE.newline,
    end=b"",
    heartbeat=SSE_DONE.heartbeat,
    headers=SSE_DONE.headers,
    is_named=True,
)
NDJSON: Final = Framing(
    content_type=b"application/x-ndjson",
    before=b"",
    after=b"\n",
    newline=b" ",  # Between the tokens of JSON one kind of white space is as good as another.
    end=b"",
    heartbeat=b"",
    headers=((b"cache-control", b"no-cache"), (b"x-accel-buffering", b"no")),
)


_FRAMINGS: Final[Mapping[int, Framing]] = {
    rest_options.FRAMING_SSE_DONE: SSE_DONE,
    rest_options.FRAMING_SSE_NAMED: SSE_NAMED,
}


def framing_of(framing: int) -> Framing:
    """The framing that a method declares."""
    return _FRAMINGS.get(framing, NDJSON)


class StreamWriter:
    """One streamed response. `stop` must be called on every path, `open` before anything else.

    `events` is how many events were sent.
    """

    def __init__(
        self,
        send: Send,
        framing: Framing | None,
        heartbeat_s: float = DEFAULT_HEARTBEAT_S,
        push: Push | None = None,
    ) -> None:
        """Prepares a response.

        Args:
            send: of the ASGI connection.
            push: sends a piece of the body past `send`; None where there is no way.
            framing: None for bytes that are passed on as they are.
            heartbeat_s: silence after which a comment is sent, in seconds, above 0.
        """
        self._send = send
        self._push = push
        self._max_bytes = _UNBOUNDED
        self._framing = framing
        self._heartbeat_s = heartbeat_s
        self._loop = asyncio.get_running_loop()
        self._sent_at_s = 0.0
        self._is_sending = False
        self.events = 0
        self._timer: asyncio.TimerHandle | None = None
        self._ping: asyncio.Task[None] | None = None

    @property
    def is_named(self) -> bool:
        """Whether events have names."""
        return self._framing is not None and self._framing.is_named

    def push_to(self, push: Push, max_bytes: int) -> None:
        """Has events pushed to `push` from now on, at most so many bytes at once, with six more for each event."""
        self._push, self._max_bytes = push, max_bytes

    async def open(self, headers: HeaderList) -> None:
        """Sends status 200 and the headers, and starts watching for silence."""
        framing = self._framing
        if framing is not None:
            headers = [*headers, (b"content-type", framing.content_type), *framing.headers]
        await self._send({"type": "http.response.start", "status": 200, "headers": headers})
        self.watch()

    def watch(self) -> None:
        """Starts watching for silence, once status and headers were sent."""
        framing = self._framing
        if framing is not None and framing.heartbeat:
            self._sent_at_s = self._loop.time()
            self._timer = self._loop.call_later(self._heartbeat_s, self._watch)

    async def write(self, events: Sequence[bytes]) -> None:
        """Sends events at once; returns when the connection takes more."""
        framing = self._framing
        self.events += len(events)
        body = b"".join(events) if framing is None else framing.frames(events)
        if body:
            await self._body(body, more_body=True)

    def push(self, events: Sequence[bytes]) -> bool:
        """Sends events at once; False if the connection does not take them now, and nothing was sent."""
        if self._push is None or self._is_sending:
            return False
        framing = self._framing
        event = events[0] if len(events) == 1 else b""
        if framing is None:
            body = b"".join(events)
        elif not event or framing.is_named or _LF in event or _CR in event:
            body = framing.frames(events)
        else:
            body = framing.before + event + framing.after
        if not body or len(body) + _ENTRY_BYTES * len(events) > self._max_bytes or not self._push(body):
            return False
        self.events += len(events)
        self._sent_at_s = self._loop.time()
        return True

    async def finish(self) -> None:
        """Ends a stream that is complete."""
        self.stop()
        await self._body(self._framing.end if self._framing is not None else b"", more_body=False)

    async def fail(self, error: bytes) -> None:
        """Ends a stream that broke, with the error as its last event and without the mark of the end.

        Without a framing there is no place for an error: the response is left unfinished, and the server cuts the
        connection, so that the reader sees that something is missing.
        """
        self.stop()
        if self._framing is not None:
            await self._body(self._framing.frame(error), more_body=False)

    def stop(self) -> None:
        """Sends no more comments. Safe to call twice."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._ping is not None:
            self._ping.cancel()
            self._ping = None

    async def _body(self, body: bytes, *, more_body: bool) -> None:
        self._is_sending = True
        try:
            await self._send({"type": "http.response.body", "body": body, "more_body": more_body})
        finally:
            self._is_sending = False
            self._sent_at_s = self._loop.time()

    def _watch(self) -> None:
        silent_s = self._loop.time() - self._sent_at_s
        if self._is_sending:
            silent_s = 0.0
        elif silent_s >= self._heartbeat_s:
            self._ping = self._loop.create_task(self._beat())
            silent_s = 0.0
        self._timer = self._loop.call_later(self._heartbeat_s - silent_s, self._watch)

    async def _beat(self) -> None:
        assert self._framing is not None
        await self._body(self._framing.heartbeat, more_body=True)

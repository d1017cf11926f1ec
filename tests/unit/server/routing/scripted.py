"""Upstreams that answer from a script, for tests of what is above them."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from server.chat.deployment import Candidate, Deployment
from server.chat.usage import Usage
from server.chat.wire import Timeouts, WireRequest
from server.errors import PerpetuoError
from server.routing.attempt import Clock, Means, Trace, UsualPrices

Piece = bytes | PerpetuoError | float
"""Bytes that arrive, a failure, or seconds of silence."""

UNARY = (
    b'{"id":"chatcmpl-up","object":"chat.completion","created":1,"model":"m-1","choices":[{"index":0,"message":'
    b'{"role":"assistant","content":"Hello"},"finish_reason":"stop"}],"usage":{"prompt_tokens":3,'
    b'"completion_tokens":2,"total_tokens":5}}'
)


def chunk(delta: str = "{}", finish: str = "null", answer_id: str = "chatcmpl-up") -> bytes:
    """The event of one chunk."""
    return (
        f'data: {{"id":"{answer_id}","object":"chat.completion.chunk","created":1,"model":"m-1","choices":[{{"index":0,'
        f'"delta":{delta},"finish_reason":{finish}}}]}}\n\n'
    ).encode()


ROLE = chunk('{"role":"assistant","content":""}')
HI = chunk('{"content":"Hi"}')
FINISH = chunk(finish='"stop"')
USAGE = (
    b'data: {"id":"chatcmpl-up","object":"chat.completion.chunk","created":1,"model":"m-1","choices":[],"usage":'
    b'{"prompt_tokens":3,"completion_tokens":2,"total_tokens":5}}\n\n'
)
DONE = b"data: [DONE]\n\n"


@dataclass(slots=True)
class Reply:
    """What an upstream answers."""

    pieces: Sequence[Piece] = ()
    status: int = 200
    content_type: str = "text/event-stream"
    is_closed: bool = False
    is_read: asyncio.Event = field(default_factory=asyncio.Event)
    """Set once the first piece was taken."""
    taken: int = 0
    progress: list[int] = field(default_factory=list)
    """Which pieces, from 1, were progress."""
    wound_up_s: float | None = None
    more: Mapping[str, str] = field(default_factory=dict)
    """Further headers."""

    @property
    def headers(self) -> Mapping[str, str]:
        return {"content-type": self.content_type, **self.more}

    async def read(self) -> bytes:
        return b"".join([piece async for piece in self.chunks()])

    async def chunks(self) -> AsyncIterator[bytes]:
        for piece in self.pieces:
            if isinstance(piece, PerpetuoError):
                raise piece
            if isinstance(piece, bytes):
                self.taken += 1
                yield piece
                self.is_read.set()
            else:
                await asyncio.sleep(piece)

    def progressed(self) -> None:
        self.progress.append(self.taken)

    def wind_up(self, within_s: float) -> None:
        self.wound_up_s = within_s

    async def close(self) -> None:
        self.is_closed = True


def whole(body: bytes = UNARY, status: int = 200) -> Reply:
    return Reply((body,), status, "application/json")


@dataclass(slots=True)
class ScriptedTransport:
    """Answers one script entry for each call, and keeps what was sent."""

    script: list[Reply | PerpetuoError]
    sent: list[WireRequest] = field(default_factory=list)
    timeouts: list[Timeouts] = field(default_factory=list)

    async def send(self, request: WireRequest, timeouts: Timeouts) -> Reply:
        self.sent.append(request)
        self.timeouts.append(timeouts)
        entry = self.script[len(self.sent) - 1]
        if isinstance(entry, PerpetuoError):
            raise entry
        return entry

    async def close(self) -> None:
        return None


def candidate(name: str, model: str = "m") -> Candidate:
    return Candidate(Deployment(name, "ws_1", "openai", f"https://{name}.example/v1", "sk-secret"), model)


def clock() -> Clock:
    return Clock(lambda: datetime.now(UTC), asyncio.get_running_loop().time)


def nano_per_token(provider: str, model: str, usage: Usage) -> int | None:
    """A price of one nano-dollar for a token."""
    return usage.total_tokens


def means() -> Means:
    return Means(clock(), UsualPrices(nano_per_token))


def trace() -> Trace:
    return Trace(means())

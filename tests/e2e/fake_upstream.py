"""An upstream whose every answer is a function of the test: one HTTP/1.1 server on a free loopback port."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Asked:
    """A request that came. Names of headers are in lower case."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer; its pieces are written one by one."""

    pieces: Sequence[bytes]
    status: int = 200
    content_type: str = "application/json"

    @classmethod
    def of(cls, body: Any, status: int = 200) -> "Reply":
        """An answer in JSON."""
        return cls([json.dumps(body).encode()], status)

    @classmethod
    def events(cls, *events: Mapping[str, Any]) -> "Reply":
        """A stream of named events, each named by its type."""
        pieces = [f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode() for event in events]
        return cls(pieces, content_type="text/event-stream")


@dataclass(slots=True)
class FakeUpstream:
    """A running upstream. `answer` may be replaced at any time; `asked` holds what came."""

    answer: Callable[[Asked], Reply]
    asked: list[Asked] = field(default_factory=list)
    port: int = 0

    @property
    def url(self) -> str:
        """Its address, without a path."""
        return f"http://127.0.0.1:{self.port}"

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answers one request and closes."""
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            method, path, _ = head[0].split(" ")
            pairs = (line.partition(":") for line in head[1:] if line)
            headers = {name.strip().lower(): value.strip() for name, _, value in pairs}
            asked = Asked(method, path, headers, await reader.readexactly(int(headers.get("content-length", 0))))
            self.asked.append(asked)
            reply = self.answer(asked)
            start = f"HTTP/1.1 {reply.status} Status\r\ncontent-type: {reply.content_type}\r\nconnection: close\r\n\r\n"
            writer.write(start.encode())
            for piece in reply.pieces:
                writer.write(piece)
                await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()


@contextlib.asynccontextmanager
async def fake_upstream(answer: Callable[[Asked], Reply]) -> AsyncIterator[FakeUpstream]:
    """Listens until the block ends."""
    upstream = FakeUpstream(answer)
    server = await asyncio.start_server(upstream.talk, "127.0.0.1", 0)
    upstream.port = server.sockets[0].getsockname()[1]
    try:
        yield upstream
    finally:
        server.close()
        await server.wait_closed()

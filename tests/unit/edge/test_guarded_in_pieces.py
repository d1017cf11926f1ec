"""A head that comes without its body, as many clients write them: it is learnt, and known when it comes again."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import pytest

from edge import guarded
from edge.guarded import GuardedProtocol
from edge.serve import serving
from edge.settings import EdgeSettings

OK = b"HTTP/1.1 200 OK"


def head(size_bytes: int) -> bytes:
    return b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\nX-Y: z\r\n\r\n" % size_bytes


class Seen:
    """An application that keeps the body of each request, and None where the client left before its end."""

    def __init__(self) -> None:
        self.bodies: asyncio.Queue[bytes | None] = asyncio.Queue()

    async def __call__(self, _scope: Any, receive: Any, send: Any) -> None:
        body = b""
        while True:
            message = await receive()
            if message["type"] != "http.request":
                self.bodies.put_nowait(None)
                return
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        self.bodies.put_nowait(body)
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
        await send({"type": "http.response.body", "body": b"ok"})


class Client:
    """A connection whose pieces come one by one; `parsed` counts heads that the parser was asked about."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self.pieces: asyncio.Queue[bytes] = asyncio.Queue()
        self.parsed = 0

    async def send(self, *pieces: bytes) -> None:
        for piece in pieces:
            self.writer.write(piece)
            async with asyncio.timeout(20):
                assert await self.pieces.get() == piece

    async def answer(self) -> None:
        async with asyncio.timeout(20):
            assert (await self.reader.readuntil(b"\r\n\r\nok")).startswith(OK)


@contextlib.asynccontextmanager
async def connected(app: Any, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Client]:
    received, parsed = GuardedProtocol.data_received, GuardedProtocol.on_headers_complete

    def data_received(protocol: GuardedProtocol, data: bytes) -> None:
        received(protocol, data)
        client.pieces.put_nowait(data)

    def on_headers_complete(protocol: GuardedProtocol) -> None:
        client.parsed += 1
        parsed(protocol)

    monkeypatch.setattr(GuardedProtocol, "data_received", data_received)
    monkeypatch.setattr(GuardedProtocol, "on_headers_complete", on_headers_complete)
    async with serving(app, EdgeSettings.from_environment(port=0, grace_s=0)) as port:
        client = Client(*await asyncio.open_connection("127.0.0.1", port))
        try:
            yield client
        finally:
            client.writer.close()
            with contextlib.suppress(OSError):
                await client.writer.wait_closed()


FIRST = {"apart": (head(2), b"hi"), "together": (head(2) + b"hi",)}


@pytest.mark.parametrize("first", FIRST)
async def test_a_head_is_learnt_and_known_however_it_comes(first: str, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = Seen()
    async with connected(seen, monkeypatch) as client:
        for pieces in (FIRST[first], (head(5), b"hello"), (head(3) + b"all",), (head(12), b"hello, again")):
            await client.send(*pieces)
            await client.answer()
        assert client.parsed == 1
    assert [seen.bodies.get_nowait() for _ in range(4)] == [b"hi", b"hello", b"all", b"hello, again"]


# What comes behind a known head, the bodies that are served, and of how many requests the parser is asked.
BEHIND: dict[str, tuple[tuple[bytes, ...], list[bytes], int]] = {
    "a body in two pieces": ((head(5), b"he", b"llo"), [b"hello"], 1),
    "a body and another request": ((head(5), b"hello" + head(2) + b"hi"), [b"hello", b"hi"], 2),
    "a body and half of another head": ((head(5), b"hello" + head(2)[:9], head(2)[9:] + b"hi"), [b"hello", b"hi"], 2),
    "no body, as it says": ((head(0),), [b""], 0),
    "another head, which is its body": ((head(len(head(2))), head(2)), [head(2)], 0),
}


@pytest.mark.parametrize("case", BEHIND)
async def test_behind_a_known_head_comes(case: str, monkeypatch: pytest.MonkeyPatch) -> None:
    pieces, bodies, parsed = BEHIND[case]
    seen = Seen()
    async with connected(seen, monkeypatch) as client:
        await client.send(head(2), b"hi")
        await client.answer()
        await client.send(*pieces)
        for _ in bodies:
            await client.answer()
        assert client.parsed == 1 + parsed
    assert [seen.bodies.get_nowait() for _ in range(1 + len(bodies))] == [b"hi", *bodies]


async def test_a_client_that_leaves_behind_a_known_head_is_told_to_the_application(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen = Seen()
    async with connected(seen, monkeypatch) as client:
        await client.send(head(2), b"hi")
        await client.answer()
        await client.send(head(5))
        client.writer.close()
        async with asyncio.timeout(20):
            assert await seen.bodies.get() == b"hi"
            assert await seen.bodies.get() is None


async def test_a_known_head_whose_body_does_not_come_is_too_slow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge.serve.SWEEP_S", 0.01)
    async with connected(Seen(), monkeypatch) as client:
        await client.send(head(2), b"hi")
        await client.answer()
        monkeypatch.setattr(guarded, "BODY_WINDOW_S", 0.05)
        client.writer.write(head(5))
        async with asyncio.timeout(20):
            with contextlib.suppress(OSError):
                assert await client.reader.read() == b""

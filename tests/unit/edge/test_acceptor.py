"""Connections are taken many at a time, and none is when there is no room or nobody listens any more."""

import asyncio
import errno
import socket
from collections.abc import Iterator
from typing import Any

import pytest

from edge import acceptor
from edge.acceptor import AT_ONCE, Acceptor


class Greeting(asyncio.Protocol):
    """Says hello and ends."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        transport.write(b"hello")
        transport.close()


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(2 * AT_ONCE)
        listening.setblocking(False)
        yield listening


async def greeted(listener: socket.socket) -> bytes:
    async with asyncio.timeout(20):
        reader, writer = await asyncio.open_connection(*listener.getsockname())
        try:
            return await reader.read()
        finally:
            writer.close()


async def test_all_who_wait_are_taken(listener: socket.socket) -> None:
    waiting = [socket.create_connection(listener.getsockname()) for _ in range(40)]
    taking = Acceptor(listener.dup(), Greeting, None)
    try:
        assert await greeted(listener) == b"hello"
        for each in waiting:
            each.settimeout(20)
            assert each.recv(10) == b"hello"
    finally:
        taking.close()
        for each in waiting:
            each.close()


async def test_one_that_has_left_is_no_harm(listener: socket.socket) -> None:
    gone = socket.create_connection(listener.getsockname())
    gone.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    gone.close()
    taking = Acceptor(listener.dup(), Greeting, None)
    try:
        assert await greeted(listener) == b"hello"
    finally:
        taking.close()


async def test_without_room_it_tries_again_later(listener: socket.socket, monkeypatch: pytest.MonkeyPatch) -> None:
    class Full(socket.socket):
        """Has no room the first time."""

        tried = 0

        def accept(self) -> Any:
            Full.tried += 1
            if Full.tried == 1:
                raise OSError(errno.EMFILE, "too many open files")
            return super().accept()

    monkeypatch.setattr(acceptor, "_PAUSE_S", 0.01)
    full = Full(fileno=listener.dup().detach())
    full.setblocking(False)
    taking = Acceptor(full, Greeting, None)
    try:
        assert await greeted(listener) == b"hello"
        assert Full.tried >= 2
    finally:
        taking.close()


async def test_closed_it_takes_nobody(listener: socket.socket) -> None:
    taking = Acceptor(listener.dup(), Greeting, None)
    taking.close()
    taking.close()
    with socket.create_connection(listener.getsockname()) as waiting:
        waiting.setblocking(False)
        await asyncio.sleep(0)
        with pytest.raises(BlockingIOError):
            waiting.recv(10)
        accepted, _ = listener.accept()
        accepted.close()

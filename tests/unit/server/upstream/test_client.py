"""The HTTP client against real sockets that answer well and badly."""

import asyncio
import gzip
import socket
import struct

import pytest

from cli.mock.upstream import MockUpstream
from server.chat.wire import Timeouts, WireRequest
from server.errors import PerpetuoError, UpstreamBadResponse, UpstreamReset, UpstreamTimeout
from server.upstream.client import HttpTransport
from tests.unit.server.upstream.asking import ANSWER, QUICK, chat, collect, post, read_all
from tests.unit.server.upstream.raw_server import raw_server, read_request


async def test_gives_status_headers_and_body(mock: MockUpstream, transport: HttpTransport) -> None:
    response = await transport.send(chat(mock, "status-429?retry_after=2"), QUICK)
    assert response.status == 429
    assert response.headers["retry-after"] == "2"
    assert b"The mock answers 429." in await response.read()
    await response.close()


async def test_of_repeated_headers_the_first_counts(transport: HttpTransport) -> None:
    async def talk(_: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nX-A: 1\r\nx-a: 2\r\nSet-Cookie: c=1\r\ncontent-length: 0\r\n\r\n")
        assert b"cookie" not in (await read_request(reader)).lower()
        writer.write(ANSWER)

    async with raw_server(talk) as port:
        response = await transport.send(post(f"http://127.0.0.1:{port}/"), QUICK)
        assert response.headers["x-a"] == "1"
        assert await response.read() == b""
        await response.close()
        assert await read_all(transport, post(f"http://127.0.0.1:{port}/")) == b"ok"


async def test_sends_what_it_was_given_and_no_more(mock: MockUpstream, transport: HttpTransport) -> None:
    body = b'{"model":"m","x":1.0,"y":9007199254740993}'
    await read_all(transport, post(f"{mock.base_url}/chat/completions", body, Authorization="Bearer k"))
    (arrived,) = mock.requests
    assert arrived.body == body
    names = sorted(name.decode().lower() for name, _ in arrived.headers)
    assert names == [
        "accept",
        "accept-encoding",
        "authorization",
        "content-length",
        "content-type",
        "host",
        "user-agent",
    ]
    assert arrived.header("accept-encoding") == "identity"
    assert arrived.header("user-agent") == "perpetuo"


async def test_sends_and_reads_large_bodies(mock: MockUpstream, transport: HttpTransport) -> None:
    body = b'{"model":"m","pad":"%b"}' % (b"x" * (5 << 20))
    text = b"y" * (3 << 20)
    assert await read_all(transport, post(f"{mock.base_url}/chat/completions", body))
    assert mock.requests[0].body == body

    async def talk(_: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%b" % (len(text), text))
        await writer.drain()

    async with raw_server(talk) as port:
        assert await read_all(transport, post(f"http://127.0.0.1:{port}/")) == text


async def test_pieces_arrive_before_the_next_is_sent(transport: HttpTransport) -> None:
    goes_on = asyncio.Event()

    async def talk(_: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
        for _ in range(3):
            writer.write(b"1\r\na\r\n")
            await goes_on.wait()
            goes_on.clear()
        writer.write(b"0\r\n\r\n")
        await writer.drain()

    async with raw_server(talk) as port:
        response = await transport.send(post(f"http://127.0.0.1:{port}/"), QUICK)
        pieces = []
        async for piece in response.chunks():
            pieces.append(piece)
            goes_on.set()
        assert pieces == [b"a", b"a", b"a"]
        await response.close()


async def test_connections_are_kept_and_used_again(mock: MockUpstream, transport: HttpTransport) -> None:
    for _ in range(3):
        await read_all(transport, chat(mock))
        await read_all(transport, chat(mock, stream=True))
    assert mock.connections_opened == 1


async def test_redirects_are_answers(mock: MockUpstream, transport: HttpTransport) -> None:
    response = await transport.send(chat(mock, f"redirect?status=307&location={mock.origin}/v1/models"), QUICK)
    assert response.status == 307
    await response.close()
    assert len(mock.requests) == 1


@pytest.mark.parametrize(
    ("scenario", "timeouts", "phase"),
    [
        ("stall-headers", Timeouts(first_byte_s=0.05), "firstByte"),
        ("delay-headers?ms=5000", Timeouts(first_byte_s=0.05), "firstByte"),
        ("delay-headers?ms=5000", Timeouts(total_s=0.05), "total"),
        ("stall-after?n=2", Timeouts(first_byte_s=60.0, idle_s=0.05), "idle"),
        ("delay-first?ms=5000", Timeouts(first_byte_s=60.0, idle_s=0.05), "idle"),
        ("slow?ms=10&n=1000", Timeouts(total_s=0.1), "total"),
        ("endless", Timeouts(total_s=0.01), "total"),
    ],
)
async def test_each_timeout_is_told_by_its_phase(
    mock: MockUpstream, transport: HttpTransport, scenario: str, timeouts: Timeouts, phase: str
) -> None:
    with pytest.raises(UpstreamTimeout) as caught:
        await read_all(transport, chat(mock, scenario, stream=True), timeouts)
    assert caught.value.details["phase"] == phase
    await mock.idle()


async def test_an_answer_that_trickles_is_not_idle(mock: MockUpstream, transport: HttpTransport) -> None:
    # Longer in all than the time of silence, of which one pause is so little that a busy machine keeps it.
    limits = Timeouts(first_byte_s=30.0, idle_s=2.0)
    body = await read_all(transport, chat(mock, "slow?ms=100&n=25", stream=True), limits)
    assert body.endswith(b"[DONE]\n\n")


@pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
@pytest.mark.parametrize(
    ("scenario", "reason"),
    [
        ("cut-at?byte=40", UpstreamBadResponse),
        ("cut-at?byte=40+gzip", UpstreamBadResponse),
        ("reset-after?n=1", UpstreamReset),
    ],
)
async def test_a_body_that_ends_early_is_told_from_one_that_is_reset(
    mock: MockUpstream, transport: HttpTransport, scenario: str, reason: type[PerpetuoError], stream: bool
) -> None:
    with pytest.raises(reason) as caught:
        await read_all(transport, chat(mock, scenario, stream=stream))
    assert caught.value.details == {"phase": "body"}


@pytest.mark.parametrize(
    ("ending", "reason"), [("cut-at?byte=500", UpstreamBadResponse), ("reset-after?n=3", UpstreamReset)]
)
async def test_what_came_before_the_cut_is_given_first(
    mock: MockUpstream, transport: HttpTransport, ending: str, reason: type[PerpetuoError]
) -> None:
    response = await transport.send(chat(mock, ending, stream=True), QUICK)
    pieces: list[bytes] = []
    with pytest.raises(reason):
        await collect(response, pieces)
    came = b"".join(pieces)
    assert len(came) == 500 if "byte" in ending else came.count(b"data: ") == 3
    await response.close()


def reset(writer: asyncio.StreamWriter) -> None:
    raw = writer.get_extra_info("socket")
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


@pytest.mark.parametrize("ends_by_reset", [False, True], ids=["closed", "reset"])
async def test_a_body_without_a_length_ends_by_close_but_not_by_reset(
    transport: HttpTransport, ends_by_reset: bool
) -> None:
    goes_on = asyncio.Event()

    async def talk(_: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(b"HTTP/1.1 200 OK\r\n\r\nhalf of it")
        await goes_on.wait()
        if ends_by_reset:
            reset(writer)

    async with raw_server(talk) as port:
        response = await transport.send(post(f"http://127.0.0.1:{port}/"), QUICK)
        pieces = response.chunks()
        assert await anext(pieces) == b"half of it"
        goes_on.set()
        with pytest.raises(UpstreamReset if ends_by_reset else StopAsyncIteration):
            await anext(pieces)
        await response.close()


@pytest.mark.parametrize("scenario", ["reset-headers", "close-headers"])
async def test_a_fresh_connection_that_breaks_is_not_tried_again(
    mock: MockUpstream, transport: HttpTransport, scenario: str
) -> None:
    for method, path in (("POST", "chat/completions"), ("GET", "models")):
        mock.clear()
        body = b"{}" if method == "POST" else b""
        request = WireRequest(method, f"{mock.base_url}/{path}", {"x-mock-scenario": scenario}, body)
        with pytest.raises(UpstreamReset):
            await transport.send(request, QUICK)
        assert len(mock.requests) == 1


@pytest.mark.parametrize("ends_by_reset", [False, True], ids=["closed", "reset"])
async def test_a_stale_connection_is_replaced_by_a_fresh_one_once(
    transport: HttpTransport, ends_by_reset: bool
) -> None:
    heads: list[int] = []
    both_open = asyncio.Barrier(2)

    async def talk(number: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        if number <= 2:
            await both_open.wait()
        writer.write(ANSWER)
        await read_request(reader)
        heads.append(number)
        if ends_by_reset:
            reset(writer)

    async with raw_server(talk) as port:
        request = post(f"http://127.0.0.1:{port}/")
        answers = await asyncio.gather(read_all(transport, request), read_all(transport, request))
        assert list(answers) == [b"ok", b"ok"]
        assert await read_all(transport, request) == b"ok"
        assert len(heads) == 1


@pytest.mark.parametrize("ends_by_reset", [False, True], ids=["closed", "reset"])
async def test_nothing_is_sent_again_once_a_byte_of_the_answer_came(
    transport: HttpTransport, ends_by_reset: bool
) -> None:
    connections: list[int] = []

    async def talk(number: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.append(number)
        await read_request(reader)
        writer.write(ANSWER)
        await read_request(reader)
        writer.write(b"HTTP/1.1 2")
        await writer.drain()
        await asyncio.sleep(0.05)
        if ends_by_reset:
            reset(writer)

    async with raw_server(talk) as port:
        request = post(f"http://127.0.0.1:{port}/")
        assert await read_all(transport, request) == b"ok"
        with pytest.raises(UpstreamReset):
            await transport.send(request, QUICK)
        assert connections == [1]


async def test_a_fresh_connection_that_breaks_too_is_a_reset(transport: HttpTransport) -> None:
    connections: list[int] = []

    async def talk(number: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.append(number)
        await read_request(reader)
        if number == 1:
            writer.write(ANSWER)
            await read_request(reader)

    async with raw_server(talk) as port:
        request = post(f"http://127.0.0.1:{port}/")
        assert await read_all(transport, request) == b"ok"
        with pytest.raises(UpstreamReset):
            await transport.send(request, QUICK)
        assert connections == [1, 2]


@pytest.mark.parametrize("when", ["before the body", "within the body"])
async def test_close_is_seen_by_the_upstream_at_once(mock: MockUpstream, transport: HttpTransport, when: str) -> None:
    unbounded = Timeouts(connect_s=60.0, first_byte_s=60.0, idle_s=60.0, total_s=60.0)
    response = await transport.send(chat(mock, "stall-after?n=2", stream=True), unbounded)
    if when == "within the body":
        assert await anext(response.chunks())
    loop = asyncio.get_running_loop()
    closed_at = loop.time()
    await response.close()
    await response.close()
    gone = await mock.disconnected()
    assert gone.disconnected_at_s is not None
    assert gone.disconnected_at_s - closed_at < 5.0  # where nothing else would end it for a minute


async def test_cancelling_a_send_closes_its_connection(mock: MockUpstream, transport: HttpTransport) -> None:
    task = asyncio.create_task(transport.send(chat(mock, "stall-headers"), QUICK))
    await mock.arrived()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await mock.disconnected()


async def test_a_thousand_aborted_streams_leave_no_connection(mock: MockUpstream, transport: HttpTransport) -> None:
    async def abort() -> None:
        response = await transport.send(chat(mock, "stall-after?n=1", stream=True), QUICK)
        await response.close()

    for _ in range(10):
        await asyncio.gather(*(abort() for _ in range(100)))
    await mock.idle()
    assert len(mock.disconnects) == 1000


async def test_bodies_above_the_limit_are_refused(mock: MockUpstream) -> None:
    transport = HttpTransport(allow_private_upstreams=True, max_body_bytes=2 << 20)
    try:
        with pytest.raises(UpstreamBadResponse, match="longer than 2097152 bytes"):
            await read_all(transport, chat(mock, "endless", stream=True))
        with pytest.raises(UpstreamBadResponse, match="longer than 2097152 bytes"):
            await read_all(transport, chat(mock, "long?n=300000"))
    finally:
        await transport.close()


async def test_a_bomb_is_not_inflated(mock: MockUpstream, transport: HttpTransport) -> None:
    response = await transport.send(chat(mock, "bomb?mib=50"), QUICK)
    pieces: list[bytes] = []
    with pytest.raises(UpstreamBadResponse, match="inflates to more than 100 times"):
        await collect(response, pieces)
    assert sum(map(len, pieces)) < 8 << 20
    await response.close()


async def test_a_compressed_answer_is_read_though_none_was_asked_for(
    mock: MockUpstream, transport: HttpTransport
) -> None:
    plain = await read_all(transport, chat(mock, "", stream=True))
    assert await read_all(transport, chat(mock, "gzip", stream=True)) == plain


@pytest.mark.parametrize(
    "answer",
    [
        b"220 smtp.example ESMTP\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: x\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nx: " + b"a" * 70_000 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 20\r\n\r\nthis is not gzipped!",
        b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 24\r\n\r\n"
        + gzip.compress(b"ab")[:10]
        + b"\xff" * 14,
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
    ],
    ids=["another protocol", "a bad length", "a header too long", "not gzip", "gzip that breaks", "a bad chunk"],
)
async def test_what_is_not_http_is_a_bad_response(transport: HttpTransport, answer: bytes) -> None:
    async def talk(_: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(answer)
        await writer.drain()
        await reader.read()

    async with raw_server(talk) as port:
        with pytest.raises(UpstreamBadResponse):
            await read_all(transport, post(f"http://127.0.0.1:{port}/"))


async def test_closing_the_transport_ends_what_runs(mock: MockUpstream) -> None:
    transport = HttpTransport(allow_private_upstreams=True)
    response = await transport.send(chat(mock, "stall-after?n=1", stream=True), QUICK)
    pieces = response.chunks()
    await anext(pieces)
    await transport.close()
    with pytest.raises(UpstreamReset):
        await anext(pieces)
    await response.close()
    await mock.idle()

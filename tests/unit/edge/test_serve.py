"""Serving inside a loop that is somebody else's."""

import asyncio
import socket
from typing import Any

import grpc
import httpx2
import pytest

from edge.app import EdgeOptions, create_app
from edge.listening import bind
from edge.rest.services import gateway_reasons
from edge.serve import serve_app, serving
from edge.settings import EdgeSettings
from tests.unit.edge.echo import service, serving_core


async def app(scope: Any, receive: Any, send: Any) -> None:
    """Tells who asks; `/slow` takes its time."""
    if scope["path"] == "/slow":
        await asyncio.sleep(0.2)
    body = scope["client"][0].encode()
    await send(
        {"type": "http.response.start", "status": 200, "headers": [(b"content-length", str(len(body)).encode())]}
    )
    await send({"type": "http.response.body", "body": body})


async def test_the_port_that_was_picked_is_told_before_the_first_request_and_freed_at_the_end() -> None:
    told: asyncio.Queue[int] = asyncio.Queue()
    stop = asyncio.Event()
    task = asyncio.create_task(
        serve_app(app, EdgeSettings.from_environment(port=0), on_ready=told.put_nowait, stop=stop)
    )
    port = await told.get()
    async with httpx2.AsyncClient(timeout=60) as client:
        answer = await client.get(f"http://127.0.0.1:{port}/")
    assert answer.text == "127.0.0.1"
    assert "server" not in answer.headers
    stop.set()
    await task
    bind("127.0.0.1", port).close()


async def test_whoever_waits_for_readiness_is_waited_for() -> None:
    ready = asyncio.Event()
    stop = asyncio.Event()

    async def tell(port: int) -> None:
        await asyncio.sleep(0)
        ready.set()
        stop.set()

    await serve_app(app, EdgeSettings.from_environment(port=0), on_ready=tell, stop=stop)
    assert ready.is_set()


async def test_a_running_request_ends_before_the_server_does() -> None:
    async with httpx2.AsyncClient(timeout=60) as client:
        async with serving(app, EdgeSettings.from_environment(port=0, grace_s=5)) as port:
            asking = asyncio.create_task(client.get(f"http://127.0.0.1:{port}/slow"))
            await asyncio.sleep(0.05)
        assert (await asking).status_code == 200


async def test_an_address_in_use_is_an_error() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(OSError, match="in use"):
            await serve_app(app, EdgeSettings.from_environment(port=taken.getsockname()[1]))


async def test_a_proxy_is_believed_only_if_it_is_trusted() -> None:
    forwarded = {"x-forwarded-for": "203.0.113.9"}
    async with httpx2.AsyncClient(timeout=60) as client:
        async with serving(app, EdgeSettings.from_environment(port=0)) as port:
            assert (await client.get(f"http://127.0.0.1:{port}/", headers=forwarded)).text == "127.0.0.1"
        async with serving(app, EdgeSettings.from_environment(port=0, trusted_proxies=("127.0.0.1",))) as port:
            assert (await client.get(f"http://127.0.0.1:{port}/", headers=forwarded)).text == "203.0.113.9"


async def broken(scope: Any, receive: Any, send: Any) -> None:
    raise ValueError("boom")


async def test_a_defect_costs_one_request_and_not_the_next_on_its_connection() -> None:
    async with grpc.aio.insecure_channel("127.0.0.1:1") as channel:
        options = EdgeOptions(services=(), reasons=gateway_reasons(), pages={"/broken": broken})
        async with serving(create_app(channel, options), EdgeSettings.from_environment(port=0)) as port:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"GET /broken HTTP/1.1\r\nHost: a\r\n\r\n")
            head, _, body = (await reader.read()).partition(b"\r\n\r\n")
            writer.close()
    assert head.startswith(b"HTTP/1.1 500 ")
    assert b"\r\nconnection: close" in head.lower()
    assert b"boom" not in body


async def raw(port: int, *pieces: bytes) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for piece in pieces:
        writer.write(piece)
    return reader, writer


async def test_a_connection_in_use_is_told_before_it_is_closed() -> None:
    stop, ports = asyncio.Event(), asyncio.Queue[int]()
    settings = EdgeSettings.from_environment(port=0, grace_s=30)
    task = asyncio.create_task(serve_app(app, settings, on_ready=ports.put_nowait, stop=stop))
    reader, writer = await raw(await ports.get())
    said = b""
    async with asyncio.timeout(20):
        while b"connection: close" not in said.lower():
            writer.write(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            said = await reader.readuntil(b"127.0.0.1")
            stop.set()
        assert await reader.read() == b""
        writer.close()
        await task


async def test_a_request_that_has_begun_to_come_when_the_server_stops_is_answered() -> None:
    async with serving(app, EdgeSettings.from_environment(port=0, grace_s=30)) as port:
        reader, writer = await raw(port, b"GET /slow HTTP/1.1\r\n")
        await asyncio.sleep(0.05)
        asyncio.get_running_loop().call_later(0.5, writer.write, b"Host: a\r\n\r\n")
    assert (await reader.read()).endswith(b"127.0.0.1")
    writer.close()


async def test_idle_connections_do_not_keep_a_server_from_stopping() -> None:
    async with asyncio.timeout(20):
        async with serving(app, EdgeSettings.from_environment(port=0, grace_s=600)) as port:
            fresh = await raw(port)
            used = await raw(port, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            await used[0].readuntil(b"127.0.0.1")
        for reader, writer in (fresh, used):
            assert await reader.read() == b""
            writer.close()


@pytest.mark.parametrize("form", ["a unary call", "a stream"])
async def test_what_outlasts_the_grace_is_told_so(form: str) -> None:
    async with serving_core() as core, grpc.aio.insecure_channel(f"127.0.0.1:{core.port}") as channel:
        options = EdgeOptions(services=[service()], reasons=gateway_reasons())
        async with serving(create_app(channel, options), EdgeSettings.from_environment(port=0, grace_s=0)) as port:
            body = b'{"stream":true ,"x":"hang"}'
            head = b"POST /v1/chat/completions HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % len(body)
            sent = head + body if form == "a stream" else b"GET /hang HTTP/1.1\r\nHost: a\r\n\r\n"
            reader, writer = await raw(port, sent)
            async with asyncio.timeout(20):
                await core.began.wait()
                before = await reader.readuntil(b'{"n":2}') if form == "a stream" else b""
        said = before + await reader.read()
        writer.close()
    assert b'"code":"draining"' in said
    assert said.startswith(b"HTTP/1.1 200" if form == "a stream" else b"HTTP/1.1 503")
    assert b"[DONE]" not in said


def test_connections_that_come_together_are_taken_in_few_rounds_of_the_loop() -> None:
    """What is long in a loop that has much to do is a round; one connection in each would be too few."""
    uvloop = pytest.importorskip("uvloop")
    seen = 0

    async def counting(scope: Any, receive: Any, send: Any) -> None:
        nonlocal seen
        seen += 1
        await app(scope, receive, send)

    async def rounds() -> int:
        clients: list[socket.socket] = []
        count = 0
        async with serving(counting, EdgeSettings.from_environment(port=0, grace_s=0)) as port:
            for _ in range(64):
                clients.append(socket.create_connection(("127.0.0.1", port)))
                clients[-1].sendall(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n")
            while seen < len(clients):
                count += 1
                await asyncio.sleep(0)
            for client in clients:
                client.close()
        return count

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        assert runner.run(rounds()) < 40

"""The channel in front of a plain one: tunnels are opened, kept, given up, and done without."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import grpc
import pytest
from google.protobuf.wrappers_pb2 import StringValue
from perpetuo.internal.v1 import tunnel_pb2_grpc

from edge.tunnel.channel import Pauses, TunnelChannel
from server.inprocess import HandlerRegistry, InProcessChannel
from server.tunnel import TunnelServicer
from tests.contract.channel.stage import PATIENCE_S, Context, Text, text, unary_stream, unary_unary

QUICK = Pauses(0.001, 0.01, 0.05)
METHOD = "/stage.Stage/Do"


async def peer(request: Text, context: Context) -> Text:
    """Tells how the call came: in a tunnel the context is not gRPC's own."""
    return text(type(context).__name__)


@asynccontextmanager
async def core(port: int = 0, *, has_tunnels: bool = True) -> AsyncIterator[int]:
    registry = HandlerRegistry()
    registry.add_registered_method_handlers("stage.Stage", {"Do": unary_unary(peer)})
    server = grpc.aio.server(options=[("grpc.so_reuseport", 0)])
    registry.install(server)
    tunnels = TunnelServicer()
    tunnels.channel = InProcessChannel(registry)
    if has_tunnels:
        tunnel_pb2_grpc.add_TunnelServiceServicer_to_server(tunnels, server)
    bound = server.add_insecure_port(f"127.0.0.1:{port}")
    await server.start()
    try:
        yield bound
    finally:
        tunnels.leave()
        await server.stop(0)


@asynccontextmanager
async def edge(port: int) -> AsyncIterator[TunnelChannel]:
    plain = grpc.aio.insecure_channel(
        f"127.0.0.1:{port}", [("grpc.initial_reconnect_backoff_ms", 100), ("grpc.max_reconnect_backoff_ms", 100)]
    )
    async with TunnelChannel(plain, {}, QUICK) as channel:
        yield channel


def ask(channel: TunnelChannel, **options: Any) -> Any:
    do = channel.unary_unary(METHOD, StringValue.SerializeToString, StringValue.FromString)
    return do(text("q"), **options)


async def until(is_open: bool, channel: TunnelChannel) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while (channel.tunnel is not None) is not is_open:
            await asyncio.sleep(0.005)


async def test_calls_go_the_plain_way_until_a_tunnel_is_open() -> None:
    async with core() as port, edge(port) as channel:
        assert (await ask(channel)).value == "_ServicerContext"
        await until(True, channel)
        assert (await ask(channel)).value == "TunnelContext"


async def test_a_core_without_tunnels_is_called_the_plain_way(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    async with core(has_tunnels=False) as port, edge(port) as channel:
        for _ in range(3):
            assert (await ask(channel)).value == "_ServicerContext"
            await asyncio.sleep(0.01)
        assert channel.tunnel is None
    assert "is open" not in caplog.text


async def test_a_tunnel_comes_back_with_its_core() -> None:
    async with core() as port:
        pass
    async with edge(port) as channel:
        async with core(port):
            await until(True, channel)
            assert (await ask(channel)).value == "TunnelContext"
        await until(False, channel)
        assert await ask(channel).code() is grpc.StatusCode.UNAVAILABLE
        async with core(port):
            await until(True, channel)
            assert (await ask(channel)).value == "TunnelContext"


async def test_whoever_wants_more_than_a_tunnel_can_gets_a_plain_call() -> None:
    async with core() as port, edge(port) as channel:
        await until(True, channel)
        assert (await ask(channel, wait_for_ready=True)).value == "_ServicerContext"


async def test_a_large_request_goes_the_plain_way() -> None:
    async with core() as port, edge(port) as channel:
        await until(True, channel)
        do = channel.unary_unary(METHOD, StringValue.SerializeToString, StringValue.FromString)
        assert (await do(text("x" * 200_000))).value == "_ServicerContext"


async def test_kinds_and_state_are_those_of_a_channel() -> None:
    async with core() as port, edge(port) as channel:
        await channel.channel_ready()
        assert channel.get_state() is grpc.ChannelConnectivity.READY
        assert channel.unary_unary(METHOD).here is not None
        assert channel.unary_stream(METHOD).here is None
        assert isinstance(channel.stream_stream(METHOD), grpc.aio.StreamStreamMultiCallable)
        assert isinstance(channel.stream_unary(METHOD), grpc.aio.StreamUnaryMultiCallable)


async def test_closing_cancels_a_stream_that_runs() -> None:
    cancelled = asyncio.Event()

    async def hang(request: Text, context: Context) -> AsyncIterator[Text]:
        yield text("first")
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    registry = HandlerRegistry()
    registry.add_registered_method_handlers("stage.Stage", {"Do": unary_stream(hang)})
    server = grpc.aio.server(options=[("grpc.so_reuseport", 0)])
    tunnels = TunnelServicer()
    tunnels.channel = InProcessChannel(registry)
    tunnel_pb2_grpc.add_TunnelServiceServicer_to_server(tunnels, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with edge(port) as channel:
        await until(True, channel)
        stream = channel.unary_stream(METHOD, Text.SerializeToString, Text.FromString)(text("q"))
        assert (await stream.read()).value == "first"
        assert not cancelled.is_set()
    async with asyncio.timeout(PATIENCE_S):
        await cancelled.wait()
    await server.stop(0)

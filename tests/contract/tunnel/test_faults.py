"""What goes wrong in and around a tunnel, over real sockets: cuts, slow readers, callers who leave, very many calls."""

import asyncio
import gc
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import grpc
import pytest
from perpetuo.internal.v1 import tunnel_pb2_grpc

from edge.tunnel.channel import Pauses, TunnelChannel
from server.inprocess import HandlerRegistry, InProcessChannel
from server.tunnel import TunnelServicer
from tests.contract.channel.stage import PATIENCE_S, Context, Text, text, unary_stream, unary_unary
from tests.contract.tunnel.wire import Wire, wire_to

CALLS = 10_000
RACES = 1_500
QUICK = Pauses(0.001, 0.02, 1.0)
# Much more than a window.
LARGE = "x" * 300_000


@dataclass
class Core:
    """What its handlers saw."""

    inside: InProcessChannel
    started: int = 0
    ended: int = 0
    produced: int = 0
    release: asyncio.Event = field(default_factory=asyncio.Event)

    async def echo(self, request: Text, context: Context) -> Text:
        self.started += 1
        try:
            await asyncio.sleep(0)
            return request
        finally:
            self.ended += 1

    async def hang(self, request: Text, context: Context) -> Text:
        self.started += 1
        try:
            await self.release.wait()
            return request
        finally:
            self.ended += 1

    async def pour(self, request: Text, context: Context) -> AsyncIterator[Text]:
        self.started += 1
        try:
            while True:
                self.produced += 1
                yield text(request.value)
        finally:
            self.ended += 1

    async def few(self, request: Text, context: Context) -> AsyncIterator[Text]:
        self.started += 1
        try:
            for number in range(5):
                await asyncio.sleep(0)
                yield text(f"{number}{request.value}")
        finally:
            self.ended += 1


@dataclass
class Scene:
    """An edge and a core with a wire between them."""

    channel: TunnelChannel
    core: Core
    wire: Wire

    def unary(self, name: str, request: str = "q", **options: Any) -> Any:
        do = self.channel.unary_unary(f"/stage.Stage/{name}", Text.SerializeToString, Text.FromString)
        return do(text(request), **options)

    def stream(self, name: str, request: str = "q") -> Any:
        do = self.channel.unary_stream(f"/stage.Stage/{name}", Text.SerializeToString, Text.FromString)
        return do(text(request))

    async def is_open(self) -> None:
        """Calls go through a tunnel."""
        await until(lambda: self.channel.tunnel is not None and self.channel.tunnel.takes(1))

    async def is_idle(self) -> None:
        """Nothing is left of any call on either side."""
        await until(lambda: not self.core.inside.running and self.core.started == self.core.ended)
        assert self.channel.tunnel is not None
        assert self.channel.tunnel._calls == {}


async def until(holds: Any) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not holds():
            await asyncio.sleep(0.002)


@asynccontextmanager
async def scene() -> AsyncIterator[Scene]:
    registry = HandlerRegistry()
    core = Core(InProcessChannel(registry))
    registry.add_registered_method_handlers(
        "stage.Stage",
        {
            "Echo": unary_unary(core.echo),
            "Hang": unary_unary(core.hang),
            "Pour": unary_stream(core.pour),
            "Few": unary_stream(core.few),
        },
    )
    # Calls that find the tunnel full queue up in the transport: none may be cut there.
    waiting = [(name, 10 * RACES) for name in ("max_pending_requests", "max_pending_requests_hard_limit")]
    room = [(f"grpc.server.{name}", count) for name, count in waiting]
    server = grpc.aio.server(options=[*room, ("grpc.so_reuseport", 0), ("grpc.http2.bdp_probe", 0)])
    registry.install(server)
    tunnels = TunnelServicer()
    tunnels.channel = core.inside
    tunnel_pb2_grpc.add_TunnelServiceServicer_to_server(tunnels, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    options = [("grpc.initial_reconnect_backoff_ms", 100), ("grpc.min_reconnect_backoff_ms", 100)]
    options += [("grpc.max_reconnect_backoff_ms", 100), ("grpc.http2.bdp_probe", 0)]
    try:
        async with wire_to(port) as wire:
            plain = grpc.aio.insecure_channel(f"127.0.0.1:{wire.port}", options)
            async with TunnelChannel(plain, {}, QUICK) as channel:
                made = Scene(channel, core, wire)
                await made.is_open()
                yield made
    finally:
        await server.stop(0)


async def test_a_cut_ends_a_unary_call_and_a_stream_and_the_tunnel_comes_back() -> None:
    async with scene() as stage:
        for _ in range(3):
            unary, stream = stage.unary("Hang"), stage.stream("Pour")
            assert (await anext(stream)).value == "q"
            await until(lambda: len(stage.core.inside.running) == 2)
            stage.wire.cut()
            assert await unary.code() is grpc.StatusCode.UNAVAILABLE
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await read(stream)
            assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
            await stage.is_open()
            assert (await stage.unary("Echo", "again")).value == "again"
            await stage.is_idle()


async def test_a_slow_reader_holds_up_nobody_and_takes_no_memory() -> None:
    async with scene() as stage:
        slow = [stage.stream("Pour", LARGE) for _ in range(5)]
        for each in slow:
            assert (await anext(each)).value == LARGE
        for _ in range(20):
            answers = await asyncio.gather(*[run(stage.unary("Echo", LARGE[:50_000])) for _ in range(10)])
            assert {len(answer.value) for answer in answers} == {50_000}
        assert [message.value async for message in stage.stream("Few", "")] == ["0", "1", "2", "3", "4"]
        # What was read, what waits on either side, and what a handler holds in its hand.
        assert stage.core.produced <= 5 * 5
        for each in slow:
            each.cancel()
        await stage.is_idle()


async def test_large_answers_come_whole_beside_each_other() -> None:
    async with scene() as stage:
        requests = [f"{number}{LARGE[: number * 4_000]}" for number in range(30)]
        answers = await asyncio.gather(*[run(stage.unary("Echo", request)) for request in requests])
        assert [answer.value for answer in answers] == requests
        streams = await asyncio.gather(*[read(stage.stream("Few", request)) for request in requests])
        assert [[value[1:] for value in values] for values in streams] == [[request] * 5 for request in requests]
        await stage.is_idle()


async def test_callers_who_leave_at_any_moment_leave_nothing_behind() -> None:
    chance = random.Random(7)
    async with scene() as stage:
        tunnel = stage.channel.tunnel

        async def come_and_go(number: int) -> None:
            made = stage.unary("Echo", LARGE[:100]) if number % 2 else stage.stream("Few", LARGE[:90_000])
            task = asyncio.ensure_future(run(made) if number % 2 else read(made))
            for _ in range(chance.randrange(12)):
                await asyncio.sleep(0)
            if chance.random() < 0.5:
                made.cancel()
            else:
                task.cancel()
            await asyncio.wait([task])
            made.cancel()

        for _ in range(RACES // 50):
            await asyncio.gather(*[come_and_go(number) for number in range(50)])
        await stage.is_idle()
        await stage.is_open()
        assert stage.channel.tunnel is tunnel
        assert (await stage.unary("Echo", "well")).value == "well"


async def test_cuts_at_any_moment_end_every_call_with_an_answer_or_unavailable() -> None:
    chance = random.Random(11)
    async with scene() as stage:
        outcomes: dict[grpc.StatusCode, int] = {}

        async def ask(number: int) -> None:
            made = stage.unary("Echo", LARGE[: 10_000 * (number % 8)])
            code = await made.code()
            outcomes[code] = outcomes.get(code, 0) + 1

        for _ in range(15):
            await stage.is_open()
            asking = [asyncio.ensure_future(ask(number)) for number in range(40)]
            await asyncio.sleep(chance.random() * 0.02)
            stage.wire.cut()
            async with asyncio.timeout(PATIENCE_S):
                await asyncio.gather(*asking)
        assert sum(outcomes.values()) == 600
        assert set(outcomes) <= {grpc.StatusCode.OK, grpc.StatusCode.UNAVAILABLE}
        await stage.is_open()
        await stage.is_idle()


async def test_very_many_calls_through_one_tunnel_leave_nothing_behind() -> None:
    async with scene() as stage:
        tunnel = stage.channel.tunnel

        async def ask(times: int) -> None:
            for _ in range(times // 100):
                await asyncio.gather(*[run(stage.unary("Echo")) for _ in range(90)])
                await asyncio.gather(*[read(stage.stream("Few")) for _ in range(10)])

        await ask(CALLS // 10)
        await stage.is_idle()
        gc.collect()
        before = len(gc.get_objects())
        await ask(CALLS)
        await stage.is_idle()
        gc.collect()
        assert len(gc.get_objects()) - before < CALLS // 20
        assert stage.channel.tunnel is tunnel
        assert stage.core.started == CALLS + CALLS // 10


async def run(call: Any) -> Any:
    return await call


async def read(call: Any) -> list[str]:
    return [message.value async for message in call]

"""Scripts of the demo provider, played as a transport."""

import asyncio

import msgspec
import pytest

from server.chat.wire import Timeouts, WireRequest
from server.errors import UpstreamReset, UpstreamTimeout
from server.upstream.scripted import ScriptedTransport
from tests.unit.server import virtual_time


def ask(model: str, *, stream: bool = False) -> WireRequest:
    body = {"model": model, "stream": stream, "messages": [{"role": "user", "content": "one two"}]}
    return WireRequest("POST", "demo:/chat/completions", {}, msgspec.json.encode(body), stream)


@pytest.fixture
def transport() -> ScriptedTransport:
    return ScriptedTransport(lambda: 1_700_000_000.9)


async def test_answers_and_tells_the_time(transport: ScriptedTransport) -> None:
    response = await transport.send(ask("echo"), Timeouts())
    assert (response.status, response.headers["content-type"]) == (200, "application/json")
    assert msgspec.json.decode(await response.read())["created"] == 1_700_000_000
    await response.close()
    await transport.close()


async def test_streams_in_pieces(transport: ScriptedTransport) -> None:
    response = await transport.send(ask("echo", stream=True), Timeouts())
    pieces = [piece async for piece in response.chunks()]
    assert len(pieces) == 5
    assert pieces[-1] == b"data: [DONE]\n\n"


async def test_lists_models(transport: ScriptedTransport) -> None:
    response = await transport.send(WireRequest("GET", "demo:/models", {}, b""), Timeouts())
    assert b"demo/echo" in await response.read()


async def test_counts_the_calls_of_flaky_only(transport: ScriptedTransport) -> None:
    statuses = []
    for model in ("flaky", "echo", "flaky", "echo", "flaky"):
        statuses.append((await transport.send(ask(model), Timeouts())).status)
    assert statuses == [500, 200, 200, 200, 500]


def test_slow_is_slow(transport: ScriptedTransport) -> None:
    async def pauses() -> tuple[float, float]:
        loop = asyncio.get_running_loop()
        response = await transport.send(ask("slow", stream=True), Timeouts())
        began = loop.time()
        pieces = response.chunks()
        await anext(pieces)
        first = loop.time()
        await anext(pieces)
        return first - began, loop.time() - first

    first_s, second_s = virtual_time.run(pauses())
    assert first_s < 0.3
    assert second_s >= 0.5


async def test_time_limits_hold(transport: ScriptedTransport) -> None:
    with pytest.raises(UpstreamTimeout):
        await transport.send(ask("slow"), Timeouts(first_byte_s=0.01))
    response = await transport.send(ask("slow", stream=True), Timeouts(idle_s=0.01))
    with pytest.raises(UpstreamTimeout):
        await response.read()


async def test_a_closed_answer_cannot_be_read_on(transport: ScriptedTransport) -> None:
    response = await transport.send(ask("long", stream=True), Timeouts())
    pieces = response.chunks()
    await anext(pieces)
    await response.close()
    with pytest.raises(UpstreamReset):
        await anext(pieces)


async def test_a_long_answer_lets_others_run(transport: ScriptedTransport) -> None:
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    task = asyncio.create_task(others())
    await (await transport.send(ask("long", stream=True), Timeouts())).read()
    task.cancel()
    assert turns > 1_000

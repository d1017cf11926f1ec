"""A gateway that serves few calls at a time, upstreams that take their time, and who asks for its health meanwhile."""

import asyncio
import contextlib
import json
import sys
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc.aio
from google.rpc import error_details_pb2, status_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc
from perpetuo.v1 import completions_pb2, completions_pb2_grpc

from tests.bench import payload
from tests.bench.processes import program, wait_until_listening
from tests.bench.upstream import upstreams
from tests.durability.stage import Gateway
from tests.e2e.gateway import ROOT, Account, add_provider, sign_up
from tests.overload.client import Client, get, post
from tests.stores.ports import steady_port

UPSTREAM_S = 0.05
"""How long a whole answer of the upstream takes."""

_CHAT = "/v1/chat/completions"
_PROBE_EVERY_S = 0.1


@dataclass(slots=True)
class Stage:
    """What is on: the gateway, and a user for answers in one piece and one for streams."""

    gateway: Gateway
    client: Client
    whole: Account
    streams: Account

    @property
    def request(self) -> bytes:
        """A request for an answer in one piece."""
        return post(_CHAT, self.whole.key, payload.request())

    @property
    def grpc_target(self) -> str:
        """The gRPC face."""
        ready: dict[str, Any] = json.loads((self.gateway.folder / "ready.json").read_text())
        return f"127.0.0.1:{ready['grpc_port']}"

    async def metrics(self) -> dict[str, float]:
        """The numbers at rest and at work, by name and labels."""
        answer = await self.client.ask(get("/metrics"))
        lines = answer.body.decode().splitlines()
        return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines) if name[:1] != "#"}

    async def is_at_rest(self) -> bool:
        """Whether nothing is inside, queued or under way."""
        found = await self.metrics()
        names = ("perpetuo_calls_in_flight", "perpetuo_queued_requests", "perpetuo_upstream_calls")
        return not any(found[name] for name in names)

    async def stream(self) -> bool:
        """A stream of some seconds, to its end; whether it came whole."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.gateway.port)
        try:
            writer.write(post(_CHAT, self.streams.key, payload.request(stream=True)))
            received = b""
            while not received.endswith(b"0\r\n\r\n") and (data := await reader.read(65_536)):
                received += data
            return b"data: [DONE]" in received and received.startswith(b"HTTP/1.1 200")
        finally:
            writer.close()


@dataclass(slots=True)
class Watch:
    """What health checks of both faces came to while something else went on, and calls over gRPC beside them."""

    rest_s: list[float] = field(default_factory=list)
    grpc_s: list[float] = field(default_factory=list)
    failures: int = 0
    calls: dict[str, int] = field(default_factory=dict)


async def watch(stage: Stage, seen: Watch) -> None:
    """Asks for the gateway's health ten times a second, until it is cancelled."""
    client, loop = Client(stage.gateway.port), asyncio.get_running_loop()
    try:
        async with grpc.aio.insecure_channel(stage.grpc_target) as channel:
            health: Any = health_pb2_grpc.HealthStub(channel)
            while True:
                answer = await client.ask(get("/health/ready"))
                seen.rest_s.append(answer.took_s)
                seen.failures += answer.status != 200
                began_s = loop.time()
                told = await health.Check(health_pb2.HealthCheckRequest(), timeout=10)
                seen.grpc_s.append(loop.time() - began_s)
                seen.failures += told.status != health_pb2.HealthCheckResponse.SERVING
                reason = await _call_over_grpc(channel, stage.whole.key)
                seen.calls[reason] = seen.calls.get(reason, 0) + 1
                await asyncio.sleep(_PROBE_EVERY_S)
    finally:
        client.close()


async def _call_over_grpc(channel: grpc.aio.Channel, key: str) -> str:
    """What a call over gRPC comes to: `ok`, a reason with its wait, or the status."""
    stub: Any = completions_pb2_grpc.CompletionsServiceStub(channel)
    request = completions_pb2.CreateRawChatCompletionRequest()
    request.body.data = payload.request()
    try:
        await stub.CreateRawChatCompletion(request, metadata=(("authorization", f"Bearer {key}"),), timeout=10)
    except grpc.aio.AioRpcError as error:
        return _told(error)
    return "ok"


def _told(error: grpc.aio.AioRpcError) -> str:
    raw = next((value for key, value in error.trailing_metadata() or () if key == "grpc-status-details-bin"), b"")
    assert isinstance(raw, bytes)
    details = status_pb2.Status.FromString(raw).details
    reasons = [
        error_details_pb2.ErrorInfo.FromString(each.value).reason
        for each in details
        if each.Is(error_details_pb2.ErrorInfo.DESCRIPTOR)
    ]
    has_wait = any(each.Is(error_details_pb2.RetryInfo.DESCRIPTOR) for each in details)
    return f"{error.code().name} {' '.join(reasons)}{' with a wait' if has_wait else ''}"


@contextlib.contextmanager
def _slow_upstream(folder: Path, stream_s: float) -> Iterator[tuple[str, str]]:
    port, log = steady_port(), folder / "upstream.log"
    command = [sys.executable, "-m", "tests.bench.paced", str(port), str(1000 * stream_s / payload.EVENTS)]
    with contextlib.chdir(ROOT), program(command, core=None, log=log) as pid:
        wait_until_listening(port, pid, log)
        yield f"http://127.0.0.1:{port}/slow", f"http://127.0.0.1:{port}/paced"


@contextlib.contextmanager
def _quick_upstream(folder: Path, stream_s: float) -> Iterator[tuple[str, str]]:
    gap_ms = 1000 * stream_s / payload.EVENTS
    with contextlib.chdir(ROOT), upstreams(folder, measured=None, load=None, gap_ms=gap_ms) as up:
        yield up.base_url("whole"), up.base_url("paced")


@contextlib.asynccontextmanager
async def staged(
    folder: Path, options: tuple[str, ...], stream_s: float, *, is_quick: bool = False
) -> AsyncIterator[Stage]:
    """A gateway that serves, with an upstream in a process of its own, whose streams take `stream_s` seconds.

    Its whole answers take `UPSTREAM_S`, or no time if `is_quick`, which needs nginx.
    """
    upstream = _quick_upstream if is_quick else _slow_upstream
    with upstream(folder, stream_s) as (whole_url, streams_url):
        gateway = Gateway(folder, options=("--log-level", "warning", "--max-connections-per-address", "0", *options))
        await gateway.start()
        client = Client(gateway.port)
        try:
            whole = await sign_up(gateway.url, "whole@example.com")
            await add_provider(gateway.url, whole, whole_url)
            streams = await sign_up(gateway.url, "streams@example.com")
            await add_provider(gateway.url, streams, streams_url)
            yield Stage(gateway, client, whole, streams)
        finally:
            client.close()
            await gateway.stop()

"""Calls are refused at the door before anybody asks who calls, but for those that tell how the gateway is."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import grpc
import pytest
from google.rpc import error_details_pb2, status_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc
from perpetuo.v1 import auth_pb2, auth_pb2_grpc, metrics_pb2, metrics_pb2_grpc

from server.chat.principal import Plan, Principal
from server.errors import KeyInvalid, TokenInvalid
from server.grpc_server import CoreServer, ServerOptions
from server.inprocess import HandlerRegistry
from server.limits.door import Door, Time

BEARER = (("authorization", "Bearer eyJhbGciOi.eyJzdWIi.c2ln"),)
WAYS = ("socket", "in process")


class Counting:
    """Lets everybody in, and counts."""

    def __init__(self) -> None:
        self.asked = 0

    async def authenticate_key(self, secret: str) -> Principal:
        raise KeyInvalid("No such key.")

    async def authenticate_token(self, token: str) -> Principal:
        self.asked += 1
        if token == "eyJ.bad.one":
            raise TokenInvalid("No such token.")
        return Principal("usr_1", "ws_1", Plan.PRO, token_id="tok_1")


class Auth(auth_pb2_grpc.AuthServiceServicer):
    """Answers when it is let go."""

    def __init__(self) -> None:
        self.gate = asyncio.Event()

    async def GetCurrentUser(self, request: Any, context: Any) -> auth_pb2.GetCurrentUserResponse:  # noqa: N802
        await self.gate.wait()
        return auth_pb2.GetCurrentUserResponse()


class Metrics(metrics_pb2_grpc.MetricsServiceServicer):
    """Has none."""

    async def GetMetrics(self, request: Any, context: Any) -> metrics_pb2.GetMetricsResponse:  # noqa: N802
        return metrics_pb2.GetMetricsResponse()


class Stage:
    """A core that serves one call at a time."""

    def __init__(self, way: str) -> None:
        loop = asyncio.get_running_loop()
        self.way = way
        self.door = Door(Time(loop.time, loop.call_later), 1, 0.0)
        self.auth = Auth()  # type: ignore[abstract]  # only in the stubs: the rest answers UNIMPLEMENTED
        self.credentials, registry = Counting(), HandlerRegistry()
        auth_pb2_grpc.add_AuthServiceServicer_to_server(self.auth, registry)
        metrics_pb2_grpc.add_MetricsServiceServicer_to_server(Metrics(), registry)
        options = ServerOptions(has_access_log=False, door=self.door)
        self.server = CoreServer(registry, self.credentials, options)
        self.channel: Any = self.server.channel

    def call(self) -> Any:
        stub = auth_pb2_grpc.AuthServiceStub(self.channel)
        return stub.GetCurrentUser(auth_pb2.GetCurrentUserRequest(), metadata=BEARER)

    async def entered(self) -> Any:
        """A call that is inside."""
        running = asyncio.ensure_future(_answer(self.call()))
        while not self.door.inside:
            await asyncio.sleep(0.001)
        return running


async def _answer(call: Any) -> Any:
    return await call


@asynccontextmanager
async def staged(way: str) -> AsyncIterator[Stage]:
    stage = Stage(way)
    port = await stage.server.start("127.0.0.1", 0)
    try:
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as socket:
            stage.channel = socket if way == "socket" else stage.server.channel
            yield stage
    finally:
        await stage.server.stop(0)


def told(error: grpc.aio.AioRpcError) -> tuple[str, float]:
    """The reason, and the seconds to wait."""
    raw = next(value for key, value in error.trailing_metadata() or () if key == "grpc-status-details-bin")
    assert isinstance(raw, bytes)
    details = status_pb2.Status.FromString(raw).details
    info = next(each.value for each in details if each.Is(error_details_pb2.ErrorInfo.DESCRIPTOR))
    retry = next(each.value for each in details if each.Is(error_details_pb2.RetryInfo.DESCRIPTOR))
    wait = error_details_pb2.RetryInfo.FromString(retry).retry_delay
    return error_details_pb2.ErrorInfo.FromString(info).reason, wait.seconds


@pytest.mark.parametrize("way", WAYS)
async def test_one_call_too_many_is_refused_before_its_credential_is_looked_at(way: str) -> None:
    async with staged(way) as stage:
        running = await stage.entered()
        asked = stage.credentials.asked
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await stage.call()
        assert refused.value.code() is grpc.StatusCode.UNAVAILABLE
        reason, wait_s = told(refused.value)
        assert reason == "OVERLOADED"
        assert wait_s >= 1
        assert stage.credentials.asked == asked
        stage.auth.gate.set()
        await running
        await stage.call()
        assert stage.door.inside == 0
        assert stage.door.refused["calls"] == 1


@pytest.mark.parametrize("way", WAYS)
async def test_health_and_metrics_are_told_however_much_there_is_to_do(way: str) -> None:
    async with staged(way) as stage:
        running = await stage.entered()
        health: Any = health_pb2_grpc.HealthStub(stage.channel)
        answer = await health.Check(health_pb2.HealthCheckRequest())
        assert answer.status == health_pb2.HealthCheckResponse.SERVING
        await metrics_pb2_grpc.MetricsServiceStub(stage.channel).GetMetrics(metrics_pb2.GetMetricsRequest())
        stage.auth.gate.set()
        await running
        assert sum(stage.door.refused.values()) == 0


@pytest.mark.parametrize("way", WAYS)
async def test_whoever_leaves_or_fails_is_counted_out(way: str) -> None:
    async with staged(way) as stage:
        running = await stage.entered()
        running.cancel()
        while stage.door.inside:
            await asyncio.sleep(0.001)
        stub = auth_pb2_grpc.AuthServiceStub(stage.channel)
        for credential in ((), (("authorization", "Bearer eyJ.bad.one"),)):
            with pytest.raises(grpc.aio.AioRpcError):
                await stub.GetCurrentUser(auth_pb2.GetCurrentUserRequest(), metadata=credential)
        assert stage.door.inside == 0

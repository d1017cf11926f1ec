"""The service that takes tunnels, on the core's own server, behind its interceptors."""

import asyncio
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2
from perpetuo.internal.v1 import tunnel_pb2, tunnel_pb2_grpc
from perpetuo.v1 import auth_pb2

from edge.tunnel import frames as edge
from tests.contract.channel.stage import PATIENCE_S, dug
from tests.unit.server.test_grpc_server import BEARER, running

LOG_IN = "/perpetuo.v1.AuthService/LogIn"
ME = "/perpetuo.v1.AuthService/GetCurrentUser"


async def test_each_call_of_a_tunnel_is_asked_who_it_is() -> None:
    async with running() as core, dug(core.channels["socket"], {}) as channel:
        me = channel.unary_unary(
            ME, auth_pb2.GetCurrentUserRequest.SerializeToString, auth_pb2.GetCurrentUserResponse.FromString
        )
        known = await me(auth_pb2.GetCurrentUserRequest(), metadata=BEARER)
        assert known.user.id == "usr_1"
        for metadata in ((), (("authorization", "Bearer bad"),)):
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await me(auth_pb2.GetCurrentUserRequest(), metadata=metadata)
            assert caught.value.code() is grpc.StatusCode.UNAUTHENTICATED
            assert "grpc-status-details-bin" in dict(caught.value.trailing_metadata() or ())


async def test_a_tunnel_in_a_tunnel_is_none() -> None:
    async with running() as core, dug(core.channels["socket"], {}) as channel:
        nested = channel.unary_stream("/perpetuo.internal.v1.TunnelService/Open")(b"")
        assert await nested.code() is grpc.StatusCode.INTERNAL


async def test_a_stranger_who_sends_no_batch_is_told_so() -> None:
    async with running() as core:
        stub: Any = tunnel_pb2_grpc.TunnelServiceStub(core.channels["socket"])
        call = stub.Open()
        await call.read()
        await call.write(tunnel_pb2.OpenRequest(frames=b"\xff"))
        assert await call.code() is grpc.StatusCode.INVALID_ARGUMENT


async def test_a_server_that_stops_lets_what_runs_in_a_tunnel_end() -> None:
    async with running() as core, dug(core.channels["socket"], {}) as channel:
        log_in = channel.unary_unary(LOG_IN, auth_pb2.LogInRequest.SerializeToString, auth_pb2.LogInResponse.FromString)
        call = log_in(auth_pb2.LogInRequest(email="wait", password="abc"))
        waiting = asyncio.ensure_future(call._run())
        await core.servicer.started.wait()
        tunnel = channel.tunnel
        assert tunnel is not None
        core.servicer.started.clear()
        stopping = asyncio.create_task(core.server.stop(PATIENCE_S))
        await tunnel.ended
        # gRPC cancels what comes to a server that stops before the connection knows of it.
        refused = {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED}
        assert await log_in(auth_pb2.LogInRequest()).code() in refused
        assert not core.servicer.started.is_set()
        core.servicer.release.set()
        assert (await waiting).token == "xxx"
        async with asyncio.timeout(PATIENCE_S):
            await stopping


async def test_a_tunnel_that_comes_while_the_server_stops_is_told_at_once() -> None:
    async with running() as core:
        stub: Any = tunnel_pb2_grpc.TunnelServiceStub(core.channels["socket"])
        core.server._tunnels.leave()
        call = stub.Open()
        frames = edge.read_batch((await call.read()).frames)
        assert [type(frame) for frame in frames] == [edge.Hello, edge.Leaving]
        await call.done_writing()
        assert await call.code() is grpc.StatusCode.OK


async def test_health_is_watched_through_a_tunnel() -> None:
    async with running() as core, dug(core.channels["socket"], {}) as channel:
        watch = channel.unary_stream(
            "/grpc.health.v1.Health/Watch",
            health_pb2.HealthCheckRequest.SerializeToString,
            health_pb2.HealthCheckResponse.FromString,
        )(health_pb2.HealthCheckRequest())
        assert (await watch.read()).status == health_pb2.HealthCheckResponse.SERVING
        core.server.announce_end()
        assert (await watch.read()).status == health_pb2.HealthCheckResponse.NOT_SERVING
        watch.cancel()

"""One set of servicers, a port and a channel: health, reflection, identity and draining on both."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2
from perpetuo.v1 import auth_pb2, auth_pb2_grpc

from server.chat.principal import Plan, Principal
from server.errors import TokenInvalid
from server.grpc_server import CoreServer, ServerOptions
from server.inprocess import HandlerRegistry
from server.interceptors.context import current_call
from tests.contract.channel.stage import PATIENCE_S

AUTH = "perpetuo.v1.AuthService"
BEARER = (("authorization", "Bearer good"),)
SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING
# More than the transport lets wait unless it is told to.
BURST = 3_500


class OneToken:
    """Knows one token."""

    async def authenticate_key(self, secret: str) -> Principal:
        raise AssertionError("no method here takes a key")

    async def authenticate_token(self, token: str) -> Principal:
        if token != "good":
            raise TokenInvalid("No such token.")
        return Principal("usr_1", "ws_1", Plan.FREE)


class Auth(auth_pb2_grpc.AuthServiceServicer):
    """Answers who asks; waits when it is told to."""

    def __init__(self) -> None:
        self.started = asyncio.Event()
        self.release = asyncio.Event()

    async def GetCurrentUser(self, request: Any, context: Any) -> auth_pb2.GetCurrentUserResponse:  # noqa: N802
        principal = current_call().principal
        return auth_pb2.GetCurrentUserResponse(user=auth_pb2.User(id=principal.user_id if principal else ""))

    async def LogIn(self, request: auth_pb2.LogInRequest, context: Any) -> auth_pb2.LogInResponse:  # noqa: N802
        self.started.set()
        if request.email == "wait":
            await self.release.wait()
        return auth_pb2.LogInResponse(token="x" * len(request.password))


class Running:
    """A server that listens, and both ways to it."""

    def __init__(self, server: CoreServer, servicer: Auth, socket: grpc.aio.Channel, port: int) -> None:
        self.server = server
        self.servicer = servicer
        self.channels = {"socket": socket, "in process": server.channel}
        self.port = port

    def auth(self, way: str) -> "auth_pb2_grpc.AuthServiceAsyncStub":
        return auth_pb2_grpc.AuthServiceStub(self.channels[way])

    def health(self, way: str) -> Any:
        return health_pb2_grpc.HealthStub(self.channels[way])


@asynccontextmanager
async def running(options: ServerOptions | None = None) -> AsyncIterator[Running]:
    registry = HandlerRegistry()
    servicer = Auth()  # type: ignore[abstract]  # only in the stubs: the rest answers UNIMPLEMENTED
    auth_pb2_grpc.add_AuthServiceServicer_to_server(servicer, registry)
    server = CoreServer(registry, OneToken(), options or ServerOptions(has_access_log=False))
    port = await server.start("127.0.0.1", 0)
    limits = (("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1))
    try:
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}", limits) as socket:
            yield Running(server, servicer, socket, port)
    finally:
        await server.stop(0)


WAYS = ("socket", "in process")


@pytest.mark.parametrize("way", WAYS)
async def test_a_servicer_registered_once_is_reached_by(way: str) -> None:
    async with running() as core:
        answer = await core.auth(way).GetCurrentUser(auth_pb2.GetCurrentUserRequest(), metadata=BEARER)
    assert answer.user.id == "usr_1"


@pytest.mark.parametrize("way", WAYS)
async def test_identity_is_asked_for_by(way: str) -> None:
    async with running() as core:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await core.auth(way).GetCurrentUser(auth_pb2.GetCurrentUserRequest())
    assert caught.value.code() is grpc.StatusCode.UNAUTHENTICATED


@pytest.mark.parametrize("way", WAYS)
async def test_health_is_told_without_a_credential_by(way: str) -> None:
    async with running() as core:
        for service in ("", AUTH, "grpc.health.v1.Health"):
            answer = await core.health(way).Check(health_pb2.HealthCheckRequest(service=service))
            assert answer.status == SERVING
        unknown = core.health(way).Check(health_pb2.HealthCheckRequest(service="nothing"))
        assert await unknown.code() is grpc.StatusCode.NOT_FOUND


@pytest.mark.parametrize("way", WAYS)
async def test_health_turns_before_running_calls_are_ended(way: str) -> None:
    async with running() as core:
        watch = core.health(way).Watch(health_pb2.HealthCheckRequest(service=AUTH))
        assert (await watch.read()).status == SERVING
        call = core.auth(way).LogIn(auth_pb2.LogInRequest(email="wait", password="abc"))
        await core.servicer.started.wait()
        stopping = asyncio.create_task(core.server.stop(PATIENCE_S))
        async with asyncio.timeout(PATIENCE_S):
            assert (await watch.read()).status == NOT_SERVING
        watch.cancel()
        assert not call.done()
        core.servicer.release.set()
        assert (await call).token == "xxx"
        await stopping


@pytest.mark.parametrize("way", WAYS)
async def test_a_stopped_server_is_unavailable_by(way: str) -> None:
    async with running() as core:
        await core.server.stop(0)
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await core.auth(way).LogIn(auth_pb2.LogInRequest())
    assert caught.value.code() is grpc.StatusCode.UNAVAILABLE


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("version", ["v1", "v1alpha"])
async def test_reflection_lists_the_services_by(way: str, version: str) -> None:
    async with running() as core:
        method: Any = core.channels[way].stream_stream(
            f"/grpc.reflection.{version}.ServerReflection/ServerReflectionInfo",
            reflection_pb2.ServerReflectionRequest.SerializeToString,
            reflection_pb2.ServerReflectionResponse.FromString,
        )
        question = reflection_pb2.ServerReflectionRequest(list_services="")
        answers = [answer async for answer in method(iter([question]))]
    assert [service.name for service in answers[0].list_services_response.service] == [
        "grpc.health.v1.Health",
        "grpc.reflection.v1.ServerReflection",
        "grpc.reflection.v1alpha.ServerReflection",
        AUTH,
    ]


@pytest.mark.parametrize("way", WAYS)
async def test_reflection_can_be_left_out_of(way: str) -> None:
    async with running(ServerOptions(has_reflection=False, has_access_log=False)) as core:
        method: Any = core.channels[way].stream_stream("/grpc.reflection.v1.ServerReflection/ServerReflectionInfo")
        assert await method(iter([b""])).code() is grpc.StatusCode.UNIMPLEMENTED


@pytest.mark.parametrize("way", WAYS)
async def test_large_messages_pass_up_to_the_limit_of(way: str) -> None:
    async with running(ServerOptions(message_bytes=6_000_000, has_access_log=False)) as core:
        answer = await core.auth(way).LogIn(auth_pb2.LogInRequest(password="x" * 5_000_000))
        assert len(answer.token) == 5_000_000
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await core.auth(way).LogIn(auth_pb2.LogInRequest(password="x" * 6_000_000))
    assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED


async def test_a_port_that_is_taken_is_refused() -> None:
    async with running() as core:
        other = CoreServer(HandlerRegistry(), OneToken())
        with pytest.raises(RuntimeError):
            await other.start("127.0.0.1", core.port)


async def test_an_ipv6_address_is_written_as_one() -> None:
    server = CoreServer(HandlerRegistry(), OneToken())
    assert await server.start("::1", 0) > 0
    await server.stop(0)


async def test_a_method_without_an_access_rule_keeps_the_server_from_being_built() -> None:
    registry = HandlerRegistry()
    registry.add_registered_method_handlers("stage.Stage", {})
    with pytest.raises(ValueError, match=r"stage\.Stage has no descriptor"):
        CoreServer(registry, OneToken())


async def test_stopping_twice_is_harmless() -> None:
    async with running() as core:
        await core.server.stop(0)
        await core.server.stop(0)


@pytest.mark.parametrize("said", [b"", b"PRI * HTTP/2.0"], ids=["nothing", "half of the preface"])
async def test_a_connection_that_does_not_say_what_it_speaks_is_closed(said: bytes) -> None:
    async with running(ServerOptions(has_access_log=False, handshake_s=0.3)) as core, asyncio.timeout(PATIENCE_S):
        reader, writer = await asyncio.open_connection("127.0.0.1", core.port)
        writer.write(said)
        while await reader.read(1000):
            pass
        writer.close()


async def test_a_burst_before_the_loop_turns_is_answered_by_the_server_and_not_cut_by_the_transport() -> None:
    async with running() as stage:
        calls = [stage.auth("socket").GetCurrentUser(auth_pb2.GetCurrentUserRequest()) for _ in range(BURST)]
        async with asyncio.timeout(PATIENCE_S):
            codes = {await call.code() for call in calls}
        assert codes == {grpc.StatusCode.UNAUTHENTICATED}

"""Nobody gets past without the credential that the method asks for, over a socket and in process."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf import descriptor_pb2, descriptor_pool
from google.rpc import error_details_pb2, status_pb2
from perpetuo.rest.v1 import annotations_pb2
from perpetuo.v1 import auth_pb2, completions_pb2
from structlog.testing import CapturingLogger

from server.chat.principal import Plan, Principal
from server.errors import KeyExpired, KeyInvalid, KeyRevoked, TokenInvalid
from server.interceptors.authenticate import AuthenticateInterceptor, access_table
from server.interceptors.context import current_call
from server.interceptors.status import StatusInterceptor
from tests.contract.channel.stage import (
    SERVICE,
    Context,
    Script,
    Stage,
    Text,
    drain,
    open_stage,
    text,
    unary_stream,
    unary_unary,
)

KEY_HOLDER = Principal("usr_1", "ws_1", Plan.PRO, key_id="key_1")
USER = Principal("usr_1", "ws_1", Plan.PRO, token_id="tok_1")
TOKEN = "eyJhbGciOi.eyJzdWIi.c2ln"
TABLE = {
    f"/{SERVICE}/Public": annotations_pb2.ACCESS_PUBLIC,
    f"/{SERVICE}/Key": annotations_pb2.ACCESS_KEY,
    f"/{SERVICE}/User": annotations_pb2.ACCESS_USER,
}


class KnownCredentials:
    """Knows one key and one token, and three keys that are no good any more."""

    async def authenticate_key(self, secret: str) -> Principal:
        bad = {"pk_expired": KeyExpired("It expired."), "pk_revoked": KeyRevoked("It was revoked.")}
        if secret == "pk_good":
            return KEY_HOLDER
        raise bad.get(secret, KeyInvalid("No such key."))

    async def authenticate_token(self, token: str) -> Principal:
        if token == TOKEN:
            return USER
        raise TokenInvalid("No such token.")


async def who(request: Text, context: Context) -> Text:
    info = current_call()
    principal = info.principal
    return text(f"{principal and (principal.key_id or principal.token_id)} {info.credential}".strip())


async def who_streamed(request: Text, context: Context) -> AsyncIterator[Text]:
    yield await who(request, context)


@pytest.fixture(params=["tcp", "inprocess"])
async def stage(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Stage]:
    log: Any = CapturingLogger()
    chain = [StatusInterceptor(log), AuthenticateInterceptor(KnownCredentials(), TABLE)]
    handlers = dict.fromkeys(("Public", "Key", "User", "Undeclared"), unary_unary(who))
    script = Script({**handlers, "KeyStream": unary_stream(who_streamed)}, chain)
    async with AsyncExitStack() as stack:
        yield await stack.enter_async_context(open_stage(request.param, script, tmp_path))


def authorization(value: str) -> tuple[tuple[str, str], ...]:
    return (("authorization", value),)


def api_key(value: str) -> tuple[tuple[str, str], ...]:
    return (("x-api-key", value),)


ADMITTED: dict[str, tuple[str, Any, str]] = {
    "nobody to a public method": ("Public", (), "None"),
    "a bad key to a public method, unread": ("Public", authorization("Bearer pk_bad"), "None"),
    "a key as a bearer token": ("Key", authorization("Bearer pk_good"), "key_1 pk_good"),
    "a key in small letters and wide spaces": ("Key", authorization("bearer   pk_good "), "key_1 pk_good"),
    "a key in x-api-key": ("Key", api_key("pk_good"), "key_1 pk_good"),
    "a key in x-api-key beside another scheme": (
        "Key",
        (*authorization("Basic dTpw"), *api_key("pk_good")),
        "key_1 pk_good",
    ),
    "a bearer token before x-api-key": (
        "Key",
        (*api_key("pk_bad"), *authorization("Bearer pk_good")),
        "key_1 pk_good",
    ),
    "the first of two authorizations": (
        "Key",
        (*authorization("Bearer pk_good"), *authorization("Bearer pk_bad")),
        "key_1 pk_good",
    ),
    "a token to a user's method": ("User", authorization(f"Bearer {TOKEN}"), f"tok_1 {TOKEN}"),
    "a token beside a key to a user's method": (
        "User",
        (*authorization(f"Bearer {TOKEN}"), *api_key("pk_good")),
        f"tok_1 {TOKEN}",
    ),
}


@pytest.mark.parametrize("name", ADMITTED)
async def test_admits(stage: Stage, name: str) -> None:
    method, metadata, seen = ADMITTED[name]
    assert await stage.unary_unary(method)(text("q"), metadata=metadata) == text(seen)


REFUSED: dict[str, tuple[str, Any, str, str]] = {
    "no credential": ("Key", (), "KEY_MISSING", "No gateway key"),
    "an empty bearer token": ("Key", authorization("Bearer "), "KEY_MISSING", "No gateway key"),
    "an empty header": ("Key", authorization(""), "KEY_MISSING", "No gateway key"),
    "another scheme": ("Key", authorization("Basic dTpw"), "KEY_MISSING", "not a bearer token"),
    "an unknown key": ("Key", authorization("Bearer pk_bad"), "KEY_INVALID", "No such key."),
    "an expired key": ("Key", authorization("Bearer pk_expired"), "KEY_EXPIRED", "It expired."),
    "a revoked key": ("Key", api_key("pk_revoked"), "KEY_REVOKED", "It was revoked."),
    "a token where a key is wanted": ("Key", authorization(f"Bearer {TOKEN}"), "KEY_INVALID", "token of a log-in"),
    "no credential of a user": ("User", (), "KEY_MISSING", "No token came"),
    "a key where a token is wanted": ("User", authorization("Bearer pk_good"), "TOKEN_INVALID", "is a gateway key"),
    "a new key where a token is wanted": ("User", authorization("Bearer gw_x"), "TOKEN_INVALID", "is a gateway key"),
    "x-api-key where a token is wanted": ("User", api_key("pk_good"), "TOKEN_INVALID", "is a gateway key"),
    "an unknown token": ("User", authorization("Bearer nonsense"), "TOKEN_INVALID", "No such token."),
    "anybody to a method that does not say whom": ("Undeclared", authorization("Bearer pk_good"), "INTERNAL", ""),
}


@pytest.mark.parametrize("name", REFUSED)
async def test_refuses(stage: Stage, name: str) -> None:
    method, metadata, reason, message = REFUSED[name]
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await stage.unary_unary(method)(text("q"), metadata=metadata)
    raw = dict(caught.value.trailing_metadata())["grpc-status-details-bin"]
    assert isinstance(raw, bytes)
    info = error_details_pb2.ErrorInfo()
    assert status_pb2.Status.FromString(raw).details[0].Unpack(info)
    assert info.reason == reason
    assert message in str(caught.value.details())
    assert "pk_" not in f"{caught.value.details()}{raw!r}"


async def test_a_stream_is_checked_before_it_begins(tmp_path: Path) -> None:
    log: Any = CapturingLogger()
    table = {f"/{SERVICE}/Do": annotations_pb2.ACCESS_KEY}
    chain = [StatusInterceptor(log), AuthenticateInterceptor(KnownCredentials(), table)]
    async with open_stage("inprocess", Script({"Do": unary_stream(who_streamed)}, chain), tmp_path) as stage:
        good = stage.unary_stream()(text("q"), metadata=api_key("pk_good"))
        assert await drain(good) == ["key_1 pk_good"]
        assert await stage.unary_stream()(text("q")).code() is grpc.StatusCode.UNAUTHENTICATED


@pytest.mark.parametrize("is_operator", [True, False], ids=["over the operator's socket", "elsewhere"])
async def test_what_is_for_the_operator_takes_no_credential_but_the_way_in(tmp_path: Path, is_operator: bool) -> None:
    log: Any = CapturingLogger()
    table = {f"/{SERVICE}/Do": annotations_pb2.ACCESS_OPERATOR}
    gate = AuthenticateInterceptor(KnownCredentials(), table, is_operator=is_operator)
    script = Script({"Do": unary_unary(who)}, [StatusInterceptor(log), gate])
    async with open_stage("inprocess", script, tmp_path) as stage:
        for metadata in ((), api_key("pk_good"), authorization(f"Bearer {TOKEN}")):
            call = stage.unary_unary("Do")(text("q"), metadata=metadata)
            expected = grpc.StatusCode.OK if is_operator else grpc.StatusCode.PERMISSION_DENIED
            assert await call.code() is expected


async def test_an_unknown_method_is_unimplemented_for_anybody(stage: Stage) -> None:
    assert await stage.unary_unary("Nothing")(text("q")).code() is grpc.StatusCode.UNIMPLEMENTED


def test_the_table_is_read_from_the_descriptors() -> None:
    names = [
        auth_pb2.DESCRIPTOR.services_by_name["AuthService"].full_name,
        completions_pb2.DESCRIPTOR.services_by_name["CompletionsService"].full_name,
    ]
    table = access_table(names)
    assert table["/perpetuo.v1.AuthService/LogIn"] == annotations_pb2.ACCESS_PUBLIC
    assert table["/perpetuo.v1.AuthService/GetCurrentUser"] == annotations_pb2.ACCESS_USER
    assert table["/perpetuo.v1.CompletionsService/CreateRawChatCompletion"] == annotations_pb2.ACCESS_KEY


@pytest.mark.parametrize("name", ["perpetuo.v1.NoSuchService", "Nonsense"])
def test_a_service_without_a_descriptor_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=f"{name} has no descriptor"):
        access_table([name])


def pool_with(package: str, service: str) -> descriptor_pool.DescriptorPool:
    """A pool with one service whose one method says nothing about access."""
    pool = descriptor_pool.DescriptorPool()
    proto = descriptor_pb2.FileDescriptorProto(name="one.proto", package=package, syntax="proto3")
    proto.message_type.add(name="Empty")
    method = proto.service.add(name=service).method.add(name="Do")
    method.input_type = method.output_type = f".{package}.Empty"
    pool.AddSerializedFile(proto.SerializeToString())
    return pool


def test_a_method_that_does_not_say_who_may_call_it_is_named() -> None:
    with pytest.raises(ValueError, match=r"perpetuo\.v9\.ThingService\.Do has no \(perpetuo\.rest\.v1\.access\)"):
        access_table(["perpetuo.v9.ThingService"], pool_with("perpetuo.v9", "ThingService"))


@pytest.mark.parametrize(
    ("package", "service"),
    [
        ("grpc.health.v1", "Health"),
        ("grpc.reflection.v1", "ServerReflection"),
        ("grpc.reflection.v1alpha", "ServerReflection"),
    ],
)
def test_health_and_reflection_are_public_by_themselves(package: str, service: str) -> None:
    table = access_table([f"{package}.{service}"], pool_with(package, service))
    assert table == {f"/{package}.{service}/Do": annotations_pb2.ACCESS_PUBLIC}

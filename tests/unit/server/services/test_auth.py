"""AuthService over the in-process channel: sign-up, log-in, the current user, refresh and log-out."""

import grpc.aio
import pytest
from perpetuo.v1 import auth_pb2, auth_pb2_grpc, keys_pb2, models_pb2, models_pb2_grpc

from server.services.auth import key_prefix
from tests.unit.server.services.calls import bearer, refused


@pytest.fixture
def stub(channel: grpc.aio.Channel) -> "auth_pb2_grpc.AuthServiceAsyncStub":
    return auth_pb2_grpc.AuthServiceStub(channel)


async def test_a_sign_up_makes_a_user_a_workspace_and_a_key(
    channel: grpc.aio.Channel, signed_up: auth_pb2.SignUpResponse
) -> None:
    assert signed_up.user.id.startswith("usr_")
    assert (signed_up.user.email, signed_up.user.name, signed_up.user.plan) == (
        "ann@example.com",
        "Ann",
        auth_pb2.PLAN_FREE,
    )
    assert (signed_up.workspace.name, signed_up.workspace.id[:3]) == ("My Workspace", "ws_")
    assert signed_up.api_key.startswith("pk_")
    models = await models_pb2_grpc.ModelsServiceStub(channel).ListModels(
        models_pb2.ListModelsRequest(), metadata=bearer(signed_up.api_key)
    )
    assert models.object == "list"


async def test_the_style_of_the_first_key_is_the_one_asked_for(stub: "auth_pb2_grpc.AuthServiceAsyncStub") -> None:
    request = auth_pb2.SignUpRequest(
        email="gw@example.com", password="secure-password-123", key_style=keys_pb2.KEY_STYLE_GW
    )
    assert (await stub.SignUp(request)).api_key.startswith("gw_")
    assert (key_prefix(keys_pb2.KEY_STYLE_UNSPECIFIED), key_prefix(keys_pb2.KEY_STYLE_PK)) == ("pk", "pk")


async def test_signing_up_twice_is_refused(
    stub: "auth_pb2_grpc.AuthServiceAsyncStub", signed_up: auth_pb2.SignUpResponse
) -> None:
    again = auth_pb2.SignUpRequest(email="ANN@example.com", password="secure-password-123")
    assert await refused(stub.SignUp(again)) == ("ALREADY_EXISTS", "email")


async def test_a_log_in_gives_a_token_for_the_current_user(
    stub: "auth_pb2_grpc.AuthServiceAsyncStub", signed_up: auth_pb2.SignUpResponse
) -> None:
    made = await stub.LogIn(auth_pb2.LogInRequest(email="Ann@Example.com", password="secure-password-123"))
    me = await stub.GetCurrentUser(auth_pb2.GetCurrentUserRequest(), metadata=bearer(made.token))
    assert me.user == signed_up.user == made.user


@pytest.mark.parametrize(("email", "password"), [("ann@example.com", "wrong"), ("who@example.com", "secure123")])
async def test_a_wrong_log_in_does_not_tell_what_was_wrong(
    stub: "auth_pb2_grpc.AuthServiceAsyncStub", signed_up: auth_pb2.SignUpResponse, email: str, password: str
) -> None:
    assert await refused(stub.LogIn(auth_pb2.LogInRequest(email=email, password=password))) == ("LOGIN_FAILED", "")


async def test_a_refreshed_token_takes_the_place_of_the_old_one(
    stub: "auth_pb2_grpc.AuthServiceAsyncStub", signed_up: auth_pb2.SignUpResponse
) -> None:
    fresh = await stub.RefreshToken(auth_pb2.RefreshTokenRequest(), metadata=bearer(signed_up.token))
    request = auth_pb2.GetCurrentUserRequest()
    assert (await stub.GetCurrentUser(request, metadata=bearer(fresh.token))).user == signed_up.user
    assert (await refused(stub.GetCurrentUser(request, metadata=bearer(signed_up.token))))[0] == "TOKEN_INVALID"


async def test_a_log_out_voids_the_token_at_once(
    stub: "auth_pb2_grpc.AuthServiceAsyncStub", signed_up: auth_pb2.SignUpResponse
) -> None:
    assert (await stub.LogOut(auth_pb2.LogOutRequest(), metadata=bearer(signed_up.token))).logged_out
    call = stub.GetCurrentUser(auth_pb2.GetCurrentUserRequest(), metadata=bearer(signed_up.token))
    assert (await refused(call))[0] == "TOKEN_INVALID"


async def test_another_password_ends_every_session(
    stub: "auth_pb2_grpc.AuthServiceAsyncStub", signed_up: auth_pb2.SignUpResponse
) -> None:
    request = auth_pb2.ChangePasswordRequest(
        current_password="secure-password-123", new_password="another-password-123"
    )
    assert (await stub.ChangePassword(request, metadata=bearer(signed_up.token))).changed
    again = stub.GetCurrentUser(auth_pb2.GetCurrentUserRequest(), metadata=bearer(signed_up.token))
    assert (await refused(again))[0] == "TOKEN_INVALID"
    login = auth_pb2.LogInRequest(email="ann@example.com", password="another-password-123")
    assert (await stub.LogIn(login)).user.id == signed_up.user.id


async def test_a_user_deletes_itself(
    stub: "auth_pb2_grpc.AuthServiceAsyncStub", signed_up: auth_pb2.SignUpResponse
) -> None:
    gone = await stub.DeleteCurrentUser(auth_pb2.DeleteCurrentUserRequest(), metadata=bearer(signed_up.token))
    assert (gone.id, gone.deleted) == (signed_up.user.id, True)
    login = auth_pb2.LogInRequest(email="ann@example.com", password="secure-password-123")
    assert (await refused(stub.LogIn(login)))[0] == "LOGIN_FAILED"


async def test_the_address_that_the_edge_tells_is_throttled(stub: "auth_pb2_grpc.AuthServiceAsyncStub") -> None:
    reasons = []
    for number in range(52):
        login = auth_pb2.LogInRequest(email=f"nobody{number}@example.com", password="wrong-password")
        came_from = (("x-forwarded-for", f"10.0.0.{number}, 198.51.100.7"),)
        reasons.append((await refused(stub.LogIn(login, metadata=came_from)))[0])
    assert reasons == ["LOGIN_FAILED"] * 50 + ["LOGIN_THROTTLED"] * 2

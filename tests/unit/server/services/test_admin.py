"""AdminService: what the operator does to users, and that nobody else reaches it."""

import grpc.aio
import pytest
import pytest_asyncio
from perpetuo.admin.v1 import admin_pb2, admin_pb2_grpc
from perpetuo.v1 import auth_pb2, auth_pb2_grpc

from server.app import Core, operator_server
from tests.unit.server.services.calls import bearer, refused


@pytest_asyncio.fixture(loop_scope="session")
async def stub(core: Core) -> "admin_pb2_grpc.AdminServiceAsyncStub":
    return admin_pb2_grpc.AdminServiceStub(operator_server(core.settings, core.stores).channel)


async def test_a_user_is_made_moved_shut_out_and_let_in(
    stub: "admin_pb2_grpc.AdminServiceAsyncStub", channel: grpc.aio.Channel
) -> None:
    auth = auth_pb2_grpc.AuthServiceStub(channel)
    new = admin_pb2.CreateUserRequest(email="bob@example.com", password="secure-password-123", name="Bob")
    made = await stub.CreateUser(new)
    assert (made.account.user.plan, made.account.is_disabled) == (auth_pb2.PLAN_FREE, False)
    assert made.api_key.startswith("pk_")
    moved = await stub.SetPlan(admin_pb2.SetPlanRequest(email="BOB@example.com", plan=auth_pb2.PLAN_PRO))
    assert moved.account.user.plan == auth_pb2.PLAN_PRO
    login = auth_pb2.LogInRequest(email="bob@example.com", password="secure-password-123")
    token = (await auth.LogIn(login)).token
    out = await stub.SetDisabled(admin_pb2.SetDisabledRequest(email="bob@example.com", is_disabled=True))
    assert out.account.is_disabled
    assert (await refused(auth.GetCurrentUser(auth_pb2.GetCurrentUserRequest(), metadata=bearer(token))))[0] == (
        "TOKEN_INVALID"
    )
    assert (await refused(auth.LogIn(login)))[0] == "LOGIN_FAILED"
    await stub.SetDisabled(admin_pb2.SetDisabledRequest(email="bob@example.com"))
    await stub.SetPassword(admin_pb2.SetPasswordRequest(email="bob@example.com", password="another-password-1"))
    assert (await refused(auth.LogIn(login)))[0] == "LOGIN_FAILED"
    listed = (await stub.ListUsers(admin_pb2.ListUsersRequest())).accounts
    assert [account.user.email for account in listed] == ["demo@perpetuo.dev", "bob@example.com"]
    second = await stub.ListUsers(admin_pb2.ListUsersRequest(after_id=listed[0].user.id, limit=1))
    assert [account.user.email for account in second.accounts] == ["bob@example.com"]


async def test_what_is_wrong_is_named(stub: "admin_pb2_grpc.AdminServiceAsyncStub") -> None:
    nobody = "nobody@example.com"
    for call in (
        stub.SetPlan(admin_pb2.SetPlanRequest(email=nobody, plan=auth_pb2.PLAN_PRO)),
        stub.SetDisabled(admin_pb2.SetDisabledRequest(email=nobody)),
        stub.SetPassword(admin_pb2.SetPasswordRequest(email=nobody, password="secure-password-123")),
    ):
        assert await refused(call) == ("RESOURCE_NOT_FOUND", "email")
    assert await refused(stub.SetPlan(admin_pb2.SetPlanRequest(email=nobody))) == ("REQUEST_INVALID", "plan")
    weak = admin_pb2.CreateUserRequest(email=nobody, password="password")
    assert await refused(stub.CreateUser(weak)) == ("PASSWORD_WEAK", "password")
    assert await refused(stub.ListUsers(admin_pb2.ListUsersRequest(limit=1001))) == ("REQUEST_INVALID", "limit")


async def test_the_public_way_in_does_not_know_the_service(
    channel: grpc.aio.Channel, signed_up: auth_pb2.SignUpResponse
) -> None:
    public = admin_pb2_grpc.AdminServiceStub(channel)
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await public.ListUsers(admin_pb2.ListUsersRequest(), metadata=bearer(signed_up.token))
    assert raised.value.code() is grpc.StatusCode.UNIMPLEMENTED

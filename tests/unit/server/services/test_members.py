"""MembersService over the in-process channel."""

import grpc.aio
import pytest
from perpetuo.v1 import auth_pb2, auth_pb2_grpc, members_pb2, members_pb2_grpc

from tests.unit.server.services.calls import bearer, refused


@pytest.fixture
def stub(channel: grpc.aio.Channel) -> "members_pb2_grpc.MembersServiceAsyncStub":
    return members_pb2_grpc.MembersServiceStub(channel)


async def test_a_member_comes_changes_and_goes(
    stub: "members_pb2_grpc.MembersServiceAsyncStub", channel: grpc.aio.Channel, signed_up: auth_pb2.SignUpResponse
) -> None:
    mine, workspace_id = bearer(signed_up.token), signed_up.workspace.id
    request = auth_pb2.SignUpRequest(email="bob@example.com", password="secure-password-123", name="Bob")
    bob = await auth_pb2_grpc.AuthServiceStub(channel).SignUp(request)
    added = (
        await stub.AddMember(
            members_pb2.AddMemberRequest(workspace_id=workspace_id, email="BOB@example.com"), metadata=mine
        )
    ).member
    assert (added.user_id, added.email, added.name, added.role) == (
        bob.user.id,
        "bob@example.com",
        "Bob",
        members_pb2.ROLE_MEMBER,
    )
    changing = members_pb2.UpdateMemberRequest(
        workspace_id=workspace_id, user_id=bob.user.id, role=members_pb2.ROLE_VIEWER
    )
    assert (await stub.UpdateMember(changing, metadata=mine)).member.role == members_pb2.ROLE_VIEWER
    listing = members_pb2.ListMembersRequest(workspace_id=workspace_id)
    listed = (await stub.ListMembers(listing, metadata=bearer(bob.token))).members
    assert [member.role for member in listed] == [members_pb2.ROLE_OWNER, members_pb2.ROLE_VIEWER]
    assert (await refused(stub.UpdateMember(changing, metadata=bearer(bob.token))))[0] == "PERMISSION_DENIED"
    removing = members_pb2.RemoveMemberRequest(workspace_id=workspace_id, user_id=bob.user.id)
    gone = await stub.RemoveMember(removing, metadata=mine)
    assert (gone.id, gone.deleted) == (bob.user.id, True)
    assert (await refused(stub.ListMembers(listing, metadata=bearer(bob.token))))[0] == "RESOURCE_NOT_FOUND"


@pytest.mark.parametrize("role", [0, 9])
async def test_a_role_is_required_and_known(
    stub: "members_pb2_grpc.MembersServiceAsyncStub", signed_up: auth_pb2.SignUpResponse, role: int
) -> None:
    request = members_pb2.UpdateMemberRequest(
        workspace_id=signed_up.workspace.id,
        user_id=signed_up.user.id,
        role=role,  # type: ignore[arg-type]
    )
    refusal = await refused(stub.UpdateMember(request, metadata=bearer(signed_up.token)))
    assert refusal == ("REQUEST_INVALID", "role")

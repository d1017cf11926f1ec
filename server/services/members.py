"""MembersService: who may do what in a workspace."""

from perpetuo.v1 import members_pb2, members_pb2_grpc

from server.accounts.service import Accounts
from server.chat.principal import Role
from server.errors import RequestInvalid
from server.services.calling import Calls, Context
from server.services.shapes import ROLES, member_message


def _role(number: int, default: str) -> Role:
    try:
        return Role(ROLES.word(number, default))
    except ValueError:
        names = ", ".join(role.value for role in Role)
        raise RequestInvalid(f"role is required and one of {names}.", param="role") from None


class MembersServicer(members_pb2_grpc.MembersServiceServicer):
    """Serves members."""

    def __init__(self, accounts: Accounts, calls: Calls) -> None:
        self._members = accounts.members
        self._calls = calls

    async def ListMembers(
        self, request: members_pb2.ListMembersRequest, context: Context
    ) -> members_pb2.ListMembersResponse:
        """The members, oldest first."""
        found = await self._members.of_workspace(self._calls.principal().user_id, request.workspace_id)
        return members_pb2.ListMembersResponse(members=[member_message(member) for member in found])

    async def AddMember(self, request: members_pb2.AddMemberRequest, context: Context) -> members_pb2.AddMemberResponse:
        """A new member."""
        role = _role(request.role, Role.MEMBER.value)
        added = await self._members.add(self._calls.principal().user_id, request.workspace_id, request.email, role)
        return members_pb2.AddMemberResponse(member=member_message(added))

    async def UpdateMember(
        self, request: members_pb2.UpdateMemberRequest, context: Context
    ) -> members_pb2.UpdateMemberResponse:
        """A member with another role."""
        changed = await self._members.change(
            self._calls.principal().user_id, request.workspace_id, request.user_id, _role(request.role, "")
        )
        return members_pb2.UpdateMemberResponse(member=member_message(changed))

    async def RemoveMember(
        self, request: members_pb2.RemoveMemberRequest, context: Context
    ) -> members_pb2.RemoveMemberResponse:
        """The member is out."""
        removed = await self._members.remove(self._calls.principal().user_id, request.workspace_id, request.user_id)
        return members_pb2.RemoveMemberResponse(id=removed, deleted=True)

"""AdminService: what the operator does to users. It must be served on the operator's socket alone."""

from perpetuo.admin.v1 import admin_pb2, admin_pb2_grpc
from perpetuo.v1 import auth_pb2

from server.accounts.people import NewUser
from server.accounts.service import Accounts
from server.accounts.validation import checked_range
from server.chat.principal import Plan
from server.errors import RequestInvalid, ResourceNotFound
from server.services.calling import Context
from server.services.shapes import PLANS, user_message
from server.storage.users import User

_MOST = 1000


def _account(user: User) -> admin_pb2.Account:
    return admin_pb2.Account(user=user_message(user), is_disabled=user.is_disabled)


def _plan(number: auth_pb2.Plan.ValueType, default: str) -> Plan:
    try:
        return Plan(PLANS.word(number, default))
    except ValueError:
        raise RequestInvalid(f"plan is one of {', '.join(plan.value for plan in Plan)}.", param="plan") from None


class AdminServicer(admin_pb2_grpc.AdminServiceServicer):
    """Serves the operator. `default_plan` is what a new user gets unless told otherwise."""

    def __init__(self, accounts: Accounts, default_plan: str) -> None:
        self._accounts = accounts
        self._default_plan = default_plan

    async def CreateUser(self, request: admin_pb2.CreateUserRequest, context: Context) -> admin_pb2.CreateUserResponse:
        """A new user with a workspace and a first key."""
        plan = _plan(request.plan, self._default_plan)
        made = await self._accounts.create_user(NewUser(request.email, request.password, request.name, plan))
        return admin_pb2.CreateUserResponse(
            account=_account(made.user), workspace_id=made.workspace.id, api_key=made.api_key
        )

    async def ListUsers(self, request: admin_pb2.ListUsersRequest, context: Context) -> admin_pb2.ListUsersResponse:
        """The users, oldest first."""
        limit = checked_range(request.limit or _MOST, "limit", 1, _MOST)
        users = await self._accounts.list_users(request.after_id, limit)
        return admin_pb2.ListUsersResponse(accounts=[_account(user) for user in users])

    async def SetPlan(self, request: admin_pb2.SetPlanRequest, context: Context) -> admin_pb2.SetPlanResponse:
        """A user on another plan."""
        user = await self._accounts.set_plan(request.email, _plan(request.plan, ""))
        return admin_pb2.SetPlanResponse(account=_account(user))

    async def SetDisabled(
        self, request: admin_pb2.SetDisabledRequest, context: Context
    ) -> admin_pb2.SetDisabledResponse:
        """A user who is shut out, or let in again."""
        user = await self._accounts.find_user(request.email)
        if user is None:
            raise ResourceNotFound("No user has that e-mail.", param="email")
        await self._accounts.set_disabled(user.id, is_disabled=request.is_disabled)
        return admin_pb2.SetDisabledResponse(account=_account(await self._accounts.get_user(user.id)))

    async def SetPassword(
        self, request: admin_pb2.SetPasswordRequest, context: Context
    ) -> admin_pb2.SetPasswordResponse:
        """A user with another password, signed out everywhere."""
        user = await self._accounts.set_password(request.email, request.password)
        return admin_pb2.SetPasswordResponse(account=_account(user))

"""AuthService: sign-up, log-in, and who is signed in."""

from perpetuo.v1 import auth_pb2, auth_pb2_grpc, keys_pb2

from server.accounts.gateway_keys import KeyPrefix
from server.accounts.providers import ProviderEntries
from server.accounts.service import Accounts
from server.services.calling import Calls, Context
from server.services.shapes import user_message, workspace_summary


def key_prefix(style: keys_pb2.KeyStyle.ValueType) -> KeyPrefix:
    """How a key of that style begins."""
    return "gw" if style == keys_pb2.KEY_STYLE_GW else "pk"


class AuthServicer(auth_pb2_grpc.AuthServiceServicer):
    """Serves accounts."""

    def __init__(self, accounts: Accounts, entries: ProviderEntries, calls: Calls) -> None:
        self._accounts = accounts
        self._entries = entries
        self._calls = calls

    async def SignUp(self, request: auth_pb2.SignUpRequest, context: Context) -> auth_pb2.SignUpResponse:
        """A new user, signed in, with a workspace and a first key."""
        made = await self._accounts.sign_up(
            request.email,
            request.password,
            request.name,
            key_prefix(request.key_style),
            self._calls.address(context),
        )
        return auth_pb2.SignUpResponse(
            user=user_message(made.user),
            token=made.token,
            workspace=workspace_summary(made.workspace),
            api_key=made.api_key,
        )

    async def LogIn(self, request: auth_pb2.LogInRequest, context: Context) -> auth_pb2.LogInResponse:
        """A token for an e-mail and its password."""
        made = await self._accounts.log_in(request.email, request.password, self._calls.address(context))
        return auth_pb2.LogInResponse(user=user_message(made.user), token=made.token)

    async def GetCurrentUser(
        self, request: auth_pb2.GetCurrentUserRequest, context: Context
    ) -> auth_pb2.GetCurrentUserResponse:
        """The signed-in user."""
        user = await self._accounts.get_user(self._calls.principal().user_id)
        return auth_pb2.GetCurrentUserResponse(user=user_message(user))

    async def DeleteCurrentUser(
        self, request: auth_pb2.DeleteCurrentUserRequest, context: Context
    ) -> auth_pb2.DeleteCurrentUserResponse:
        """The account is gone, with what belonged to it."""
        user_id = self._calls.principal().user_id
        for workspace_id in await self._accounts.delete_user(user_id):
            self._entries.forget_workspace(workspace_id)
        return auth_pb2.DeleteCurrentUserResponse(id=user_id, deleted=True)

    async def ChangePassword(
        self, request: auth_pb2.ChangePasswordRequest, context: Context
    ) -> auth_pb2.ChangePasswordResponse:
        """Another password; every token is void."""
        await self._accounts.change_password(
            self._calls.principal().user_id,
            request.current_password,
            request.new_password,
            self._calls.address(context),
        )
        return auth_pb2.ChangePasswordResponse(changed=True)

    async def RefreshToken(
        self, request: auth_pb2.RefreshTokenRequest, context: Context
    ) -> auth_pb2.RefreshTokenResponse:
        """A fresh token for the one that came, which is void from now on."""
        made = await self._accounts.refresh(self._calls.credential())
        return auth_pb2.RefreshTokenResponse(user=user_message(made.user), token=made.token)

    async def LogOut(self, request: auth_pb2.LogOutRequest, context: Context) -> auth_pb2.LogOutResponse:
        """Voids the token that came."""
        await self._accounts.log_out(self._calls.credential())
        return auth_pb2.LogOutResponse(logged_out=True)

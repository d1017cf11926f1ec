"""Accounts: the one face of this package to the services and to the operator's commands.

It decides who may do what and keeps the caches honest: every change that it makes counts at once in this process.
"""

import contextlib
from datetime import UTC, datetime

from server.accounts.gateway_keys import KeyHasher, KeyPrefix
from server.accounts.key_lookup import KeyLookup
from server.accounts.keys import CreatedKey, Keys, NewKey
from server.accounts.passwords import Passwords, check_password
from server.accounts.people import AccountPolicy, CreatedUser, NewUser, SignedIn, SignedUp, SignupMode
from server.accounts.secrets import Secrets
from server.accounts.sessions import Sessions
from server.accounts.tokens import Tokens
from server.accounts.validation import checked_email, checked_text, is_id
from server.chat.ids import new_id
from server.chat.principal import Plan, Principal
from server.errors import (
    AlreadyExists,
    LoginFailed,
    RequestInvalid,
    ResourceNotFound,
    SignupClosed,
    StoreUnavailable,
    TokenInvalid,
)
from server.storage.database import Database
from server.storage.keys import GatewayKey
from server.storage.users import User
from server.storage.workspaces import Workspace

_WORKSPACE_NAME = "My Workspace"
_STRATEGY = "default"


class Accounts:
    """Users, sessions, workspaces and gateway keys. Belongs to one event loop; `close` it."""

    def __init__(self, database: Database, secrets: Secrets, policy: AccountPolicy) -> None:
        self._database = database
        self._policy = policy
        self._passwords = Passwords()
        self._tokens = Tokens(secrets.jwt_key)
        self._sessions = Sessions(database, self._tokens)
        hasher = KeyHasher(secrets.key_pepper)
        self._lookup = KeyLookup(database, hasher)
        self._keys = Keys(database, hasher, self._lookup)

    async def authenticate_key(self, secret: str) -> Principal:
        """The holder of a gateway key, from memory if it was seen lately.

        Raises KeyMissing, KeyInvalid, KeyExpired, KeyRevoked, StoreUnavailable.
        """
        return await self._lookup.authenticate(secret)

    async def authenticate_token(self, token: str) -> Principal:
        """The user behind a token, acting on the default workspace. Raises TokenInvalid, StoreUnavailable."""
        return await self._sessions.authenticate(token)

    async def sign_up(self, email: str, password: str, name: str = "", key_prefix: KeyPrefix = "pk") -> SignedUp:
        """Makes a user with a workspace and a first key, signed in.

        Raises SignupClosed, RequestInvalid, PasswordWeak, AlreadyExists, Overloaded.
        """
        if self._policy.signup is SignupMode.CLOSED:
            raise _closed()
        if self._policy.signup is SignupMode.FIRST:
            async with self._database.read() as tx:
                if await tx.users.exist():
                    raise _closed()
        new = NewUser(email, password, name, self._policy.default_plan, key_prefix)
        created = await self._create(new, is_only_first=self._policy.signup is SignupMode.FIRST)
        token = self._tokens.issue(created.user.id)
        return SignedUp(created.user, token, created.workspace, created.api_key)

    async def create_user(self, new: NewUser) -> CreatedUser:
        """Makes a user as the operator wishes, whatever the sign-up mode. Raises as `sign_up` does."""
        return await self._create(new, is_only_first=False)

    async def log_in(self, email: str, password: str) -> SignedIn:
        """Raises LoginFailed, alike and as slowly for an unknown e-mail, a wrong password and a disabled user."""
        user = await self.find_user(email)
        verdict = await self._passwords.verify(None if user is None else user.password_hash, password)
        if user is None or user.is_disabled or not verdict.is_right:
            raise LoginFailed("The e-mail or the password is wrong.")
        if verdict.new_hash is not None:
            with contextlib.suppress(StoreUnavailable):
                async with self._database.write() as tx:
                    await tx.users.set_password_hash(user.id, verdict.new_hash)
        return SignedIn(user, self._tokens.issue(user.id))

    async def refresh(self, token: str) -> SignedIn:
        """A fresh token; the old one is void at once. Raises TokenInvalid."""
        principal = await self._sessions.authenticate(token)
        await self._sessions.revoke(token)
        user = await self.get_user(principal.user_id)
        return SignedIn(user, self._tokens.issue(user.id))

    async def log_out(self, token: str) -> None:
        """Voids a token at once. Raises TokenInvalid when it was void already."""
        await self._sessions.revoke(token)

    async def get_user(self, user_id: str) -> User:
        """The user. Raises TokenInvalid when it was deleted since its token was checked."""
        async with self._database.read() as tx:
            user = await tx.users.get(user_id)
        if user is None:
            raise TokenInvalid("The user of this token is gone.")
        return user

    async def find_user(self, email: str) -> User | None:
        """The user of that e-mail, compared without regard to case; None for a malformed one."""
        try:
            checked = checked_email(email)
        except RequestInvalid:
            return None
        async with self._database.read() as tx:
            return await tx.users.by_email(checked)

    async def set_plan(self, email: str, plan: Plan) -> User:
        """Moves a user to another plan, for the operator. Raises ResourceNotFound."""
        user = await self.find_user(email)
        if user is None:
            raise ResourceNotFound("No user has that e-mail.", param="email")
        async with self._database.write() as tx:
            await tx.users.set_plan(user.id, plan)
        self._forget(user.id)
        return await self.get_user(user.id)

    async def set_disabled(self, user_id: str, *, is_disabled: bool) -> None:
        """Shuts a user out: tokens and keys open nothing, log-ins fail. Or lets it in again, tokens made before not."""
        async with self._database.write() as tx:
            await tx.users.set_disabled(user_id, is_disabled=is_disabled)
            await tx.users.revoke_tokens(user_id, datetime.now(UTC))
        self._forget(user_id)

    async def workspace(self, user_id: str, workspace_id: str = "") -> Workspace:
        """The workspace of that id if the user is a member, without one the default workspace.

        Raises ResourceNotFound, alike for an absent workspace and for another's.
        """
        async with self._database.read() as tx:
            if not workspace_id:
                found = await tx.workspaces.default_of(user_id)
            elif is_id(workspace_id, "ws_"):
                found = await tx.workspaces.visible(user_id, workspace_id)
            else:
                found = None
        if found is None:
            raise ResourceNotFound("No workspace of that id is visible to you.", param="workspace_id")
        return found

    async def default_workspace(self, user_id: str) -> Workspace:
        """The workspace that the user acts on when none is named. Raises ResourceNotFound."""
        return await self.workspace(user_id)

    async def create_key(self, user_id: str, workspace_id: str, new: NewKey) -> CreatedKey:
        """Makes a gateway key in a workspace of the user, empty for the default one.

        Raises ResourceNotFound, RequestInvalid.
        """
        workspace = await self.workspace(user_id, workspace_id)
        return await self._keys.create(workspace.id, user_id, new)

    async def list_keys(self, user_id: str, workspace_id: str = "") -> tuple[GatewayKey, ...]:
        """The workspace's keys that are not revoked, newest first. Raises ResourceNotFound."""
        workspace = await self.workspace(user_id, workspace_id)
        return await self._keys.of_workspace(workspace.id)

    async def revoke_key(self, user_id: str, workspace_id: str, key_id: str) -> None:
        """Makes a key open nothing any more, at once. Raises ResourceNotFound."""
        workspace = await self.workspace(user_id, workspace_id)
        await self._keys.revoke(workspace.id, key_id)

    async def install_demo_key(self, workspace_id: str, user_id: str, secret: str = "pk_demo") -> GatewayKey:
        """See `server.accounts.keys.Keys.install_demo_key`: for demo mode alone."""
        return await self._keys.install_demo_key(workspace_id, user_id, secret)

    async def close(self) -> None:
        """Writes what is still to be written, and ends the threads."""
        await self._lookup.close()
        self._passwords.close()

    async def _create(self, new: NewUser, *, is_only_first: bool) -> CreatedUser:
        email, name = checked_email(new.email), checked_text(new.name, "name")
        check_password(new.password)
        async with self._database.read() as tx:
            if await tx.users.by_email(email) is not None:
                raise AlreadyExists("A user with this e-mail exists already; log in instead.", param="email")
        password_hash = await self._passwords.hash(new.password)
        now = datetime.now(UTC)
        user = User(new_id("usr_"), email, password_hash, name, new.plan, False, now, now)
        workspace = Workspace(new_id("ws_"), user.id, _WORKSPACE_NAME, _STRATEGY, True, now)
        created = self._keys.prepare(workspace.id, user.id, NewKey("Default key", prefix=new.key_prefix))
        async with self._database.write() as tx:
            if is_only_first and await tx.users.exist():
                raise _closed()
            await tx.users.add(user)
            await tx.workspaces.add(workspace)
            await tx.keys.add(created.key)
        return CreatedUser(user, workspace, created.secret)

    def _forget(self, user_id: str) -> None:
        self._sessions.forget_user(user_id)
        self._lookup.forget_user(user_id)


def _closed() -> SignupClosed:
    return SignupClosed("This gateway takes no sign-ups; ask its operator for an account.")

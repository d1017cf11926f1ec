"""Accounts: the one face of this package to the services and to the operator's commands.

It decides who may do what and keeps the caches honest: every change that it makes counts at once in this process.
Workspaces and members have faces of their own beside it, over the same caches.
"""

import contextlib
from datetime import UTC, datetime

from server.accounts.departure import leave_workspaces
from server.accounts.forgetting import Forgetting
from server.accounts.gateway_keys import KeyHasher, KeyPrefix
from server.accounts.key_lookup import KeyLookup
from server.accounts.keys import CreatedKey, KeyChanges, Keys, NewKey, Rotation
from server.accounts.members import Members
from server.accounts.passwords import Passwords, check_password
from server.accounts.people import AccountPolicy, CreatedUser, NewUser, SignedIn, SignedUp, SignupMode
from server.accounts.policies import Policies
from server.accounts.roles import LEAST_ROLE, Action
from server.accounts.secrets import Secrets
from server.accounts.sessions import Sessions
from server.accounts.throttle import LoginThrottle
from server.accounts.tokens import Tokens
from server.accounts.validation import checked_email, checked_text
from server.accounts.workspaces import Workspaces
from server.chat.ids import new_id
from server.chat.principal import Plan, Principal
from server.errors import (
    AlreadyExists,
    LoginFailed,
    Overloaded,
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
    """Users, sessions and gateway keys. Belongs to one event loop; `close` it.

    `address` is where a caller is, for the throttle; empty for the operator, who is not throttled.
    """

    def __init__(
        self,
        database: Database,
        secrets: Secrets,
        policy: AccountPolicy,
        throttle: LoginThrottle | None = None,
        forgetting: Forgetting | None = None,
    ) -> None:
        self._database = database
        self._policy = policy
        self._passwords = Passwords()
        self._tokens = Tokens(secrets.jwt_key)
        self._forgetting = forgetting = forgetting or Forgetting()
        self._sessions = Sessions(database, self._tokens, forgetting=forgetting)
        hasher = KeyHasher(secrets.key_pepper)
        self._lookup = KeyLookup(database, hasher, forgetting=forgetting)
        self.known_key = self._lookup.known
        """What `authenticate_key` tells where that is known and good without a wait; None: that has to be asked."""
        self._keys = Keys(database, hasher, self._lookup)
        self._throttle = throttle or LoginThrottle()
        self.policies = Policies(database, forgetting=forgetting)
        self.workspaces = Workspaces(database, self._forget_workspace)
        self.members = Members(database, self._forget)

    async def authenticate_key(self, secret: str) -> Principal:
        """The holder of a gateway key, from memory if it was seen lately.

        Raises KeyMissing, KeyInvalid, KeyExpired, KeyRevoked, StoreUnavailable.
        """
        return await self._lookup.authenticate(secret)

    async def authenticate_token(self, token: str) -> Principal:
        """The user behind a token, acting on the default workspace. Raises TokenInvalid, StoreUnavailable."""
        return await self._sessions.authenticate(token)

    async def sign_up(
        self, email: str, password: str, name: str = "", key_prefix: KeyPrefix = "pk", address: str = ""
    ) -> SignedUp:
        """Makes a user with a workspace and a first key, signed in.

        Raises SignupClosed, RequestInvalid, PasswordWeak, AlreadyExists, LoginThrottled, Overloaded.
        """
        if self._policy.signup is SignupMode.CLOSED:
            raise _closed()
        if self._policy.signup is SignupMode.FIRST:
            async with self._database.read() as tx:
                if await tx.users.exist():
                    raise _closed()
        await self._throttle.sign_up(address)
        new = NewUser(email, password, name, self._policy.default_plan, key_prefix)
        try:
            created = await self._create(new, is_only_first=self._policy.signup is SignupMode.FIRST)
        except AlreadyExists:
            await self._throttle.probe(address)
            raise
        token = self._tokens.issue(created.user.id)
        return SignedUp(created.user, token, created.workspace, created.api_key)

    async def create_user(self, new: NewUser) -> CreatedUser:
        """Makes a user as the operator wishes, whatever the sign-up mode. Raises as `sign_up` does."""
        return await self._create(new, is_only_first=False)

    async def log_in(self, email: str, password: str, address: str = "") -> SignedIn:
        """Raises LoginFailed, alike and as slowly for an unknown e-mail, a wrong password and a disabled user.

        Raises LoginThrottled when there were too many tries.
        """
        began = datetime.now(UTC)
        user = await self._verified(email, password, address)
        return SignedIn(user, self._tokens.issue(user.id, began))

    async def change_password(self, user_id: str, current: str, new: str, address: str = "") -> None:
        """Sets another password and voids every token. Raises LoginFailed, LoginThrottled, PasswordWeak."""
        user = await self.get_user(user_id)
        check_password(new, "new_password")
        await self._verified(user.email, current, address)
        password_hash = await self._passwords.hash(new)
        async with self._database.write() as tx:
            await tx.users.change_password(user_id, password_hash, datetime.now(UTC))
        self._forget(user_id)

    async def set_password(self, email: str, new: str) -> User:
        """Sets another password for the operator, and voids every token. Raises ResourceNotFound, PasswordWeak."""
        user = await self._known(email)
        check_password(new)
        password_hash = await self._passwords.hash(new)
        async with self._database.write() as tx:
            await tx.users.change_password(user.id, password_hash, datetime.now(UTC))
        self._forget(user.id)
        return user

    async def delete_user(self, user_id: str) -> tuple[str, ...]:
        """Deletes a user with its workspaces, keys and tokens, at once; answers the ids of workspaces that are gone.

        Raises Conflict when others would lose a workspace that nobody else owns.
        """
        async with self._database.write() as tx:
            gone = await leave_workspaces(tx, user_id)
            await tx.users.remove(user_id)
        self._forget(user_id)
        for workspace_id in gone:
            self._forget_workspace(workspace_id)
        return gone

    async def refresh(self, token: str) -> SignedIn:
        """A fresh token; the old one is void at once. Raises TokenInvalid."""
        principal = await self._sessions.authenticate(token)
        fresh = await self._sessions.replace(token)
        return SignedIn(await self.get_user(principal.user_id), fresh)

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
        user = await self._known(email)
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

    async def list_users(self, after_id: str = "", limit: int = 1000) -> tuple[User, ...]:
        """The users by age, for the operator, from the one after that id."""
        async with self._database.read() as tx:
            return await tx.users.all(after_id, limit)

    async def workspace(self, user_id: str, workspace_id: str = "", action: Action = Action.READ) -> Workspace:
        """The workspace of that id if the user may do that there, without one the default workspace.

        Raises ResourceNotFound, alike for an absent workspace and for another's; PermissionDenied.
        """
        return (await self.workspaces.enter(user_id, workspace_id, action)).workspace

    async def default_workspace(self, user_id: str) -> Workspace:
        """The workspace that the user acts on when none is named. Raises ResourceNotFound."""
        return await self.workspace(user_id)

    async def create_key(self, user_id: str, workspace_id: str, new: NewKey) -> CreatedKey:
        """Makes a gateway key in a workspace of the user, empty for the default one.

        Raises ResourceNotFound, PermissionDenied, RequestInvalid, Conflict.
        """
        workspace = await self.workspace(user_id, workspace_id, Action.MAKE_KEYS)
        return await self._keys.create(workspace.id, user_id, new)

    async def list_keys(self, user_id: str, workspace_id: str = "") -> tuple[GatewayKey, ...]:
        """The workspace's keys that are not revoked, newest first. Raises ResourceNotFound."""
        workspace = await self.workspace(user_id, workspace_id)
        return await self._keys.of_workspace(workspace.id)

    async def change_key(self, user_id: str, workspace_id: str, key_id: str, changes: KeyChanges) -> GatewayKey:
        """Changes what is named of a key. Raises ResourceNotFound, PermissionDenied, RequestInvalid."""
        workspace, only_of = await self._key_owner(user_id, workspace_id)
        return await self._keys.change(workspace.id, key_id, changes, only_of)

    async def rotate_key(self, user_id: str, workspace_id: str, key_id: str, grace_s: int) -> CreatedKey:
        """See `server.accounts.keys.Keys.rotate`. Raises ResourceNotFound, PermissionDenied too."""
        workspace, only_of = await self._key_owner(user_id, workspace_id)
        return await self._keys.rotate(workspace.id, key_id, Rotation(user_id, grace_s, only_of))

    async def revoke_key(self, user_id: str, workspace_id: str, key_id: str) -> None:
        """Makes a key open nothing any more, at once. Raises ResourceNotFound, PermissionDenied."""
        workspace, only_of = await self._key_owner(user_id, workspace_id)
        await self._keys.revoke(workspace.id, key_id, only_of)

    async def install_demo_key(self, workspace_id: str, user_id: str, secret: str = "pk_demo") -> GatewayKey:
        """See `server.accounts.keys.Keys.install_demo_key`: for demo mode alone."""
        return await self._keys.install_demo_key(workspace_id, user_id, secret)

    async def close(self) -> None:
        """Writes what is still to be written, and ends the threads."""
        await self._lookup.close()
        self._passwords.close()

    async def _key_owner(self, user_id: str, workspace_id: str) -> tuple[Workspace, str | None]:
        """The workspace, and whose keys alone the user may touch there: None for all."""
        entered = await self.workspaces.enter(user_id, workspace_id, Action.MAKE_KEYS)
        return entered.workspace, None if entered.role.covers(LEAST_ROLE[Action.MANAGE_KEYS]) else user_id

    async def _verified(self, email: str, password: str, address: str) -> User:
        """The user, if the password is right. Raises LoginFailed, LoginThrottled."""
        guess = await self._throttle.guess(email, address)
        try:
            user = await self.find_user(email)
            verdict = await self._passwords.verify(None if user is None else user.password_hash, password)
        except (Overloaded, StoreUnavailable):
            self._throttle.take_back(guess)
            raise
        if user is None or user.is_disabled or not verdict.is_right:
            raise LoginFailed("The e-mail or the password is wrong.")
        await self._throttle.succeed(guess)
        if verdict.new_hash is not None:
            with contextlib.suppress(StoreUnavailable):
                async with self._database.write() as tx:
                    await tx.users.set_password_hash(user.id, user.password_hash, verdict.new_hash)
        return user

    async def _known(self, email: str) -> User:
        user = await self.find_user(email)
        if user is None:
            raise ResourceNotFound("No user has that e-mail.", param="email")
        return user

    async def _create(self, new: NewUser, *, is_only_first: bool) -> CreatedUser:
        email, name = checked_email(new.email), checked_text(new.name, "name")
        check_password(new.password)
        await self._database.check_writing()
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

    def _forget_workspace(self, workspace_id: str) -> None:
        self._forgetting.forget("workspace", workspace_id)

    def _forget(self, user_id: str) -> None:
        self._forgetting.forget("user", user_id)


def _closed() -> SignupClosed:
    return SignupClosed("This gateway takes no sign-ups; ask its operator for an account.")

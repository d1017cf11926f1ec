"""Members of workspaces: who may let whom do what.

Nobody gives more than he has, nobody touches who has more than he, and the founder of a workspace stays its owner. The
role is checked in the transaction that makes the change.
"""

from collections.abc import Callable
from datetime import UTC, datetime

from server.accounts.roles import Action, enter
from server.accounts.validation import checked_email, is_id
from server.chat.principal import Role
from server.errors import AlreadyExists, Conflict, PermissionDenied, ResourceNotFound
from server.storage.database import Database, Transaction
from server.storage.members import Member
from server.storage.workspaces import Membership

MAX_MEMBERS = 500


class Members:
    """The members of workspaces. `forget` is told of a user whose keys have to be looked at anew."""

    def __init__(self, database: Database, forget: Callable[[str], None]) -> None:
        self._database = database
        self._forget = forget

    async def of_workspace(self, user_id: str, workspace_id: str) -> tuple[Member, ...]:
        """The members, oldest first. Raises ResourceNotFound."""
        async with self._database.read() as tx:
            entered = await enter(tx, user_id, workspace_id, Action.READ)
            return await tx.members.of_workspace(entered.workspace.id)

    async def add(self, user_id: str, workspace_id: str, email: str, role: Role) -> Member:
        """Makes the user of that e-mail a member.

        Raises ResourceNotFound for an absent workspace or an unknown e-mail, PermissionDenied, AlreadyExists, Conflict.
        """
        checked = checked_email(email)
        async with self._database.write() as tx:
            entered = await enter(tx, user_id, workspace_id, Action.MANAGE_MEMBERS)
            _may_give(entered.role, role)
            user = await tx.users.by_email(checked)
            if user is None:
                raise ResourceNotFound(
                    "No user of this gateway has that e-mail; ask for a sign-up first.", param="email"
                )
            if await tx.members.get(entered.workspace.id, user.id) is not None:
                raise AlreadyExists("This user is a member already; change the role instead.", param="email")
            if await tx.members.count(entered.workspace.id) >= MAX_MEMBERS:
                raise Conflict(f"The workspace has {MAX_MEMBERS} members, which is the most.")
            await tx.members.add(entered.workspace.id, user.id, role, datetime.now(UTC))
            return await _member(tx, entered.workspace.id, user.id)

    async def change(self, user_id: str, workspace_id: str, member_id: str, role: Role) -> Member:
        """Gives a member another role. Raises ResourceNotFound, PermissionDenied, Conflict for the founder."""
        async with self._database.write() as tx:
            entered = await enter(tx, user_id, workspace_id, Action.MANAGE_MEMBERS)
            member = await _touched(tx, entered, member_id)
            _may_give(entered.role, role)
            await tx.members.set_role(entered.workspace.id, member.user_id, role)
            changed = await _member(tx, entered.workspace.id, member.user_id)
        self._forget(member.user_id)
        return changed

    async def remove(self, user_id: str, workspace_id: str, member_id: str) -> str:
        """Takes a member out and revokes its keys there; everybody may leave. Answers the member's id.

        Raises ResourceNotFound, PermissionDenied, Conflict for the founder.
        """
        async with self._database.write() as tx:
            action = Action.READ if member_id == user_id else Action.MANAGE_MEMBERS
            entered = await enter(tx, user_id, workspace_id, action)
            member = await _touched(tx, entered, member_id)
            await tx.keys.revoke_of(entered.workspace.id, member.user_id)
            await tx.members.remove(entered.workspace.id, member.user_id)
        self._forget(member.user_id)
        return member.user_id


async def _touched(tx: Transaction, entered: Membership, member_id: str) -> Member:
    member = await _member(tx, entered.workspace.id, member_id)
    _may_give(entered.role, member.role)
    if member.user_id == entered.workspace.owner_id:
        raise Conflict("The founder of a workspace stays its owner.", param="user_id")
    return member


async def _member(tx: Transaction, workspace_id: str, member_id: str) -> Member:
    member = await tx.members.get(workspace_id, member_id) if is_id(member_id, "usr_") else None
    if member is None:
        raise ResourceNotFound("The workspace has no member of that id.", param="user_id")
    return member


def _may_give(own: Role, role: Role) -> None:
    if not own.covers(role):
        raise PermissionDenied(
            f"To give or take the role {role.value} takes that role; yours is {own.value}.",
            param="role",
            details={"requiredRole": role.value, "role": own.value},
        )

"""Which role each action in a workspace takes: the one table of it, and what a caller without that role is told."""

from collections.abc import Mapping
from enum import Enum
from types import MappingProxyType
from typing import Final

from server.accounts.validation import is_id
from server.chat.principal import Role
from server.errors import PermissionDenied, ResourceNotFound
from server.storage.database import Transaction
from server.storage.workspaces import Membership


class Action(Enum):
    """What can be done in a workspace."""

    READ = "see the workspace"
    MAKE_KEYS = "make gateway keys and change one's own"
    MANAGE_KEYS = "change gateway keys of others"
    MANAGE_PROVIDERS = "change provider entries"
    CHANGE_WORKSPACE = "change the workspace"
    MANAGE_MEMBERS = "change who is a member"
    DELETE_WORKSPACE = "delete the workspace"


LEAST_ROLE: Final[Mapping[Action, Role]] = MappingProxyType(
    {
        Action.READ: Role.VIEWER,
        Action.MAKE_KEYS: Role.MEMBER,
        Action.MANAGE_KEYS: Role.ADMIN,
        Action.MANAGE_PROVIDERS: Role.ADMIN,
        Action.CHANGE_WORKSPACE: Role.ADMIN,
        Action.MANAGE_MEMBERS: Role.ADMIN,
        Action.DELETE_WORKSPACE: Role.OWNER,
    }
)
"""The least role that may do each action."""

USES_KEYS: Final = LEAST_ROLE[Action.MAKE_KEYS]
"""The least role whose keys open anything: a key never outlives what its maker may do."""


async def enter(tx: Transaction, user_id: str, workspace_id: str, action: Action) -> Membership:
    """The workspace of that id, without one the user's default workspace, if the user may do that there.

    Raises ResourceNotFound, alike for an absent workspace and for another's; PermissionDenied for a lesser role.
    """
    found: Membership | None = None
    if not workspace_id:
        default = await tx.workspaces.default_of(user_id)
        found = None if default is None else await tx.workspaces.visible(user_id, default.id)
    elif is_id(workspace_id, "ws_"):
        found = await tx.workspaces.visible(user_id, workspace_id)
    if found is None:
        raise ResourceNotFound("No workspace of that id is visible to you.", param="workspace_id")
    demand(found.role, action)
    return found


def demand(role: Role, action: Action) -> None:
    """Raises PermissionDenied when the role may not do that."""
    least = LEAST_ROLE[action]
    if not role.covers(least):
        raise PermissionDenied(
            f"To {action.value} takes the role {least.value}; yours is {role.value}.",
            details={"requiredRole": least.value, "role": role.value},
        )

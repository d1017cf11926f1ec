"""What becomes of workspaces when their founder's account is deleted."""

from server.chat.principal import Role
from server.errors import Conflict
from server.storage.database import Transaction


async def leave_workspaces(tx: Transaction, user_id: str) -> tuple[str, ...]:
    """Hands workspaces with another owner over to that one, and answers the ids of those that go with the user.

    Raises Conflict for a workspace that has other members, but no other owner.
    """
    gone = []
    for workspace in await tx.workspaces.founded(user_id):
        others = [member for member in await tx.members.of_workspace(workspace.id) if member.user_id != user_id]
        owners = [member.user_id for member in others if member.role is Role.OWNER]
        if owners:
            await tx.workspaces.change(workspace.id, owner_id=owners[0], is_default=False)
        elif others:
            raise Conflict(
                f"The workspace {workspace.name} ({workspace.id}) has other members but no other owner: make one of "
                "them an owner, remove them, or delete the workspace."
            )
        else:
            gone.append(workspace.id)
    return tuple(gone)

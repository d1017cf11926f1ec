"""Roles: what each may do, and that whoever is no member sees nothing."""

from datetime import UTC, datetime

import pytest

from server.accounts.people import SignedUp
from server.accounts.roles import LEAST_ROLE, USES_KEYS, Action, demand, enter
from server.accounts.service import Accounts
from server.chat.principal import Role
from server.errors import PermissionDenied, ResourceNotFound
from server.storage.database import Database

ALLOWED = {
    Role.VIEWER: {Action.READ},
    Role.MEMBER: {Action.READ, Action.MAKE_KEYS},
    Role.ADMIN: set(Action) - {Action.DELETE_WORKSPACE},
    Role.OWNER: set(Action),
}


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("action", Action)
def test_a_role_may_do_what_the_table_says(role: Role, action: Action) -> None:
    if action in ALLOWED[role]:
        demand(role, action)
        return
    with pytest.raises(PermissionDenied) as raised:
        demand(role, action)
    assert raised.value.details == {"requiredRole": LEAST_ROLE[action].value, "role": role.value}


def test_every_action_has_a_least_role() -> None:
    assert set(LEAST_ROLE) == set(Action)
    assert USES_KEYS is Role.MEMBER


async def test_a_member_enters_and_a_stranger_finds_nothing(
    accounts: Accounts, database: Database, ana: SignedUp
) -> None:
    bob = await accounts.sign_up("bob@example.com", "secure123")
    async with database.write() as tx:
        await tx.members.add(ana.workspace.id, bob.user.id, Role.VIEWER, datetime.now(UTC))
        entered = await enter(tx, bob.user.id, ana.workspace.id, Action.READ)
        assert (entered.workspace, entered.role) == (ana.workspace, Role.VIEWER)
        assert (await enter(tx, bob.user.id, "", Action.DELETE_WORKSPACE)).workspace == bob.workspace
        with pytest.raises(PermissionDenied):
            await enter(tx, bob.user.id, ana.workspace.id, Action.MAKE_KEYS)
        for workspace_id in (bob.workspace.id, "ws_nobody", "ws_\x00", "malformed", "x" * 1_000_000):
            with pytest.raises(ResourceNotFound) as raised:
                await enter(tx, ana.user.id, workspace_id, Action.DELETE_WORKSPACE)
            assert raised.value.message == "No workspace of that id is visible to you."

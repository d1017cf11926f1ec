"""A user who leaves for good: what goes along, what is handed over, and what stands in the way."""

import pytest

from server.accounts.people import SignedUp
from server.accounts.service import Accounts
from server.chat.principal import Role
from server.errors import Conflict, KeyInvalid, LoginFailed, ResourceNotFound, TokenInvalid
from server.storage.database import Database


async def test_everything_of_a_user_goes(accounts: Accounts, database: Database, ana: SignedUp) -> None:
    other = (await accounts.workspaces.create(ana.user.id, "Lab")).workspace
    await accounts.authenticate_token(ana.token)
    await accounts.authenticate_key(ana.api_key)
    assert await accounts.delete_user(ana.user.id) == (ana.workspace.id, other.id)
    with pytest.raises(TokenInvalid):
        await accounts.authenticate_token(ana.token)
    with pytest.raises(KeyInvalid):
        await accounts.authenticate_key(ana.api_key)
    with pytest.raises(LoginFailed):
        await accounts.log_in("ana@example.com", "secure123")
    async with database.read() as tx:
        assert await tx.workspaces.get(ana.workspace.id) is None
        assert await tx.keys.of_workspace(ana.workspace.id) == ()
    again = await accounts.sign_up("ana@example.com", "secure123")
    assert again.user.id != ana.user.id


async def test_a_workspace_with_another_owner_is_handed_over(accounts: Accounts, ana: SignedUp) -> None:
    bob = await accounts.sign_up("bob@example.com", "secure123")
    await accounts.members.add(ana.user.id, ana.workspace.id, "bob@example.com", Role.OWNER)
    assert await accounts.delete_user(ana.user.id) == ()
    kept = await accounts.workspace(bob.user.id, ana.workspace.id)
    assert (kept.owner_id, kept.is_default) == (bob.user.id, False)
    assert await accounts.default_workspace(bob.user.id) == bob.workspace
    assert await accounts.workspaces.delete(bob.user.id, ana.workspace.id) == ana.workspace.id


async def test_others_do_not_lose_a_workspace_that_nobody_else_owns(accounts: Accounts, ana: SignedUp) -> None:
    bob = await accounts.sign_up("bob@example.com", "secure123")
    await accounts.members.add(ana.user.id, ana.workspace.id, "bob@example.com", Role.ADMIN)
    with pytest.raises(Conflict, match=ana.workspace.id):
        await accounts.delete_user(ana.user.id)
    assert (await accounts.authenticate_token(ana.token)).user_id == ana.user.id
    await accounts.delete_user(bob.user.id)
    await accounts.delete_user(ana.user.id)
    with pytest.raises(ResourceNotFound):
        await accounts.workspace(ana.user.id)

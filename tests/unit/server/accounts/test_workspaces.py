"""Workspaces: made, changed in what is named alone, and deleted with what is in them."""

import math
from typing import cast

import pytest
from msgspec.structs import replace

from server.accounts.keys import NewKey
from server.accounts.people import SignedUp
from server.accounts.service import Accounts
from server.accounts.workspaces import MAX_FOUNDED, WorkspaceChanges
from server.chat.principal import Role
from server.errors import Conflict, KeyInvalid, PermissionDenied, RequestInvalid, ResourceNotFound


async def test_a_workspace_is_made_and_listed_after_the_older_ones(accounts: Accounts, ana: SignedUp) -> None:
    made = await accounts.workspaces.create(ana.user.id, " Lab ", "cheapest")
    assert (made.workspace.name, made.workspace.strategy, made.role) == ("Lab", "cheapest", Role.OWNER)
    assert not made.workspace.is_default
    assert await accounts.workspaces.of_user(ana.user.id) == (replace(made, workspace=ana.workspace), made)
    assert await accounts.default_workspace(ana.user.id) == ana.workspace


async def test_a_user_has_so_many_workspaces_and_no_more(accounts: Accounts, ana: SignedUp) -> None:
    for number in range(MAX_FOUNDED - 1):
        await accounts.workspaces.create(ana.user.id, f"W{number}")
    with pytest.raises(Conflict):
        await accounts.workspaces.create(ana.user.id, "one more")


async def test_a_change_changes_what_it_names(accounts: Accounts, ana: SignedUp) -> None:
    workspaces = accounts.workspaces
    changes: WorkspaceChanges = {"strategy": "balanced", "weights": (0.5, 0.0, 0.5)}
    changed = await workspaces.change(ana.user.id, ana.workspace.id, changes)
    assert changed.workspace == replace(ana.workspace, strategy="balanced", weights=(0.5, 0.0, 0.5))
    policies: WorkspaceChanges = {"name": "Two", "content_policy": "off", "cache_policy": "semantic", "weights": ()}
    changed = await workspaces.change(ana.user.id, "", policies)
    expected = replace(
        ana.workspace, name="Two", strategy="balanced", content_policy="off", cache_policy="semantic", weights=()
    )
    assert changed.workspace == expected
    assert (await workspaces.change(ana.user.id, ana.workspace.id, {})).workspace == expected


@pytest.mark.parametrize(
    ("changes", "param"),
    [
        pytest.param({"name": " "}, "name", id="an empty name"),
        pytest.param({"name": "x" * 201}, "name", id="a long name"),
        pytest.param({"strategy": "random"}, "strategy", id="an unknown strategy"),
        pytest.param({"weights": (0.5, 0.4, 0.0)}, "weights", id="weights that do not add up"),
        pytest.param({"weights": (0.0, 0.0, 0.0)}, "weights", id="weights of nothing"),
        pytest.param({"weights": (0.5, -0.1, 0.5)}, "weights", id="a negative weight"),
        pytest.param({"weights": (1.5, 0.1, 0.5)}, "weights", id="a weight above one"),
        pytest.param({"weights": (math.nan, 0.1, 0.5)}, "weights", id="a weight that is no number"),
        pytest.param({"content_policy": "some"}, "content_policy", id="an unknown content policy"),
        pytest.param({"cache_policy": "all"}, "cache_policy", id="an unknown cache policy"),
        pytest.param({"stream_mode": "sideways"}, "stream_mode", id="an unknown stream mode"),
    ],
)
async def test_a_bad_change_names_the_parameter_and_changes_nothing(
    accounts: Accounts, ana: SignedUp, changes: dict[str, object], param: str
) -> None:
    with pytest.raises(RequestInvalid) as raised:
        await accounts.workspaces.change(ana.user.id, ana.workspace.id, cast("WorkspaceChanges", changes))
    assert raised.value.param == param
    assert await accounts.workspace(ana.user.id) == ana.workspace


async def test_a_workspace_goes_with_its_keys(accounts: Accounts, ana: SignedUp) -> None:
    made = (await accounts.workspaces.create(ana.user.id, "Lab")).workspace
    key = await accounts.create_key(ana.user.id, made.id, NewKey())
    await accounts.authenticate_key(key.secret)
    assert await accounts.workspaces.delete(ana.user.id, made.id) == made.id
    with pytest.raises(KeyInvalid):
        await accounts.authenticate_key(key.secret)
    for delete in (accounts.workspaces.delete, accounts.workspace):
        with pytest.raises(ResourceNotFound):
            await delete(ana.user.id, made.id)


async def test_the_default_workspace_stays(accounts: Accounts, ana: SignedUp) -> None:
    bob = await accounts.sign_up("bob@example.com", "secure123")
    await accounts.members.add(ana.user.id, ana.workspace.id, "bob@example.com", Role.ADMIN)
    with pytest.raises(PermissionDenied):
        await accounts.workspaces.delete(bob.user.id, ana.workspace.id)
    await accounts.members.change(ana.user.id, ana.workspace.id, bob.user.id, Role.OWNER)
    for user_id in (ana.user.id, bob.user.id):
        with pytest.raises(Conflict):
            await accounts.workspaces.delete(user_id, ana.workspace.id)

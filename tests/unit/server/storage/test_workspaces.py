"""A workspace is visible to its members, and to nobody else."""

from datetime import UTC, datetime

import pytest
from msgspec.structs import replace

from server.chat.principal import Role
from server.storage.database import Database


@pytest.mark.parametrize(
    ("user_id", "workspace_id", "is_visible"),
    [
        pytest.param("usr_1", "ws_1", True, id="the owner sees it"),
        pytest.param("usr_2", "ws_1", False, id="a stranger does not"),
        pytest.param("usr_1", "ws_9", False, id="nobody sees one that is not there"),
    ],
)
async def test_only_members_see_a_workspace(
    peopled: Database, user_id: str, workspace_id: str, *, is_visible: bool
) -> None:
    async with peopled.read() as tx:
        found = await tx.workspaces.visible(user_id, workspace_id)
    assert (found is not None) is is_visible


async def test_the_default_workspace_is_the_one_so_marked(peopled: Database) -> None:
    async with peopled.write() as tx:
        first = await tx.workspaces.get("ws_1")
        assert first is not None
        await tx.workspaces.add(replace(first, id="ws_0", is_default=False))
        assert await tx.workspaces.default_of("usr_1") == first
        assert await tx.workspaces.default_of("usr_9") is None
        assert [found.workspace.id for found in await tx.workspaces.of_user("usr_1")] == ["ws_0", "ws_1"]
        assert [found.id for found in await tx.workspaces.founded("usr_1")] == ["ws_0", "ws_1"]
        assert await tx.workspaces.count_founded("usr_1") == 2


async def test_a_member_sees_its_own_role(peopled: Database) -> None:
    async with peopled.write() as tx:
        await tx.members.add("ws_1", "usr_2", Role.VIEWER, datetime(2026, 1, 12, tzinfo=UTC))
        seen = await tx.workspaces.visible("usr_2", "ws_1")
        assert seen is not None
        assert (seen.workspace.owner_id, seen.role) == ("usr_1", Role.VIEWER)
        assert [found.role for found in await tx.workspaces.of_user("usr_2")] == [Role.VIEWER, Role.OWNER]


async def test_what_a_workspace_decides_is_kept(peopled: Database) -> None:
    async with peopled.write() as tx:
        await tx.workspaces.change("ws_1", weights=(0.5, 0.5, 0.0), content_policy="full", cache_policy="exact")
        await tx.workspaces.change("ws_1")
        changed, other = await tx.workspaces.get("ws_1"), await tx.workspaces.get("ws_2")
    assert changed is not None
    assert other is not None
    assert (changed.weights, changed.content_policy, changed.cache_policy) == ((0.5, 0.5, 0.0), "full", "exact")
    assert (other.weights, other.content_policy, other.cache_policy) == ((), "metadata", "default")


async def test_a_workspace_goes_with_all_that_is_in_it(peopled: Database) -> None:
    async with peopled.write() as tx:
        await tx.workspaces.remove("ws_1")
        assert await tx.workspaces.get("ws_1") is None
        assert await tx.members.count("ws_1") == 0

"""A workspace is visible to its members, and to nobody else."""

from dataclasses import replace

import pytest

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
        assert [found.id for found in await tx.workspaces.of_user("usr_1")] == ["ws_0", "ws_1"]

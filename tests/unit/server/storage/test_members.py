"""Members: who is in a workspace, with which role, and what goes with a member who goes."""

from datetime import UTC, datetime, timedelta

from server.chat.principal import Role
from server.storage.database import Database
from server.storage.members import Member

LATER = datetime(2026, 1, 12, tzinfo=UTC)


async def test_members_come_oldest_first_with_their_roles(peopled: Database) -> None:
    async with peopled.write() as tx:
        await tx.members.add("ws_1", "usr_2", Role.VIEWER, LATER)
        await tx.members.set_role("ws_1", "usr_2", Role.ADMIN)
    async with peopled.read() as tx:
        members = await tx.members.of_workspace("ws_1")
        assert [(member.user_id, member.role) for member in members] == [("usr_1", Role.OWNER), ("usr_2", Role.ADMIN)]
        assert await tx.members.get("ws_1", "usr_2") == Member("usr_2", "user2@example.com", "Name", Role.ADMIN, LATER)
        assert await tx.members.get("ws_2", "usr_1") is None
        assert (await tx.members.count("ws_1"), await tx.members.count("ws_2")) == (2, 1)


async def test_one_who_is_taken_out_is_out_of_that_workspace_alone(peopled: Database) -> None:
    async with peopled.write() as tx:
        await tx.members.add("ws_1", "usr_2", Role.MEMBER, LATER)
        await tx.members.remove("ws_1", "usr_2")
        assert await tx.members.get("ws_1", "usr_2") is None
        assert await tx.members.get("ws_2", "usr_2") is not None


async def test_a_user_who_is_removed_is_no_member_anywhere(peopled: Database) -> None:
    async with peopled.write() as tx:
        await tx.members.add("ws_1", "usr_2", Role.MEMBER, LATER + timedelta(days=1))
        await tx.users.remove("usr_2")
        assert await tx.members.count("ws_1") == 1
        assert await tx.workspaces.get("ws_2") is None

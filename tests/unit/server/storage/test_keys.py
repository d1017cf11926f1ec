"""Gateway keys are found by hash with their user's plan, and listed by workspace."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from server.chat.principal import Plan, Role
from server.storage.database import Database
from server.storage.keys import GatewayKey, KeyHolder

NOW = datetime(2026, 1, 11, tzinfo=UTC)
KEY = GatewayKey(
    "key_1",
    "ws_1",
    "usr_1",
    "gw_abc12...",
    "wxyz",
    b"\x01" * 32,
    "Production",
    None,
    ("gpt-4o", "openai/o3"),
    False,
    NOW,
)


async def test_a_key_is_found_by_its_hash_with_the_plan_of_its_user(peopled: Database) -> None:
    async with peopled.write() as tx:
        await tx.keys.add(KEY)
        await tx.users.set_plan("usr_1", Plan.PRO)
    async with peopled.read() as tx:
        assert await tx.keys.by_hash(KEY.key_hash) == KeyHolder(KEY, Plan.PRO, False, Role.OWNER)
        assert await tx.keys.by_hash(b"\x02" * 32) is None


async def test_a_list_is_newest_first_and_leaves_out_the_revoked(peopled: Database) -> None:
    keys = [
        replace(KEY, id=f"key_{number}", key_hash=bytes([number]) * 32, created_at=NOW + timedelta(seconds=number))
        for number in range(1, 4)
    ]
    async with peopled.write() as tx:
        for key in keys:
            await tx.keys.add(key)
        await tx.keys.set_revoked("key_2", is_revoked=True)
        assert [key.id for key in await tx.keys.of_workspace("ws_1")] == ["key_3", "key_1"]
        assert await tx.keys.of_workspace("ws_2") == ()


async def test_a_key_of_another_workspace_is_not_there(peopled: Database) -> None:
    async with peopled.write() as tx:
        await tx.keys.add(KEY)
        assert await tx.keys.get("ws_1", "key_1") == KEY
        assert await tx.keys.get("ws_2", "key_1") is None


async def test_a_key_of_one_who_is_no_member_has_no_role(peopled: Database) -> None:
    async with peopled.write() as tx:
        await tx.keys.add(replace(KEY, created_by="usr_2"))
        assert await tx.keys.by_hash(KEY.key_hash) == KeyHolder(
            replace(KEY, created_by="usr_2"), Plan.FREE, False, None
        )


async def test_keys_are_changed_counted_and_revoked_by_who_made_them(peopled: Database) -> None:
    async with peopled.write() as tx:
        await tx.keys.add(KEY)
        await tx.keys.add(replace(KEY, id="key_2", key_hash=b"2" * 32, created_by="usr_2"))
        await tx.keys.change("key_1", tokens_per_day=5, replaced_by="key_2")
        await tx.keys.change("key_1")
        assert await tx.keys.get("ws_1", "key_1") == replace(KEY, tokens_per_day=5, replaced_by="key_2")
        assert await tx.keys.count("ws_1") == 2
        await tx.keys.revoke_of("ws_1", "usr_2")
        assert [key.id for key in await tx.keys.of_workspace("ws_1")] == ["key_1"]
        assert await tx.keys.count("ws_1") == 1


async def test_uses_are_noted_for_many_keys_at_once(peopled: Database) -> None:
    async with peopled.write() as tx:
        await tx.keys.add(KEY)
        await tx.keys.set_last_used([("key_1", NOW), ("key_gone", NOW)])
        await tx.keys.set_last_used([])
        assert await tx.keys.get("ws_1", "key_1") == replace(KEY, last_used_at=NOW)


def test_the_hash_does_not_show_in_a_repr() -> None:
    assert "\\x01" not in repr(KEY)

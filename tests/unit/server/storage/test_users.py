"""Users are found by id and by e-mail in any case, and an e-mail is taken once."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from server.chat.principal import Plan
from server.errors import AlreadyExists
from server.storage.database import Database
from server.storage.users import User

NOW = datetime(2026, 1, 11, 12, 0, 0, 123456, tzinfo=UTC)
USER = User("usr_9", "Ana@Example.com", "$argon2id$secret", "Ana", Plan.PRO, False, NOW, NOW)


async def test_a_user_comes_back_as_it_was(database: Database) -> None:
    async with database.write() as tx:
        await tx.users.add(USER)
        assert await tx.users.count() == 1
        assert await tx.users.get("usr_9") == USER
        assert await tx.users.get("usr_8") is None


@pytest.mark.parametrize("email", ["Ana@Example.com", "ana@example.com", "ANA@EXAMPLE.COM"])
async def test_an_email_is_found_and_taken_in_any_case(database: Database, email: str) -> None:
    async with database.write() as tx:
        await tx.users.add(USER)
    async with database.read() as tx:
        assert await tx.users.by_email(email) == USER
    with pytest.raises(AlreadyExists) as raised:
        async with database.write() as tx:
            await tx.users.add(replace(USER, id="usr_10", email=email))
    assert raised.value.param == "email"
    assert "secret" not in str(raised.value.__cause__)


async def test_each_change_touches_its_field_alone(database: Database) -> None:
    later = datetime(2026, 2, 1, tzinfo=UTC)
    async with database.write() as tx:
        await tx.users.add(USER)
        await tx.users.set_password_hash("usr_9", "another hash", "never kept")
        await tx.users.set_password_hash("usr_9", USER.password_hash, "new")
        await tx.users.set_plan("usr_9", Plan.ENTERPRISE)
        await tx.users.set_disabled("usr_9", is_disabled=True)
        await tx.users.revoke_tokens("usr_9", later)
        changed = await tx.users.get("usr_9")
    assert changed == replace(
        USER, password_hash="new", plan=Plan.ENTERPRISE, is_disabled=True, tokens_valid_after=later
    )


def test_the_hash_does_not_show_in_a_repr() -> None:
    assert "argon2" not in repr(USER)


async def test_another_password_voids_the_tokens_of_before(peopled: Database) -> None:
    moment = datetime(2026, 2, 1, tzinfo=UTC)
    async with peopled.write() as tx:
        await tx.users.change_password("usr_1", "other hash", moment)
        changed = await tx.users.get("usr_1")
    assert changed is not None
    assert (changed.password_hash, changed.tokens_valid_after) == ("other hash", moment)


async def test_users_are_paged_by_age(peopled: Database) -> None:
    async with peopled.read() as tx:
        assert [user.id for user in await tx.users.all("", 1)] == ["usr_1"]
        assert [user.id for user in await tx.users.all("usr_1", 5)] == ["usr_2"]

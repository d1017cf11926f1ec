"""The database's door: what leaves it when the database is away, and what a transaction is."""

import asyncio
import sqlite3
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from server.chat.principal import Plan
from server.errors import StoreUnavailable
from server.storage.backend import StoreBounds
from server.storage.database import Database
from server.storage.users import User

BOUNDS = StoreBounds(answer_s=30.0)
NOW = datetime(2026, 1, 11, tzinfo=UTC)
USER = User("usr_1", "a@example.com", "hash", "A", Plan.FREE, False, NOW, NOW)


async def test_a_transaction_that_fails_leaves_nothing(database: Database) -> None:
    async def fail() -> None:
        async with database.write() as tx:
            await tx.users.add(USER)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail()
    async with database.read() as tx:
        assert not await tx.users.exist()


async def test_what_was_written_is_there_after_a_restart(url: str) -> None:
    database = await Database.open(url, BOUNDS)
    async with database.write() as tx:
        await tx.users.add(USER)
    await database.close()
    database = await Database.open(url, BOUNDS)
    async with database.read() as tx:
        assert await tx.users.get("usr_1") == USER
    await database.close()


async def test_only_a_database_on_a_server_has_other_writers(database: Database, url: str) -> None:
    assert database.is_shared == url.startswith("postgres")


async def test_a_database_that_is_locked_by_another_program_is_unavailable(tmp_path: Path) -> None:
    database = await Database.open(f"sqlite:///{tmp_path}/perpetuo.db", StoreBounds(answer_s=0.5))
    other = sqlite3.connect(tmp_path / "perpetuo.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreUnavailable) as raised:
        async with database.write() as tx:
            await tx.users.add(USER)
    other.close()
    assert raised.value.retry_after_s == 1.0
    async with database.write() as tx:
        await tx.users.add(USER)
    await database.close()


async def test_an_append_commits_too_and_fails_whole(database: Database) -> None:
    async def fail() -> None:
        async with database.append() as tx:
            await tx.users.add(replace(USER, id="usr_2", email="b@example.com"))
            raise ZeroDivisionError

    async with database.append() as tx:
        await tx.users.add(USER)
    with pytest.raises(ZeroDivisionError):
        await fail()
    async with database.read() as tx:
        assert [user.id for user in await tx.users.all("", 10)] == ["usr_1"]


async def test_several_that_start_at_once_migrate_once(postgres_url: str) -> None:
    replicas = await asyncio.gather(*(Database.open(postgres_url, BOUNDS) for _ in range(4)))
    for replica in replicas:
        await replica.check()
        await replica.close()


async def test_reading_goes_on_while_something_else_writes(database: Database) -> None:
    async with database.write() as writing:
        await writing.users.add(USER)
        async with database.read() as reading:
            assert not await reading.users.exist()
    async with database.read() as reading:
        assert await reading.users.exist()


async def test_the_check_passes_on_an_open_database(database: Database) -> None:
    await database.check()

"""A real database file for every test, and one that has a user and a workspace in it."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from server.chat.principal import Plan
from server.storage.database import Database
from server.storage.users import User
from server.storage.workspaces import Workspace

NOW = datetime(2026, 1, 11, tzinfo=UTC)


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    opened = await Database.open(f"sqlite:///{tmp_path}/perpetuo.db", busy_timeout_ms=50)
    yield opened
    await opened.close()


@pytest.fixture
async def peopled(database: Database) -> Database:
    """`usr_1` owns `ws_1`, `usr_2` owns `ws_2`, both their default."""
    async with database.write() as tx:
        for number in (1, 2):
            email = f"user{number}@example.com"
            user = User(f"usr_{number}", email, "hash", "Name", Plan.FREE, False, NOW, NOW)
            await tx.users.add(user)
            workspace = Workspace(f"ws_{number}", user.id, "My Workspace", "default", True, NOW)
            await tx.workspaces.add(workspace)
    return database

"""A real database file for every test."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from server.storage.backend import StoreBounds
from server.storage.database import Database


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    opened = await Database.open(f"sqlite:///{tmp_path}/perpetuo.db", StoreBounds(answer_s=0.02))
    yield opened
    await opened.close()

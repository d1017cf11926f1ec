"""A real database for every test, on each engine, and one that has a user and a workspace in it."""

from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import Engine, create_engine

from server.chat.principal import Plan
from server.storage.backend import StoreBounds
from server.storage.database import Database
from server.storage.migrate import upgrade
from server.storage.users import User
from server.storage.workspaces import Workspace
from tests.stores.postgres import PostgresServer

NOW = datetime(2026, 1, 11, tzinfo=UTC)
ENGINES = ("sqlite", "postgresql")
# Patient: what tests of a database that is away need is said there.
BOUNDS = StoreBounds(answer_s=30.0)


@pytest.fixture(scope="session")
def migrated(postgres: PostgresServer) -> str:
    """A PostgreSQL database at the head, to make copies of."""
    name = postgres.new_database()
    engine = create_engine(postgres.url(name).replace("postgresql:", "postgresql+psycopg:"))
    with engine.begin() as connection:
        upgrade(connection)
    engine.dispose()
    return name


@pytest.fixture(params=ENGINES)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """An URL of a database of one's own, on each engine: empty, or at the head."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/perpetuo.db"
        return
    postgres: PostgresServer = request.getfixturevalue("postgres")
    name = postgres.new_database(request.getfixturevalue("migrated"))
    yield postgres.url(name)
    postgres.drop_database(name)


@pytest.fixture
async def database(url: str) -> AsyncIterator[Database]:
    """An open database, on each engine."""
    opened = await Database.open(url, BOUNDS)
    yield opened
    await opened.close()


@pytest.fixture(params=ENGINES)
def plain_engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    """SQLAlchemy's engine on an empty database, on each engine."""
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path}/plain.db"
    else:
        url = request.getfixturevalue("postgres_url").replace("postgresql:", "postgresql+psycopg:")
    engine = create_engine(url)
    yield engine
    engine.dispose()


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

"""A real database file and real secrets for every test, and accounts over them."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from server.accounts.people import AccountPolicy, SignedUp
from server.accounts.secrets import Secrets
from server.accounts.service import Accounts
from server.storage.backend import StoreBounds
from server.storage.database import Database
from tests.unit.server.accounts.clock import Clock


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    opened = await Database.open(f"sqlite:///{tmp_path}/perpetuo.db", StoreBounds(answer_s=0.02))
    yield opened
    await opened.close()


@pytest.fixture
def secrets(tmp_path: Path) -> Secrets:
    return Secrets.load(tmp_path)


@pytest.fixture
async def accounts(database: Database, secrets: Secrets) -> AsyncIterator[Accounts]:
    made = Accounts(database, secrets, AccountPolicy())
    yield made
    await made.close()


@pytest.fixture
async def ana(accounts: Accounts) -> SignedUp:
    return await accounts.sign_up("ana@example.com", "secure123", "Ana", "gw")

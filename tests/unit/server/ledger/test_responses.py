"""Responses are kept for their workspace, as large and as plain as they may be."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from msgspec.structs import replace

from server.errors import ResourceNotFound
from server.ledger.responses import KeptResponses, NewResponse
from server.storage.database import Database

NEW = NewResponse("ws_1", "resp_1", b'[{"role":"user","content":"I am ann@example.com"}]', b'{"id":"resp_1"}')


@pytest_asyncio.fixture(loop_scope="session")
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    opened = await Database.open(f"sqlite:///{tmp_path}/perpetuo.db")
    yield opened
    await opened.close()


async def test_what_is_kept_comes_back_to_its_workspace_until_it_is_removed(database: Database) -> None:
    responses = KeptResponses(database, 1024)
    assert await responses.keep(NEW) == ""
    kept = await responses.get("ws_1", "resp_1")
    assert (kept.items, kept.response) == (NEW.items, NEW.response)
    with pytest.raises(ResourceNotFound) as foreign:
        await responses.get("ws_2", "resp_1")
    with pytest.raises(ResourceNotFound) as absent:
        await responses.get("ws_1", "resp_2")
    assert foreign.value.message == absent.value.message
    with pytest.raises(ResourceNotFound):
        await responses.remove("ws_2", "resp_1")
    await responses.remove("ws_1", "resp_1")
    with pytest.raises(ResourceNotFound):
        await responses.get("ws_1", "resp_1")


async def test_what_looks_like_personal_data_is_left_out_where_it_must_be(database: Database) -> None:
    responses = KeptResponses(database, 1024)
    await responses.keep(replace(NEW, is_redacted=True))
    assert (await responses.get("ws_1", "resp_1")).items == b'[{"role":"user","content":"I am [email]"}]'


async def test_one_that_is_too_large_is_not_kept(database: Database) -> None:
    responses = KeptResponses(database, 1024)
    assert "1 KiB" in await responses.keep(replace(NEW, response=b"x" * 1000))
    with pytest.raises(ResourceNotFound):
        await responses.get("ws_1", "resp_1")


async def test_a_database_that_is_away_is_told(database: Database) -> None:
    responses = KeptResponses(database, 1024)
    await database.close()
    assert "database" in await responses.keep(NEW)

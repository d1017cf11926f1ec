"""Removal takes what it should, so much at a time, and leaves everything else."""

from datetime import timedelta

import pytest
from msgspec.structs import replace
from sqlalchemy import func, select

from server.storage.contents import KeptContent, packed
from server.storage.database import Database
from server.storage.tables import ATTEMPTS, METADATA, OPERATIONS, USAGE_MINUTES
from tests.unit.server.storage.random_records import END, only_of, records

MADE = records(51, 120, days=4)
MINE = [record for record in MADE if record.workspace_id == "ws_1"]
MIDNIGHT = END.replace(hour=0, minute=0, second=0, microsecond=0)


@pytest.fixture
async def filled(peopled: Database) -> Database:
    async with peopled.append() as tx:
        await tx.operations.add_many(MADE, "prices/1")
    return peopled


async def count(database: Database, table: str, workspace_id: str | None = None) -> int:
    """How many rows a table has, all or those of a workspace."""
    rows = METADATA.tables[table]
    query = select(func.count()).select_from(rows)
    if workspace_id is not None:
        query = query.where(rows.c.workspace_id == workspace_id)
    async with database.read() as tx:
        found: int = (await tx.expiry._connection.execute(query)).scalar_one()
        return found


async def test_old_operations_go_with_their_attempts_and_sums_stay(filled: Database) -> None:
    old = [record for record in MINE if record.created_at < MIDNIGHT]
    days = await count(filled, "usage_days")
    removed: list[int] = []
    while not removed or removed[-1]:
        async with filled.append() as tx:
            removed.append(await tx.expiry.remove_operations("ws_1", MIDNIGHT, 10))
    assert sum(removed) == len(old) > 20
    assert set(removed[:-2]) == {10}
    assert await count(filled, "operations") == len(MADE) - len(old)
    gone = {record.request_id for record in old}
    alone = [replace(record, attempts=(only_of(record),)) for record in MADE if record.attempts]
    left = sum(len(record.attempts) for record in MADE if record.request_id not in gone and record not in alone)
    assert await count(filled, "attempts") == left
    assert await count(filled, "usage_days") == days


async def test_operations_of_users_who_are_gone(filled: Database) -> None:
    orphans = [replace(record, request_id=f"{record.request_id}x", user_id="usr_gone") for record in MINE[:7]]
    async with filled.append() as tx:
        await tx.operations.add_many(orphans, "prices/1")
        assert await tx.expiry.remove_operations_of_nobody("ws_1", 5) == 5
        assert await tx.expiry.remove_operations_of_nobody("ws_1", 5) == 2
        assert await tx.expiry.remove_operations_of_nobody("ws_1", 5) == 0
    assert await count(filled, "operations") == len(MADE)


async def test_sums_by_minute_go_hour_by_hour(filled: Database) -> None:
    before = END - timedelta(days=1)
    async with filled.read() as tx:
        starts = (await tx.expiry._connection.execute(select(USAGE_MINUTES.c.start_us))).scalars().all()
    cut_us = int(before.replace(minute=0, second=0, microsecond=0).timestamp() * 1_000_000)
    rounds = 0
    for workspace_id in ("ws_1", "ws_2"):
        removed = -1
        while removed:
            async with filled.append() as tx:
                removed = await tx.expiry.remove_minutes(workspace_id, before)
            rounds += 1
    assert await count(filled, "usage_minutes") == sum(start >= cut_us for start in starts) < len(starts)
    assert rounds > 4
    assert await count(filled, "operations") == len(MADE)


async def test_what_is_recorded_of_workspaces_that_are_gone_is_found(filled: Database) -> None:
    moment = END - timedelta(days=1)
    async with filled.append() as tx:
        await tx.operations.add_many([replace(MINE[0], request_id="req_gone", workspace_id="ws_gone")], "prices/1")
        await tx.contents.add_many([packed(KeptContent("req_said", "ws_said", moment, b"{}", b""))])
    async with filled.read() as tx:
        known = await tx.expiry.workspaces()
        assert known == ("ws_1", "ws_2", "ws_gone", "ws_said")
        assert await tx.expiry.gone(known) == ("ws_gone", "ws_said")
        assert await tx.expiry.gone(()) == ()
        assert await tx.expiry.has_operations("ws_gone")
        assert not await tx.expiry.has_operations("ws_said")


async def test_all_sums_of_a_workspace_go_at_once(filled: Database) -> None:
    tables = [name for name in METADATA.tables if name.partition("_")[0] in {"usage", "call", "latency"}]
    assert len(tables) == 7
    others = [await count(filled, table, "ws_2") for table in tables]
    async with filled.append() as tx:
        assert await tx.expiry.remove_sums("ws_1") > 100
        assert await tx.expiry.remove_sums("ws_1") == 0
    assert [await count(filled, table, "ws_1") for table in tables] == [0] * 7
    assert [await count(filled, table, "ws_2") for table in tables] == others
    assert min(others) > 0
    assert await count(filled, OPERATIONS.name) == len(MADE)
    assert await count(filled, ATTEMPTS.name) > 0

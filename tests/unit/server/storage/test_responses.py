"""Kept responses by workspace, and their removal some at a time, on each engine."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from server.storage.database import Database
from server.storage.responses import KeptResponse, packed_response

NOW = datetime(2026, 1, 11, tzinfo=UTC)
KEPT = KeptResponse("ws_1", "resp_1", NOW, b'[{"content":"\\u0000 \xc3\xa4"}]' * 50, b'{"id":"resp_1"}' * 50)


async def add(database: Database, *many: KeptResponse) -> None:
    async with database.append() as tx:
        for kept in many:
            await tx.responses.add(packed_response(kept))


async def left(database: Database, *ids: str, workspace_id: str = "ws_1") -> list[str]:
    async with database.read() as tx:
        return [each for each in ids if await tx.responses.get(workspace_id, each) is not None]


def test_a_row_is_smaller_than_what_it_holds_and_knows_its_size() -> None:
    row = packed_response(KEPT)
    assert row["size_bytes"] == len(row["items"]) + len(row["response"]) < len(KEPT.items)


async def test_what_is_kept_comes_back_to_its_workspace_only(database: Database) -> None:
    await add(database, KEPT)
    async with database.read() as tx:
        assert await tx.responses.get("ws_1", "resp_1") == KEPT
        assert await tx.responses.get("ws_2", "resp_1") is None
        assert await tx.responses.get("ws_1", "resp_2") is None
        assert await tx.responses.get("ws_1", "resp_1\x00") is None


async def test_two_workspaces_may_have_one_id_and_what_is_there_stays(database: Database) -> None:
    other = replace(KEPT, workspace_id="ws_2", response=b"{}")
    await add(database, KEPT, other, replace(KEPT, response=b"changed"))
    async with database.read() as tx:
        assert await tx.responses.get("ws_1", "resp_1") == KEPT
        assert await tx.responses.get("ws_2", "resp_1") == other


async def test_one_is_removed_by_its_workspace_only(database: Database) -> None:
    await add(database, KEPT)
    async with database.write() as tx:
        assert await tx.responses.remove("ws_2", "resp_1") is False
        assert await tx.responses.remove("ws_1", "resp_1") is True
        assert await tx.responses.remove("ws_1", "resp_1") is False


async def test_the_oldest_go_some_at_a_time(database: Database) -> None:
    hour = timedelta(hours=1)
    many = [replace(KEPT, response_id=f"resp_{9 - age}", created_at=NOW - age * hour) for age in range(10)]
    await add(database, *many)
    counts: list[int] = []
    while not counts or counts[-1]:
        async with database.append() as tx:
            counts.append(await tx.responses.remove_before(NOW - 4 * hour, 2))
    assert counts == [2, 2, 1, 0]
    assert await left(database, *(each.response_id for each in many)) == [f"resp_{9 - age}" for age in range(5)]


async def test_a_workspace_is_cleared_some_at_a_time(database: Database) -> None:
    await add(database, *(replace(KEPT, response_id=f"resp_{number}") for number in range(5)))
    await add(database, replace(KEPT, workspace_id="ws_2"))
    async with database.append() as tx:
        assert [await tx.responses.remove_of("ws_1", 3) for _ in range(3)] == [3, 2, 0]
    assert await left(database, "resp_1", workspace_id="ws_2") == ["resp_1"]


async def test_a_workspace_that_has_too_much_loses_its_oldest(database: Database) -> None:
    await add(database, *(replace(KEPT, response_id=f"resp_{number}") for number in range(5)))
    await add(database, replace(KEPT, workspace_id="ws_2"))
    each_bytes = packed_response(KEPT)["size_bytes"]
    async with database.append() as tx:
        assert await tx.responses.shares(3 * each_bytes) == {"ws_1": 5 * each_bytes}
        assert await tx.responses.shares(5 * each_bytes) == {}
        assert await tx.responses.remove_bytes("ws_1", each_bytes + 1, 10) == 2
        assert await tx.responses.remove_bytes("ws_1", 3 * each_bytes, 1) == 1
    assert await left(database, *(f"resp_{number}" for number in range(5))) == ["resp_3", "resp_4"]

"""Prompts and answers come back as they were, are never doubled, and go when they are told to."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from server.storage.contents import KeptContent, packed
from server.storage.database import Database

NOW = datetime(2026, 1, 28, 14, tzinfo=UTC)
CONTENT = KeptContent("req_1", "ws_1", NOW, b'{"a":"\xc3\xa9"}' * 100, b'{"b":1}', is_cut=True, is_redacted=True)


@pytest.mark.parametrize(
    "content",
    [CONTENT, replace(CONTENT, answer=b"", is_cut=False, is_redacted=False), replace(CONTENT, request=b"\x00\xff")],
    ids=["marked", "without an answer", "no text at all"],
)
async def test_what_was_said_comes_back_as_it_was(database: Database, content: KeptContent) -> None:
    async with database.append() as tx:
        await tx.contents.add_many([packed(content)])
    async with database.read() as tx:
        assert await tx.contents.get("ws_1", "req_1") == content
        assert await tx.contents.get("ws_2", "req_1") is None
        assert await tx.contents.get("ws_1", "req_2") is None


async def test_it_is_kept_compressed_and_shows_in_no_log() -> None:
    assert len(packed(CONTENT)[3]) < len(CONTENT.request) / 5
    assert "é" not in repr(CONTENT)


async def test_what_is_there_stays(database: Database) -> None:
    async with database.append() as tx:
        await tx.contents.add_many([packed(CONTENT)])
        await tx.contents.add_many(
            [packed(replace(CONTENT, answer=b"other")), packed(replace(CONTENT, request_id="req_2"))]
        )
    async with database.read() as tx:
        assert await tx.contents.get("ws_1", "req_1") == CONTENT
        assert await tx.contents.get("ws_1", "req_2") is not None


async def test_the_oldest_go_some_at_a_time(database: Database) -> None:
    hour = timedelta(hours=1)
    async with database.append() as tx:
        await tx.contents.add_many(
            [packed(replace(CONTENT, request_id=f"req_{age}", created_at=NOW - age * hour)) for age in range(10)]
        )
    counts: list[int] = []
    while not counts or counts[-1]:
        async with database.append() as tx:
            counts.append(await tx.contents.remove_before(NOW - 4 * hour, 2))
    assert counts == [2, 2, 1, 0]
    async with database.read() as tx:
        left = [age for age in range(10) if await tx.contents.get("ws_1", f"req_{age}") is not None]
    assert left == [0, 1, 2, 3, 4]


async def test_a_workspace_is_cleared_some_at_a_time(database: Database) -> None:
    async with database.append() as tx:
        await tx.contents.add_many([packed(replace(CONTENT, request_id=f"req_{number}")) for number in range(5)])
        await tx.contents.add_many([packed(replace(CONTENT, request_id="req_other", workspace_id="ws_2"))])
    async with database.append() as tx:
        assert [await tx.contents.remove_of("ws_1", 3) for _ in range(3)] == [3, 2, 0]
    async with database.read() as tx:
        assert await tx.contents.get("ws_2", "req_other") is not None

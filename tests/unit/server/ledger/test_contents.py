"""What was said is written as it was, never holds anything up, and is the first to be given up."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Sequence

import pytest
from msgspec.structs import replace

from server.chat.content import ContentPolicy
from server.errors import StoreUnavailable
from server.ledger.contents import BATCH_ROWS, ContentBounds, ContentWriter, NoContent
from server.providers.pieces import answer_so_far
from server.storage.contents import Contents, KeptContent, Packed
from server.storage.database import Database
from tests.unit.server.storage.random_records import records

RECORD = replace(records(61, 1, workspaces=("ws_1",))[0], request_id="req_1", is_stream=False)
REQUEST = b'{"messages":[{"role":"user","content":"I am ann@example.com"}]}'
ANSWER = b'{"choices":[{"message":{"content":"Hello ann@example.com"}}]}'
CHUNKS = [
    b'{"id":"c","choices":[{"index":0,"delta":{"role":"assistant","content":"Hel"}}]}',
    b'{"id":"c","choices":[{"index":0,"delta":{"content":"lo"}}]}',
    b'{"id":"c","choices":[{"index":0,"delta":{},"finish_reason":"stop"}],"gateway_metadata":{}}',
]


def writer_of(database: Database, bounds: ContentBounds | None = None) -> ContentWriter:
    return ContentWriter(database, bounds or ContentBounds(1000), answer_so_far)


@pytest.fixture
async def writer(database: Database) -> AsyncIterator[ContentWriter]:
    made = writer_of(database)
    yield made
    await made.close()


def say(writer: ContentWriter, policy: ContentPolicy = "full", request_id: str = "req_1") -> None:
    """One request and its answer."""
    content = writer.begin(policy, REQUEST)
    assert content is not None
    content.add([ANSWER])
    writer.keep(replace(RECORD, request_id=request_id), content)


async def kept(database: Database, request_id: str = "req_1") -> KeptContent | None:
    async with database.read() as tx:
        return await tx.contents.get("ws_1", request_id)


@pytest.mark.parametrize("policy", ["off", "metadata"])
async def test_nothing_is_held_for_a_workspace_that_wants_nothing(writer: ContentWriter, policy: ContentPolicy) -> None:
    assert writer.begin(policy, REQUEST) is None


async def test_all_of_it_is_kept_in_full(writer: ContentWriter, database: Database) -> None:
    say(writer, "full")
    await writer.flush()
    found = await kept(database)
    assert found == KeptContent("req_1", "ws_1", RECORD.created_at, REQUEST, ANSWER)
    assert (writer.written_count, writer.dropped_count, writer.waiting_bytes) == (1, 0, 0)


async def test_personal_data_is_not_kept_where_it_is_to_be_taken_out(writer: ContentWriter, database: Database) -> None:
    say(writer, "redacted")
    await writer.flush()
    found = await kept(database)
    assert found is not None
    assert found.is_redacted
    assert json.loads(found.request) == {"messages": [{"role": "user", "content": "I am [email]"}]}
    assert json.loads(found.answer) == {"choices": [{"message": {"content": "Hello [email]"}}]}


@pytest.mark.parametrize(
    ("pieces", "text", "finish"),
    [(CHUNKS, "Hello", "stop"), (CHUNKS[:2], "Hello", None), ([], "", None)],
    ids=["a whole stream", "a broken one", "one that never began"],
)
async def test_a_stream_is_kept_in_one_piece(
    writer: ContentWriter, database: Database, pieces: Sequence[bytes], text: str, finish: str | None
) -> None:
    content = writer.begin("full", REQUEST)
    assert content is not None
    content.add(pieces)
    writer.keep(replace(RECORD, is_stream=True), content)
    await writer.flush()
    found = await kept(database)
    assert found is not None
    if not pieces:
        assert found.answer == b""
        return
    [choice] = json.loads(found.answer)["choices"]
    assert (choice["message"]["content"], choice["finish_reason"]) == (text, finish)


async def test_what_is_too_long_is_cut_and_says_so(database: Database) -> None:
    writer = writer_of(database, ContentBounds(100))
    content = writer.begin("full", REQUEST * 10)
    assert content is not None
    content.add(CHUNKS)
    writer.keep(replace(RECORD, is_stream=True), content)
    await writer.close()
    found = await kept(database)
    assert found is not None
    assert (found.is_cut, len(found.request)) == (True, 100)
    assert json.loads(found.answer)["choices"][0]["message"]["content"] == "Hel"


async def test_more_than_may_wait_is_dropped_counted_and_logged_once(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    writer = writer_of(database, ContentBounds(1000, waiting_bytes=3 * (len(REQUEST) + len(ANSWER))))
    with caplog.at_level(logging.ERROR):
        for number in range(10):
            say(writer, request_id=f"req_{number}")
    assert writer.dropped_count == 7
    assert len([record for record in caplog.records if record.levelno == logging.ERROR]) == 1
    assert "ann@example.com" not in caplog.text
    await writer.close()
    assert [await kept(database, f"req_{number}") is not None for number in range(10)] == [True] * 3 + [False] * 7
    assert (writer.written_count, writer.waiting_bytes) == (3, 0)


async def test_many_are_written_in_batches(writer: ContentWriter, database: Database) -> None:
    count = BATCH_ROWS * 2 + 5
    for number in range(count):
        say(writer, request_id=f"req_{number}")
    await writer.flush()
    assert writer.written_count == count
    assert await kept(database, f"req_{count - 1}") is not None


async def test_a_database_that_is_away_is_waited_for(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    add_many, tries = Contents.add_many, 0

    async def fail_twice(self: Contents, rows: Sequence[Packed]) -> None:
        nonlocal tries
        tries += 1
        if tries <= 2:
            raise StoreUnavailable("away")
        await add_many(self, rows)

    monkeypatch.setattr(Contents, "add_many", fail_twice)
    monkeypatch.setattr("server.ledger.contents._FIRST_PAUSE_S", 0.001)
    writer = writer_of(database)
    say(writer)
    async with asyncio.timeout(60):
        await writer.flush()
    assert (tries, await kept(database) is not None) == (3, True)
    await writer.close()


async def test_what_cannot_be_written_holds_up_nothing(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(pieces: Sequence[bytes]) -> bytes:
        raise ZeroDivisionError

    writer = ContentWriter(database, ContentBounds(1000), fail)
    content = writer.begin("full", REQUEST)
    assert content is not None
    content.add(CHUNKS)
    writer.keep(replace(RECORD, is_stream=True), content)
    await writer.flush()
    assert (writer.dropped_count, writer.written_count) == (1, 0)
    say(writer, request_id="req_2")
    await writer.close()
    assert await kept(database, "req_2") is not None


async def test_a_closed_writer_takes_nothing(database: Database) -> None:
    writer = writer_of(database)
    await writer.close()
    await writer.close()
    say(writer)
    assert (writer.dropped_count, await kept(database)) == (1, None)


def test_who_keeps_nothing_keeps_nothing() -> None:
    nobody = NoContent()
    assert nobody.begin("full", REQUEST) is None

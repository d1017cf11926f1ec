"""A page through the roll-ups is the page that reading all rows would give, wherever it lies."""

import itertools
from collections.abc import Sequence
from datetime import datetime, timedelta

import pytest
from sqlalchemy import event
from sqlalchemy.engine import Engine

from server.chat.records import OperationRecord
from server.storage import seeking
from server.storage.database import Database
from server.storage.operations import NO_MINUTES
from server.storage.seeking import Span, joined, trimmed
from server.storage.selection import OperationFilter
from server.storage.spans import Grain
from tests.unit.server.storage.random_records import END, records, shown_model

RECORDS = records(7, 3000, days=5)
HOUR = timedelta(hours=1)


def agreeing(only: OperationFilter) -> list[OperationRecord]:
    """What agrees, by looking at every record, newest first."""
    found = [record for record in RECORDS if record.workspace_id == "ws_1" and agrees(record, only)]
    return sorted(found, key=lambda record: (record.created_at, record.request_id), reverse=True)


def agrees(record: OperationRecord, only: OperationFilter) -> bool:
    return (
        only.provider in {None, record.provider}
        and only.model in {None, shown_model(record)}
        and only.status in {None, record.status}
        and only.is_ok in {None, record.outcome == "ok"}
        and only.key_id in {None, record.key_id}
        and (only.start is None or record.created_at >= only.start)
        and (only.end is None or record.created_at < only.end)
    )


@pytest.fixture
async def filled(database: Database, monkeypatch: pytest.MonkeyPatch) -> Database:
    # So few rows are no crowd otherwise, and minutes would never be looked at.
    monkeypatch.setattr(seeking, "_CROWDED_ROWS", 20)
    for start in range(0, len(RECORDS), 500):
        async with database.append() as tx:
            await tx.operations.add_many(RECORDS[start : start + 500], "prices/1")
    return database


FILTERS = {
    "everything": OperationFilter(),
    "failures": OperationFilter(is_ok=False),
    "a provider and a key": OperationFilter(provider="groq", key_id="key_1"),
    "a model that answered or was asked for": OperationFilter(model="llama"),
    "what agrees with nothing": OperationFilter(provider="groq", model="gpt-4o"),
    "little, from the middle of an hour to the middle of another": OperationFilter(
        status=504, start=END - timedelta(days=3, minutes=17), end=END - timedelta(hours=5, seconds=1)
    ),
    "everything of less than a minute": OperationFilter(start=END - timedelta(seconds=40)),
    "nothing, as the end is the start": OperationFilter(status=200, start=END - HOUR, end=END - HOUR),
}


@pytest.mark.parametrize("minutes_from", [NO_MINUTES, END - 48 * HOUR], ids=["without minutes", "with minutes"])
@pytest.mark.parametrize("only", FILTERS.values(), ids=FILTERS)
async def test_pages_by_number_and_pages_that_go_on_are_what_all_rows_give(
    filled: Database, only: OperationFilter, minutes_from: datetime
) -> None:
    expected = [record.request_id for record in agreeing(only)]
    async with filled.read() as tx:
        for skip, limit in [(0, 7), (0, 5000), (1, 50), (333, 50), (len(expected) - 3, 50), (len(expected), 5)]:
            found = await tx.operations.recent("ws_1", limit, only=only, skip=max(skip, 0), minutes_from=minutes_from)
            assert [record.request_id for record in found] == expected[max(skip, 0) : max(skip, 0) + limit]
        seen: list[str] = []
        before = None
        while page := await tx.operations.recent("ws_1", 170, before, only=only, minutes_from=minutes_from):
            seen += [record.request_id for record in page]
            before = page[-1].created_at, page[-1].request_id
        assert seen == expected
        exported = await tx.operations.export("ws_1", 5000, only=only, minutes_from=minutes_from)
        assert [row[1] for row in exported] == expected


async def test_what_agrees_with_nothing_looks_at_no_row(filled: Database) -> None:
    statements: list[str] = []

    def note(connection: object, cursor: object, statement: str, *rest: object) -> None:
        statements.append(statement)

    event.listen(Engine, "before_cursor_execute", note)
    try:
        async with filled.read() as tx:
            assert await tx.operations.recent("ws_1", 50, only=FILTERS["what agrees with nothing"]) == ()
    finally:
        event.remove(Engine, "before_cursor_execute", note)
    assert any("usage_days" in statement for statement in statements)
    assert not any("FROM operations WHERE workspace_id" in statement for statement in statements)


def spans(*agreeing: int | None) -> list[Span]:
    """Spans of a minute each, newest first."""
    return [Span(Grain.MINUTES, -place, 1 - place, count) for place, count in enumerate(agreeing)]


@pytest.mark.parametrize(
    ("counts", "skip", "limit", "kept", "left"),
    [
        ([5, 5, 5], 0, 5, [0], 0),
        ([5, 5, 5], 0, 6, [0, 1], 0),
        ([5, 5, 5], 5, 5, [1], 0),
        ([5, 5, 5], 7, 5, [1, 2], 2),
        ([5, 0, 5], 0, 9, [0, 2], 0),
        ([None, 5, 5], 0, 5, [0, 1], 0),
        ([5, 5], 99, 5, [], 89),
    ],
    ids=[
        "the first is enough",
        "one more is needed",
        "the first is passed over",
        "the page begins in the middle of one",
        "an empty one is left out",
        "one of which nothing is known is looked at",
        "there are not so many",
    ],
)
def test_only_the_spans_of_a_page_are_kept(
    counts: Sequence[int | None], skip: int, limit: int, kept: Sequence[int], left: int
) -> None:
    all_spans = spans(*counts)
    assert trimmed(all_spans, skip, limit) == ([all_spans[place] for place in kept], left)


def test_spans_that_follow_each_other_are_one() -> None:
    three = spans(1, 1, 1, 1)
    assert joined(itertools.chain(three[:2], three[3:])) == [(-1, 1), (-3, -2)]

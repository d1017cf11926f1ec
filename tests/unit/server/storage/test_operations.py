"""Request records: exact both ways, never doubled, newest first by pages."""

from datetime import datetime, timedelta

import pytest
from msgspec.structs import replace

from server.chat.rates import Used
from server.chat.records import OperationRecord
from server.chat.usage import Usage
from server.storage.database import Database
from server.storage.selection import OperationFilter
from tests.stores.records import FAILED, NOW, USAGE, answered
from tests.unit.server.storage.random_records import only_of

OPERATION = answered(cost_nanousd=2**40)
ALONE = replace(OPERATION, attempts=())


@pytest.mark.parametrize(
    "operation",
    [
        pytest.param(OPERATION, id="with attempts, usage and cost"),
        pytest.param(replace(OPERATION, usage=None, cost_nanousd=None, attempts=()), id="without any attempt"),
        pytest.param(replace(OPERATION, usage=Usage(), cost_nanousd=0), id="a zero is not an absence"),
        pytest.param(replace(OPERATION, cost_nanousd=2**62), id="a cost that no float could hold"),
        pytest.param(replace(OPERATION, is_cache_hit=True, cost_nanousd=0, saved_nanousd=7), id="a saved cost"),
        pytest.param(
            replace(OPERATION, model_requested="x'; DROP TABLE operations;--\\u0000é%s"), id="a hostile model name"
        ),
    ],
)
async def test_an_operation_comes_back_as_it_was(database: Database, operation: OperationRecord) -> None:
    async with database.write() as tx:
        await tx.operations.add_many([operation], "prices/1")
    async with database.read() as tx:
        assert await tx.operations.get("ws_1", "req_1") == operation
        assert await tx.operations.get("ws_2", "req_1") is None


@pytest.mark.parametrize("change", [pytest.param({}, id="alike"), pytest.param({"detail": "slow"}, id="with a row")])
@pytest.mark.parametrize(
    "operation", [pytest.param(ALONE, id="served"), pytest.param(replace(ALONE, outcome="CLIENT_GONE"), id="left")]
)
async def test_an_only_attempt_comes_back_as_it_was(
    database: Database, operation: OperationRecord, change: dict[str, str]
) -> None:
    operation = replace(operation, attempts=(replace(only_of(operation), **change),))
    async with database.write() as tx:
        await tx.operations.add_many([operation], "prices/1")
    async with database.read() as tx:
        assert await tx.operations.get("ws_1", "req_1") == operation
        rows = await tx._connection.exec_driver_sql("SELECT COUNT(*) FROM attempts")
        assert rows.scalar() == len(change)


async def test_a_nul_is_kept_as_a_replacement_character_on_every_database(database: Database) -> None:
    attempt, client_request_id = replace(FAILED, detail="\x00"), "a\x00b"
    dirty = replace(OPERATION, model_requested="\x00x", client_request_id=client_request_id, attempts=(attempt,))
    async with database.write() as tx:
        await tx.operations.add_many([dirty], "prices/1")
        found = await tx.operations.get("ws_1", "req_1")
    assert found is not None
    kept = found.model_requested, found.client_request_id, found.attempts[0].detail
    assert kept == ("\ufffdx", "a\ufffdb", "\ufffd")


async def test_a_replayed_batch_doubles_nothing(database: Database) -> None:
    changed = replace(OPERATION, status=500, attempts=(replace(FAILED, status=500),))
    async with database.write() as tx:
        await tx.operations.add_many([OPERATION], "prices/1")
        await tx.operations.add_many([changed, replace(OPERATION, request_id="req_2")], "prices/1")
    async with database.read() as tx:
        assert [found.request_id for found in await tx.operations.recent("ws_1", 10)] == ["req_2", "req_1"]
        assert await tx.operations.get("ws_1", "req_1") == OPERATION


async def test_a_users_dispatched_operations_of_a_span_are_counted(database: Database) -> None:
    minute = timedelta(minutes=1)
    operations = [
        OPERATION,
        replace(OPERATION, request_id="req_2", key_id="key_2", workspace_id="ws_2", outcome="UPSTREAM_TIMEOUT"),
        replace(OPERATION, request_id="req_refused", outcome="RATE_LIMITED", status=429, attempts=()),
        replace(OPERATION, request_id="req_shared", is_cache_hit=True, attempts=()),
        replace(ALONE, request_id="req_alone", attempts=(only_of(ALONE),)),
        replace(OPERATION, request_id="req_before", created_at=NOW - minute),
        replace(OPERATION, request_id="req_after", created_at=NOW + minute),
        replace(OPERATION, request_id="req_other", user_id="usr_2"),
    ]
    async with database.write() as tx:
        await tx.operations.add_many(operations, "prices/1")
    async with database.read() as tx:
        assert await tx.operations.count_dispatched("usr_1", NOW, NOW + minute) == 4
        assert await tx.operations.count_dispatched("usr_1", NOW - minute, NOW + 2 * minute) == 6
        assert await tx.operations.count_dispatched("usr_3", NOW, NOW + minute) == 0


async def test_what_limits_have_to_count_of_a_key_are_its_calls_and_the_tokens_that_they_took(
    database: Database,
) -> None:
    minute = timedelta(minutes=1)
    operations = [
        OPERATION,
        replace(OPERATION, request_id="req_2", key_id="key_2"),
        replace(OPERATION, request_id="req_shared", is_cache_hit=True, attempts=()),
        replace(OPERATION, request_id="req_refused", outcome="RATE_LIMITED", status=429, attempts=(), usage=None),
        replace(OPERATION, request_id="req_before", created_at=NOW - minute),
    ]
    async with database.write() as tx:
        await tx.operations.add_many(operations, "prices/1")
    tokens = USAGE.total_tokens
    async with database.read() as tx:
        assert await tx.operations.used("usr_1", "key_1", NOW, NOW + minute) == Used(2, tokens)
        assert await tx.operations.used("usr_1", "key_2", NOW, NOW + minute) == Used(1, tokens)
        assert await tx.operations.used("usr_1", None, NOW, NOW + minute) == Used(3)
        assert await tx.operations.used("usr_1", "key_3", NOW, NOW + minute) == Used()


async def test_pages_follow_each_other_without_gap_or_overlap(database: Database) -> None:
    operations = [
        replace(OPERATION, request_id=f"req_{number:02}", created_at=NOW + timedelta(seconds=number // 3))
        for number in range(20)
    ]
    async with database.write() as tx:
        await tx.operations.add_many(operations, "prices/1")
        await tx.operations.add_many([], "prices/1")
    seen: list[str] = []
    before: tuple[datetime, str] | None = None
    async with database.read() as tx:
        while page := await tx.operations.recent("ws_1", 6, before):
            seen += [found.request_id for found in page]
            before = page[-1].created_at, page[-1].request_id
    assert seen == [f"req_{number:02}" for number in reversed(range(20))]


SECOND = timedelta(seconds=1)
VARIED = [
    replace(OPERATION, request_id="req_0", created_at=NOW),
    replace(OPERATION, request_id="req_1", created_at=NOW + SECOND, provider="groq", model="llama"),
    replace(OPERATION, request_id="req_2", created_at=NOW + 2 * SECOND, key_id=None, outcome="CLIENT_GONE"),
    replace(
        OPERATION, request_id="req_3", created_at=NOW + 3 * SECOND, provider="", model="", model_requested="llama",
        status=429, outcome="RATE_LIMITED",
    ),
    replace(OPERATION, request_id="req_other", workspace_id="ws_2", created_at=NOW),
]  # fmt: skip
FILTERS = [
    ("nothing", OperationFilter(), "3210"),
    ("a provider", OperationFilter(provider="groq"), "1"),
    ("a model, by what answered or was asked for", OperationFilter(model="llama"), "31"),
    ("a model that something else answered", OperationFilter(model="auto"), ""),
    ("a status", OperationFilter(status=200), "210"),
    ("success", OperationFilter(is_ok=True), "10"),
    ("failure, broken streams included", OperationFilter(is_ok=False), "32"),
    ("a key", OperationFilter(key_id="key_1"), "310"),
    ("a start, included", OperationFilter(start=NOW + SECOND), "321"),
    ("an end, excluded", OperationFilter(end=NOW + 2 * SECOND), "10"),
    ("all of it", OperationFilter("groq", "llama", 200, True, "key_1", NOW, NOW + 5 * SECOND), "1"),
]


@pytest.mark.parametrize(("only", "found"), [case[1:] for case in FILTERS], ids=[case[0] for case in FILTERS])
async def test_a_filter_keeps_what_agrees_with_it(database: Database, only: OperationFilter, found: str) -> None:
    expected = [f"req_{number}" for number in found]
    async with database.write() as tx:
        await tx.operations.add_many(VARIED, "prices/1")
    async with database.read() as tx:
        assert [each.request_id for each in await tx.operations.recent("ws_1", 10, only=only)] == expected
        skipped = await tx.operations.recent("ws_1", 10, only=only, skip=1)
        assert [each.request_id for each in skipped] == expected[1:]
        rest = await tx.operations.recent("ws_1", 10, (NOW + 2 * SECOND, "req_2"), only=only)
        assert [each.request_id for each in rest] == [each for each in expected if each < "req_2"]

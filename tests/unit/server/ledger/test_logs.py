"""Reading the logs: pages that follow each other without gap, and nothing of another workspace."""

from datetime import UTC, datetime, timedelta

import pytest

from server.chat.records import AttemptRecord, OperationRecord
from server.errors import ResourceNotFound
from server.ledger.log_query import AskedLogs
from server.ledger.logs import Logs
from server.storage.contents import KeptContent, packed
from server.storage.database import Database

NOW = datetime(2026, 1, 28, 14, tzinfo=UTC)


def record(number: int, workspace_id: str = "ws_1") -> OperationRecord:
    moment = NOW + timedelta(seconds=number // 3)
    attempt = AttemptRecord(1, "prov_1", "openai", "gpt-4", "ok", 200, moment, 340)
    route = ("gpt-4", "gpt-4", "openai" if number % 2 else "groq", "prov_1", "default", "simple")
    return OperationRecord(
        f"req_{workspace_id}_{number:03}", workspace_id, "usr_1", None, "rest", None, *route, False, False, 200, "ok",
        None, None, 345, None, moment, attempts=(attempt,),
    )  # fmt: skip


@pytest.fixture
async def logs(database: Database) -> Logs:
    async with database.write() as tx:
        await tx.operations.add_many([record(number) for number in range(25)], "prices/1")
        await tx.operations.add_many([record(number, "ws_2") for number in range(25)], "prices/1")
    return Logs(database, ("openai", "groq"))


@pytest.mark.parametrize(("provider", "count"), [("", 25), ("openai", 12)], ids=["all", "one provider"])
async def test_tokens_lead_through_all_rows_once(logs: Logs, provider: str, count: int) -> None:
    seen: list[str] = []
    token, pages = "", 0
    while token or not pages:
        page = await logs.page("ws_1", AskedLogs(limit=4, provider=provider, page_token=token))
        seen += [each.request_id for each in page.records]
        token, pages = page.next_page_token, pages + 1
    assert len(seen) == count
    assert seen == sorted(set(seen), reverse=True)
    assert pages == -(-count // 4)


async def test_pages_by_number_are_the_same_rows(logs: Logs) -> None:
    third = await logs.page("ws_1", AskedLogs(limit=10, page=3))
    assert [each.request_id for each in third.records] == [f"req_ws_1_{number:03}" for number in range(4, -1, -1)]
    assert third.next_page_token == ""
    assert (await logs.page("ws_1", AskedLogs(limit=10, page=4))).records == ()


async def test_the_last_page_has_no_token_even_when_it_is_full(logs: Logs) -> None:
    assert (await logs.page("ws_1", AskedLogs(limit=25))).next_page_token == ""
    assert (await logs.page("ws_1", AskedLogs(limit=24))).next_page_token


async def test_a_token_shows_nothing_of_another_workspace(logs: Logs) -> None:
    token = (await logs.page("ws_1", AskedLogs(limit=10))).next_page_token
    page = await logs.page("ws_2", AskedLogs(limit=10, page_token=token))
    assert {each.workspace_id for each in page.records} == {"ws_2"}


async def test_one_record_comes_with_its_attempts(logs: Logs) -> None:
    assert await logs.get("ws_1", "req_ws_1_007") == (record(7), None)


async def test_one_record_comes_with_what_was_said(logs: Logs, database: Database) -> None:
    said = KeptContent("req_ws_1_007", "ws_1", NOW, b"{}", b"[]")
    async with database.append() as tx:
        await tx.contents.add_many([packed(said)])
    assert await logs.get("ws_1", "req_ws_1_007") == (record(7), said)


async def test_what_is_kept_no_more_is_not_shown(logs: Logs, database: Database) -> None:
    kept_from = NOW + timedelta(seconds=3)
    kept = Logs(database, ("openai", "groq"), lambda: kept_from)
    page = await kept.page("ws_1", AskedLogs(limit=10))
    rest = await kept.page("ws_1", AskedLogs(limit=10, page_token=page.next_page_token))
    assert [each.request_id for each in (*page.records, *rest.records)] == [
        f"req_ws_1_{number:03}" for number in range(24, 8, -1)
    ]
    assert (await kept.get("ws_1", "req_ws_1_009"))[0] == record(9)
    with pytest.raises(ResourceNotFound):
        await kept.get("ws_1", "req_ws_1_008")


@pytest.mark.parametrize("request_id", ["req_ws_2_007", "req_nope", "", "x' OR 1=1"], ids=str)
async def test_a_foreign_and_an_absent_record_look_the_same(logs: Logs, request_id: str) -> None:
    with pytest.raises(ResourceNotFound) as caught:
        await logs.get("ws_1", request_id)
    assert caught.value.message == "No request of that id is in the logs of this workspace."

"""The CSV file: every row once, every value exact, and nothing that a spreadsheet would run."""

import csv
import io
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from msgspec.structs import replace

from server.chat.records import OperationRecord
from server.chat.usage import Usage
from server.errors import RequestInvalid
from server.ledger.export import COLUMNS, Exports, file_name, guarded
from server.ledger.log_query import AskedLogs
from server.storage.database import Database
from server.storage.selection import EVERY_OPERATION, OperationFilter
from tests.unit.server.storage.random_records import records, shown_model

NOW = datetime(2026, 1, 28, 14, 0, 0, 5, tzinfo=UTC)


async def filled(database: Database, made: list[OperationRecord]) -> Exports:
    async with database.write() as tx:
        await tx.operations.add_many(made, "prices/1")
    return Exports(database, ("openai", "groq"), page_rows=40)


async def exported(exports: Exports, only: OperationFilter = EVERY_OPERATION) -> tuple[str, int]:
    """The file, and in how many pieces it came."""
    pieces = [piece async for piece in exports.pieces("ws_1", only)]
    return b"".join(pieces).decode(), len(pieces)


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text, newline="")))


@pytest.mark.parametrize("count", [0, 1, 39, 40, 41, 300])
async def test_every_row_is_there_once_newest_first(database: Database, count: int) -> None:
    made = records(41, count, workspaces=("ws_1",))
    text, pieces = await exported(await filled(database, [*made, *records(42, 30, workspaces=("ws_2",))]))
    expected = sorted(made, key=lambda record: (record.created_at, record.request_id), reverse=True)
    assert [row["request_id"] for row in rows(text)] == [record.request_id for record in expected]
    assert text.splitlines()[0] == ",".join(COLUMNS)
    assert pieces <= 1 + count // 40


async def test_values_are_those_of_the_records(database: Database) -> None:
    made = {record.request_id: record for record in records(43, 120, workspaces=("ws_1",))}
    text, _ = await exported(await filled(database, list(made.values())))
    for row in rows(text):
        record = made[row["request_id"]]
        usage = record.usage or Usage()
        assert datetime.fromisoformat(row["created_at"]) == record.created_at
        assert row["created_at"].endswith("Z")
        assert (row["status"], row["outcome"]) == (str(record.status), record.outcome)
        assert (row["model"], row["model_requested"]) == (shown_model(record), record.model_requested)
        assert (row["provider"], row["key_id"]) == (record.provider, record.key_id or "")
        assert row["tokens"] == str(usage.total_tokens)
        assert row["input_tokens"] == str(usage.input_tokens)
        assert row["reasoning_tokens"] == str(usage.reasoning_tokens)
        assert (row["stream"] == "true", row["cache_hit"] == "true") == (record.is_stream, record.is_cache_hit)
        assert row["estimated"] == ("true" if usage.is_estimated else "false")
        assert row["first_token_ms"] == ("" if record.first_token_ms is None else str(record.first_token_ms))
        if record.usage is None:
            assert row["cost"] == "0"
        elif record.cost_nanousd is None:
            assert row["cost"] == ""
        else:
            assert Decimal(row["cost"]) * 10**9 == record.cost_nanousd
        saved = record.saved_nanousd
        assert (Decimal(row["saved_cost"]) * 10**9 if row["saved_cost"] else None) == saved


async def test_filters_leave_rows_out(database: Database) -> None:
    made = records(44, 200, workspaces=("ws_1",))
    exports = await filled(database, made)
    only = exports.read(AskedLogs(provider="groq", status="success"), "csv")
    text, _ = await exported(exports, only)
    expected = {record.request_id for record in made if record.provider == "groq" and record.outcome == "ok"}
    assert {row["request_id"] for row in rows(text)} == expected


@pytest.mark.parametrize(
    ("asked", "file_format", "param"),
    [
        (AskedLogs(), "xlsx", "format"), (AskedLogs(), "CSV", "format"),
        (AskedLogs(provider="nobody"), "csv", "provider"),
        (AskedLogs(status="good"), "", "status"), (AskedLogs(end_date="soon"), "csv", "end_date"),
    ],
    ids=["another format", "a format in capitals", "an unknown provider", "an unknown status", "no date"],
)  # fmt: skip
async def test_what_makes_no_sense_is_refused(
    database: Database, asked: AskedLogs, file_format: str, param: str
) -> None:
    with pytest.raises(RequestInvalid) as caught:
        Exports(database, ("openai",)).read(asked, file_format)
    assert caught.value.param == param


EVIL = (
    "=cmd|' /C calc'!A0", "+1+1", "-2+3", "@SUM(A1)", "\t=1", "\r=1", "\n=1", '=HYPERLINK("http://x")',
    "\uff1d1+1", "\uff0b1", "\uff0d1", "\uff201",
)  # fmt: skip


@pytest.mark.parametrize("text", EVIL, ids=ascii)
async def test_nothing_that_a_caller_writes_is_a_formula(database: Database, text: str) -> None:
    record = replace(
        records(45, 1, workspaces=("ws_1",))[0],
        model=text, model_requested=text, client_request_id=text, notes=(text, 'two "quoted", and\r\nlines'),
    )  # fmt: skip
    written, _ = await exported(await filled(database, [record]))
    [row] = rows(written)
    for column in ("model", "model_requested", "client_request_id", "notes"):
        assert row[column].startswith(f"'{text}")
    assert row["notes"].endswith('two "quoted", and\r\nlines')


def test_plain_text_stays_as_it_is() -> None:
    assert [guarded(text) for text in ("", "gpt-4", "a=b", "'x", "ü")] == ["", "gpt-4", "a=b", "'x", "ü"]


def test_the_file_is_named_after_the_day() -> None:
    assert file_name(date(2026, 1, 28)) == "perpetuo-requests-2026-01-28.csv"

"""The matrix: every fault, streamed and not, with one candidate, two, and all bad, through REST and gRPC.

Real sockets on both sides. Each cell says what the caller sees, how often each target is asked, what the ledger holds,
and that the request ended before its deadline.
"""

from server.chat.records import AttemptRecord, OperationRecord
from tests.contract.errors.table import TABLE
from tests.faults.asking import Seen
from tests.faults.cells import Cell
from tests.faults.lab import Lab, Room
from tests.faults.table import HELLO, INTERRUPTED, Bill, Pace

BY_REASON = {row.reason: row for row in TABLE}
MARKUP = ("<html", "captive portal", "<!doctype")


async def test_a_fault_leads_to_what_it_must(cell: Cell, patient: Lab, brisk: Lab) -> None:
    lab = brisk if cell.row.pace is Pace.BRISK else patient
    async with lab.room(*cell.upstreams) as room:
        seen = await room.ask(is_stream=cell.is_stream, is_grpc=cell.is_grpc, max_tokens=cell.row.max_tokens)
        record = await room.record(seen.request_id)
        check_caller(cell, seen)
        check_calls(cell, room, record)
        check_ledger(cell, room, seen, record)
        await room.let_go()


def check_caller(cell: Cell, seen: Seen) -> None:
    """What the caller sees."""
    assert not any(mark in (seen.body + seen.text).lower() for mark in MARKUP)
    if not cell.is_answered:
        assert seen.reason in cell.row.reasons
        assert not seen.is_complete
        assert seen.finish_reasons == []
        check_failure(cell, seen)
        return
    assert (seen.reason, seen.status) == ("", "OK" if cell.is_grpc else 200)
    assert seen.is_complete
    assert seen.text == (cell.row.text if cell.row.is_fine else HELLO)
    assert seen.finish_reasons == [cell.row.finish if cell.row.is_fine else "stop"]
    if cell.row.is_fine:
        assert all(any(note in given for given in seen.notes) for note in cell.row.notes)


def check_failure(cell: Cell, seen: Seen) -> None:
    """How a failure is told: by status or within the stream, and whether to come again."""
    rule = BY_REASON[seen.reason]
    assert seen.is_in_band == cell.row.breaks
    assert (seen.text != "") == cell.row.breaks
    if cell.is_grpc:
        assert seen.status == rule.grpc_code.name
        assert (seen.headers.get("grpc-retry-pushback-ms") == "-1") == rule.has_pushback
        return
    assert seen.status == (200 if cell.row.breaks else rule.http_status)
    if not cell.row.breaks:
        assert seen.headers["x-should-retry"] == ("true" if rule.retries else "false")
    if cell.row.wait_s is not None:
        assert cell.row.wait_s[0] <= int(seen.headers["retry-after"]) <= cell.row.wait_s[1]
    assert int(seen.headers.get("retry-after", "0")) <= 60


def check_calls(cell: Cell, room: Room, record: OperationRecord) -> None:
    """How often each target was asked, by the ledger and by what arrived."""
    first = room.attempts_at(record, 0)
    assert cell.first_calls[0] <= len(first) <= cell.first_calls[1]
    if len(room.targets) > 1:
        assert len(room.attempts_at(record, 1)) == cell.second_calls
    for index, target in enumerate(room.targets):
        if target.mock is not None and target.mock.requests:
            assert len(target.mock.requests) == len(room.attempts_at(record, index))


def check_ledger(cell: Cell, room: Room, seen: Seen, record: OperationRecord) -> None:
    """One row for the request, one for each attempt, and what they are charged."""
    assert record.outcome == (seen.reason or "ok")
    assert record.status == (200 if cell.is_answered or cell.row.breaks else BY_REASON[seen.reason].http_status)
    assert [attempt.number for attempt in record.attempts] == list(range(1, len(record.attempts) + 1))
    last = record.attempts[-1]
    failed = record.attempts[:-1] if cell.is_answered else record.attempts
    for attempt in failed:
        check_failed(cell, attempt)
    if cell.is_answered:
        assert (last.outcome, record.provider_id) == ("ok", last.provider_id)
        assert seen.attempts == len(record.attempts)
        assert last.usage is not None
    elif not cell.row.breaks:
        assert record.provider_id == ""


def check_failed(cell: Cell, attempt: AttemptRecord) -> None:
    """What is written of an attempt that failed."""
    assert attempt.outcome != "ok"
    assert not cell.row.reasons or attempt.outcome in (*cell.row.reasons, INTERRUPTED)
    if cell.row.bill is not None and not cell.row.is_fine:
        found = attempt.usage
        bill = Bill.NONE if found is None else Bill.ESTIMATED if found.is_estimated else Bill.REPORTED
        assert bill is cell.row.bill

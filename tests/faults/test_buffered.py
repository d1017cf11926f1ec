"""Streams that are held whole: what breaks one after its first content moves on unseen, as what breaks it before does.

Every fault that breaks a stream midway is tried, with a good target behind it and with another bad one.
"""

import asyncio

import pytest

from tests.faults.lab import Lab
from tests.faults.table import HELLO, ROWS, Bill, Pace, Row

BREAKS = [row for row in ROWS if row.breaks and row.stream]
KNOBS = {"stream-mode": "buffered"}


@pytest.mark.parametrize("row", BREAKS, ids=[row.fault for row in BREAKS])
async def test_what_breaks_midway_moves_on(row: Row, patient: Lab, brisk: Lab) -> None:
    lab = brisk if row.pace is Pace.BRISK else patient
    async with lab.room(row.fault, "ok") as room:
        seen = await room.ask(is_stream=True, is_grpc=False, max_tokens=row.max_tokens, knobs=KNOBS)
        assert (seen.status, seen.reason, seen.text, seen.finish_reasons) == (200, "", HELLO, ["stop"])
        assert seen.is_complete
        record = await room.record(seen.request_id)
        failed = room.attempts_at(record, 0)
        assert len(failed) in (1, 2)
        assert len(room.attempts_at(record, 1)) == 1
        assert record.outcome == "ok"
        assert all(attempt.outcome.startswith("UPSTREAM_") for attempt in failed)
        if row.bill is Bill.ESTIMATED:
            assert all(attempt.usage is not None and attempt.usage.completion_tokens for attempt in failed)
        assert record.cost_nanousd == record.attempts[-1].cost_nanousd
        assert seen.headers["x-perpetuo-attempts"] == str(len(record.attempts))
        await room.let_go()


@pytest.mark.parametrize("knobs", [{}, {"stream-mode": "direct"}], ids=["and so it is", "but a request says no"])
async def test_a_workspace_has_its_streams_held(patient: Lab, knobs: dict[str, str]) -> None:
    async with patient.room("reset-midway", "ok") as room:
        await patient.core.stores.accounts.workspaces.change(
            patient.user_id, room.workspace_id, {"stream_mode": "buffered"}
        )
        seen = await room.ask(is_stream=True, is_grpc=False, knobs=knobs)
        assert seen.status == 200
        assert seen.is_complete is not bool(knobs)


@pytest.mark.parametrize("is_grpc", [False, True], ids=["rest", "grpc"])
async def test_where_all_break_the_caller_gets_a_status_and_no_text(patient: Lab, is_grpc: bool) -> None:
    async with patient.room("reset-midway", "close-midway") as room:
        seen = await room.ask(is_stream=True, is_grpc=is_grpc, knobs=KNOBS)
        assert seen.reason in ("UPSTREAM_RESET", "UPSTREAM_BAD_RESPONSE")
        assert seen.status == ("UNAVAILABLE" if is_grpc else 502)
        assert (seen.text, seen.is_in_band, seen.is_complete) == ("", False, False)
        await room.let_go()


async def test_a_stream_that_is_whole_goes_out_as_it_came(patient: Lab) -> None:
    async with patient.room("ok") as room:
        held = await room.ask(is_stream=True, is_grpc=False, knobs=KNOBS)
        direct = await room.ask(is_stream=True, is_grpc=False)
        events = [each.body.split("\n\n") for each in (held, direct)]
        assert events[0][:-3] == events[1][:-3]
        assert (held.text, held.notes) == (HELLO, [])


async def test_a_caller_who_leaves_while_a_stream_is_held_frees_the_upstream(patient: Lab) -> None:
    async with patient.room("slow?ms=5&n=8+stall-after?n=9") as room:
        mock = room.targets[0].mock
        assert mock is not None
        asking = asyncio.ensure_future(room.ask(is_stream=True, is_grpc=False, knobs=KNOBS))
        await mock.arrived()
        asking.cancel()
        await room.let_go()
        assert len(mock.disconnects) == 1

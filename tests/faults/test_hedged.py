"""Hedging over real sockets: a slow upstream is passed by, and let go of at once."""

import asyncio

import pytest

from tests.faults.lab import Lab
from tests.faults.table import HELLO

KNOBS = {"hedge": "true"}


async def save_up(lab: Lab) -> None:
    """Makes the calls that a hedge is a tenth of."""
    async with lab.room("ok") as room:
        await asyncio.gather(*(room.ask(is_stream=True, is_grpc=False) for _ in range(10)))


@pytest.mark.parametrize("is_grpc", [False, True], ids=["rest", "grpc"])
@pytest.mark.parametrize("slow", ["stall-headers", "delay-headers?ms=20000", "stall-after?n=1"])
async def test_a_slow_stream_is_passed_by(patient: Lab, slow: str, is_grpc: bool) -> None:
    await save_up(patient)
    async with patient.room(slow, "ok") as room:
        began_s = asyncio.get_running_loop().time()
        seen = await room.ask(is_stream=True, is_grpc=is_grpc, knobs=KNOBS)
        assert (seen.text, seen.is_complete, seen.attempts) == (HELLO, True, 2)
        assert asyncio.get_running_loop().time() - began_s < 15.0
        await room.let_go()
        record = await room.record(seen.request_id)
        lost, won = record.attempts
        assert (lost.outcome, won.outcome, record.outcome) == ("CLIENT_GONE", "ok", "ok")
        assert lost.usage is not None
        assert (lost.usage.is_estimated, lost.usage.completion_tokens) == (True, 0)
        assert record.cost_nanousd == won.cost_nanousd
        assert lost.detail == "Another candidate was faster."


async def test_who_did_not_ask_for_it_waits(patient: Lab) -> None:
    async with patient.room("delay-headers?ms=2500", "ok") as room:
        seen = await room.ask(is_stream=True, is_grpc=False)
        assert (seen.text, seen.attempts) == (HELLO, 1)


async def test_a_caller_who_leaves_frees_both(patient: Lab) -> None:
    await save_up(patient)
    async with patient.room("stall-headers", "stall-headers") as room:
        first, second = (target.mock for target in room.targets)
        assert first is not None
        assert second is not None
        asking = asyncio.ensure_future(room.ask(is_stream=True, is_grpc=False, knobs=KNOBS))
        await first.arrived()
        await second.arrived()
        asking.cancel()
        await room.let_go()
        assert (len(first.disconnects), len(second.disconnects)) == (1, 1)

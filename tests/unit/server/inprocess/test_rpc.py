"""One outcome, set once, after everything that came before it."""

import asyncio
from collections.abc import Callable
from typing import Any

import grpc
import pytest

from server.inprocess.payload import Writer
from server.inprocess.rpc import OK, Limits, Outcome, Rpc

ABORTED = Outcome(grpc.StatusCode.ABORTED, "enough")
UNAVAILABLE = Outcome(grpc.StatusCode.UNAVAILABLE, "stopped")
CANCELLED = Outcome(grpc.StatusCode.CANCELLED, "by me")


@pytest.fixture
async def rpc() -> Rpc:
    return Rpc(asyncio.get_running_loop(), "/a.B/Do", (), Limits())


ORDERS: dict[str, tuple[list[Callable[[Rpc], Any]], Outcome]] = {
    "the handler's status": ([lambda rpc: rpc.finish(ABORTED)], ABORTED),
    "the first of two statuses": ([lambda rpc: rpc.finish(ABORTED), lambda rpc: rpc.finish(OK)], ABORTED),
    "a status before a cancellation": ([lambda rpc: rpc.finish(OK), lambda rpc: rpc.cancel("by me")], OK),
    "a cancellation before a status": ([lambda rpc: rpc.cancel("by me"), lambda rpc: rpc.finish(OK)], CANCELLED),
    "a shutdown before a cancellation": (
        [lambda rpc: rpc.drop(UNAVAILABLE), lambda rpc: rpc.cancel("by me")],
        UNAVAILABLE,
    ),
    "a deadline before a shutdown": (
        [lambda rpc: rpc.expire(), lambda rpc: rpc.drop(UNAVAILABLE)],
        Outcome(grpc.StatusCode.DEADLINE_EXCEEDED, "Deadline Exceeded"),
    ),
}


@pytest.mark.parametrize("name", ORDERS)
async def test_what_counts_is(rpc: Rpc, name: str) -> None:
    steps, outcome = ORDERS[name]
    for step in steps:
        step(rpc)
    assert await rpc.settled() == outcome
    assert rpc.initial_metadata == ()


async def test_a_status_waits_for_the_messages_before_it(rpc: Rpc) -> None:
    responses = rpc.open_responses()
    await responses.put(Writer(None).seal(b"1"))
    rpc.finish(ABORTED)
    assert (rpc.sent, rpc.outcome) == (ABORTED, None)
    await responses.get()
    rpc.settle_if_drained()
    assert rpc.outcome == ABORTED


async def test_waiters_of_all_kinds_are_woken(rpc: Rpc) -> None:
    waiting = [asyncio.create_task(rpc.settled()), asyncio.create_task(rpc.received_initial_metadata())]
    await asyncio.sleep(0)
    rpc.send_initial_metadata((("a", "1"),))
    assert await waiting[1] == (("a", "1"),)
    assert not waiting[0].done()
    rpc.finish(OK)
    assert await waiting[0] == OK


async def test_one_waiter_that_is_cancelled_does_not_disturb_another(rpc: Rpc) -> None:
    first, second = asyncio.create_task(rpc.settled()), asyncio.create_task(rpc.settled())
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.sleep(0)
    rpc.finish(OK)
    assert await second == OK


async def test_callbacks_run_once(rpc: Rpc) -> None:
    calls: list[int] = []
    rpc.done_callbacks.append(lambda: calls.append(1))
    rpc.finish(OK)
    rpc.drop(UNAVAILABLE)
    assert calls == [1]


async def test_a_timeout_of_nothing_expires_at_once(rpc: Rpc) -> None:
    rpc.set_timeout(0)
    assert rpc.outcome is not None
    assert rpc.time_remaining() == 0


async def test_bad_initial_metadata_end_the_call(rpc: Rpc) -> None:
    with pytest.raises(grpc.aio.InternalError):
        rpc.send_initial_metadata((("Bad", "1"),))
    assert rpc.outcome == Outcome(grpc.StatusCode.INTERNAL, "Invalid metadata")


async def test_too_large_initial_metadata_end_the_call(rpc: Rpc) -> None:
    with pytest.raises(grpc.aio.InternalError):
        rpc.send_initial_metadata((("a", "x" * 20_000),))
    assert rpc.outcome is not None
    assert rpc.outcome.code is grpc.StatusCode.RESOURCE_EXHAUSTED


@pytest.mark.parametrize(
    ("size", "limits", "blamed"),
    [
        (100, Limits(receive_bytes=100, send_bytes=100), None),
        (101, Limits(receive_bytes=100), "SERVER: Received message larger than max (101 vs. 100)"),
        (101, Limits(receive_bytes=100, send_bytes=50), "CLIENT: Sent message larger than max (101 vs. 50)"),
        (10_000_000, Limits(receive_bytes=-1), None),
    ],
    ids=["just fits", "too much to receive", "too much to send", "no limit"],
)
async def test_sizes(size: int, limits: Limits, blamed: str | None) -> None:
    rpc = Rpc(asyncio.get_running_loop(), "/a.B/Do", (), limits)
    refusal = rpc.refuse_size(Writer(None).seal(b"x" * size), "CLIENT", "SERVER")
    assert (refusal and refusal.details) == blamed


async def test_metadata_without_a_limit_may_be_any_size() -> None:
    rpc = Rpc(asyncio.get_running_loop(), "/a.B/Do", (), Limits(metadata_bytes=-1))
    assert rpc.refuse_metadata((("a", "x" * 1_000_000),)) is None

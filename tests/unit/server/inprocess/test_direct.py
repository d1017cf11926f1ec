"""What is known of a call that is made directly: who ended it, how often its task was cancelled, and its end."""

import asyncio
import contextlib
from typing import Any

import grpc

from server.inprocess.direct import Announced, Answer, DirectCall, UsualAnswer
from server.inprocess.rpc import OK, Outcome

STOPPED = Outcome(grpc.StatusCode.UNAVAILABLE, "stopped")


async def _ended_by(*ends: Any) -> DirectCall:
    async def run() -> DirectCall:
        task = asyncio.current_task()
        assert task is not None
        call = DirectCall(task)
        for end in ends:
            asyncio.get_running_loop().call_soon(end, call)
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.sleep(10 if ends else 0)
        call.end()
        assert task.cancelling() == 0
        return call

    return await asyncio.ensure_future(run())


async def test_a_call_that_nobody_ended_ends_well() -> None:
    call = await _ended_by()
    assert (call.outcome, call.is_gone, call.cancel()) == (OK, False, False)


async def test_the_first_to_end_it_decides() -> None:
    gone = await _ended_by(DirectCall.cancel, lambda call: call.drop(STOPPED))
    assert gone.is_gone
    assert gone.outcome is not None
    assert gone.outcome.code is grpc.StatusCode.CANCELLED
    dropped = await _ended_by(lambda call: call.drop(STOPPED), DirectCall.cancel)
    assert (dropped.is_gone, dropped.outcome) == (False, STOPPED)


async def test_who_waits_for_the_end_is_told() -> None:
    task = asyncio.current_task()
    assert task is not None
    call = DirectCall(task)
    ended = call.ended()
    assert not ended.done()
    call.end()
    await ended


def test_names_and_values_together_are_the_metadata() -> None:
    assert Answer(b"{}", ("a", "b-bin"), ("1", b"2"), False).metadata == (("a", "1"), ("b-bin", b"2"))


def test_a_usual_answer_tells_what_any_answer_does() -> None:
    announced = Announced(("x-request-id", "a"), ("1",))
    usual, other = (
        UsualAnswer(b"{}", "req_1", announced),
        Answer(b"{}", announced.names, ("req_1", "1"), True, announced),
    )
    for each in ("body", "names", "values", "is_text", "announced", "metadata", "request_id"):
        assert getattr(usual, each) == getattr(other, each), each

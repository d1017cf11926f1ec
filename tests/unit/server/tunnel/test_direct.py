"""One call without messages: what it tells the tunnel. Whole tunnels with such calls: `test_tunnel.py`."""

import asyncio
from typing import Any

import grpc
import pytest

from server.inprocess.direct import Answer, DirectCall
from server.inprocess.rpc import Outcome
from server.tunnel.direct import DirectRpc
from server.tunnel.frames import BODY, END, PIECE, WINDOW_BYTES
from tests.unit.server.tunnel.test_call import Way

GONE = Outcome(grpc.StatusCode.CANCELLED, "gone")


class Method:
    """Answers when it is let."""

    max_bytes = 1000

    def __init__(self, body: bytes = b"x") -> None:
        self.body = body
        self.may_answer = asyncio.Event()

    def begin(self, task: asyncio.Task[Any]) -> DirectCall:
        return DirectCall(task)

    def prepare(self, metadata: Any) -> Any | None:
        return metadata

    async def answer(self, call: DirectCall, prepared: Any, body: bytes) -> Answer:
        await self.may_answer.wait()
        return Answer(self.body, ("a",), ("b",), True)


def started(way: Way, method: Method) -> tuple[DirectRpc, asyncio.Task[None]]:
    rpc = DirectRpc(way, 3)
    task = asyncio.get_running_loop().create_task(rpc.serve(method, (), b"q"))
    rpc.start(task, method)
    return rpc, task


async def test_an_answer_is_one_frame() -> None:
    way, method = Way(), Method()
    _, task = started(way, method)
    method.may_answer.set()
    await task
    assert (way.sent, way.closed) == ([(BODY, 3, ("a",), ("b",), True, b"x")], [3])


async def test_a_large_answer_waits_for_credit() -> None:
    way, method = Way(), Method(b"x" * 2 * WINDOW_BYTES)
    rpc, task = started(way, method)
    method.may_answer.set()
    await task
    assert (set(way.kinds()), way.closed) == ({PIECE}, [])
    assert rpc.outlet is not None
    rpc.outlet.grant(2 * WINDOW_BYTES)
    assert (way.sent[-1], way.closed) == ((END, 3, 0, "", (("a", "b"),), ()), [3])


@pytest.mark.parametrize("begun", [False, True], ids=["before it began", "while it runs"])
async def test_nothing_is_said_to_who_left(begun: bool) -> None:
    way, method = Way(), Method()
    rpc, task = started(way, method)
    if begun:
        await asyncio.sleep(0)
    rpc.leave(GONE)
    await asyncio.wait([task])
    assert way.sent == []


async def test_who_leaves_amid_a_large_answer_gets_no_more() -> None:
    way, method = Way(), Method(b"x" * 2 * WINDOW_BYTES)
    rpc, task = started(way, method)
    method.may_answer.set()
    await task
    sent = len(way.sent)
    rpc.leave(GONE)
    assert rpc.outlet is not None
    rpc.outlet.grant(2 * WINDOW_BYTES)
    assert len(way.sent) == sent


async def test_a_task_that_somebody_else_cancels_is_told() -> None:
    way, method = Way(), Method()
    _, task = started(way, method)
    task.cancel()
    await asyncio.wait([task])
    await asyncio.sleep(0)
    assert [frame[:3] for frame in way.sent] == [(END, 3, grpc.StatusCode.CANCELLED.value[0])]


async def test_a_defect_is_told_without_its_text(caplog: pytest.LogCaptureFixture) -> None:
    class Broken(Method):
        async def answer(self, call: DirectCall, prepared: Any, body: bytes) -> Answer:
            raise ZeroDivisionError("secret")

    way = Way()
    _, task = started(way, Broken())
    await asyncio.wait([task])
    await asyncio.sleep(0)
    assert [frame[:4] for frame in way.sent] == [(END, 3, grpc.StatusCode.UNKNOWN.value[0], "The gateway failed.")]
    assert "secret" in caplog.text

"""An arrival wakes its task in the call that brings it, or a round later, and lets it be cancelled.

So does a connection with the answer that it brings, once it has taken all that came with it.
"""

import asyncio
from collections.abc import Callable

import pytest

from server.upstream.arrival import Arrival
from server.upstream.connection import Connection
from server.upstream.cork import Cork
from server.upstream.response import HttpResponse
from tests.unit.server.upstream.asking import ANSWER, QUICK, Wire


class Head(Arrival):
    """Something that arrives when it is told to."""

    __slots__ = ()

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._asyncio_future_blocking = self._is_cancelled = self.has_arrived = self.is_awaited = False
        self._context = self._wake = None


class Stage:
    """A task that waits for a head."""

    def __init__(self) -> None:
        self.head = Head()
        self.taken: list[str] = []
        self.task = asyncio.ensure_future(self._wait())

    async def _wait(self) -> None:
        await self.head
        assert asyncio.current_task() is self.task
        self.taken.append("head")


async def by_loop(do: Callable[[], None]) -> None:
    """Does something in a call of the loop."""
    done = asyncio.get_running_loop().create_future()

    def call() -> None:
        do()
        done.set_result(None)

    asyncio.get_running_loop().call_soon(call)
    await done


async def test_a_task_has_gone_on_when_ringing_returns() -> None:
    stage = Stage()
    await asyncio.sleep(0)
    assert stage.head.is_awaited

    def ring() -> None:
        stage.head.ring()
        assert stage.taken == ["head"]
        assert not stage.head.is_awaited

    await by_loop(ring)
    await stage.task


async def test_what_is_rung_from_a_task_wakes_in_the_next_round() -> None:
    stage = Stage()
    await asyncio.sleep(0)
    stage.head.ring_soon()
    assert (stage.taken, stage.head.is_awaited) == ([], False)
    await asyncio.sleep(0)
    assert stage.taken == ["head"]
    await stage.task


async def test_nobody_waits_for_what_is_there() -> None:
    stage = Stage()
    stage.head.has_arrived = True
    await asyncio.sleep(0)
    assert stage.taken == ["head"]
    assert not stage.head.is_awaited
    await stage.task


async def test_a_task_that_waits_can_be_cancelled() -> None:
    stage = Stage()
    await asyncio.sleep(0)
    assert stage.task.cancel()
    assert not stage.head.is_awaited
    with pytest.raises(asyncio.CancelledError):
        await stage.task
    assert stage.taken == []


async def test_a_task_that_was_rung_and_then_cancelled_is_cancelled() -> None:
    stage = Stage()
    await asyncio.sleep(0)
    stage.head.ring_soon()
    assert stage.task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await stage.task
    assert stage.taken == []


async def test_a_task_that_was_cancelled_before_it_waits_does_not() -> None:
    head = Head()

    async def wait() -> None:
        own = asyncio.current_task()
        assert own is not None
        own.cancel()
        await head

    with pytest.raises(asyncio.CancelledError):
        await asyncio.ensure_future(wait())
    assert not head.is_awaited


class Asking:
    """A task that waits for answers over a connection, which belongs to no pool, one after another."""

    def __init__(self, *, is_left_open: bool = True) -> None:
        self.loop = asyncio.get_running_loop()
        self.told: list[object] = []
        self.wire = Wire()
        self.is_left_open = is_left_open
        self.connection = Connection(self.loop, Cork(), lambda _: self.told.append("idle"), lambda _: None)
        self.connection.connection_made(self.wire)
        self.task = self.loop.create_task(self._ask())

    async def _ask(self) -> None:
        for _ in range(2):
            answer = HttpResponse(self.connection, QUICK, self.loop.time(), 1000)
            self.connection.start(b"GET", b"", answer)
            self.connection.leave()
            await answer.arrive()
            self.told.append(answer.whole())
            if not self.is_left_open:
                await answer.close()
                self.connection.abort()
                return

    async def hear(self, *pieces: bytes) -> list[object]:
        """What is told by the time that the last piece has been given to the connection."""
        await asyncio.sleep(0)
        heard: asyncio.Future[list[object]] = self.loop.create_future()

        def come() -> None:
            for piece in pieces:
                self.connection.data_received(piece)
            heard.set_result([*self.told])

        self.loop.call_soon(come)
        return await heard


HEARD: dict[str, tuple[list[bytes], list[object]]] = {
    "one that comes whole": ([ANSWER], ["idle", b"ok"]),
    "two in two pieces, over the same connection": ([ANSWER, ANSWER], ["idle", b"ok", "idle", b"ok"]),
    "the head, of which the body is still to come": ([ANSWER[:-2]], [None]),
    "one with an interim answer before it": ([b"HTTP/1.1 100 Continue\r\n\r\n", ANSWER], ["idle", b"ok"]),
    "one that is followed by another that nobody asked for": ([ANSWER + ANSWER], [b"ok"]),
}


@pytest.mark.parametrize(("pieces", "told"), HEARD.values(), ids=HEARD)
async def test_who_waits_is_woken_by_the_piece_that_brings_the_answer(pieces: list[bytes], told: list[object]) -> None:
    asking = Asking()
    assert await asking.hear(*pieces) == told
    asking.task.cancel()
    await asyncio.wait([asking.task])


async def test_who_is_woken_may_end_the_connection_at_once() -> None:
    asking = Asking(is_left_open=False)
    assert await asking.hear(ANSWER) == ["idle", b"ok"]
    assert asking.wire.is_ended
    await asking.task


@pytest.mark.parametrize(
    "rest",
    [pytest.param(b"nonsense", id="what is not HTTP"), pytest.param(b"HTTP/1.1 101 x\r\n\r\n", id="an upgrade")],
)
async def test_an_answer_that_is_complete_wakes_whatever_comes_behind_it(rest: bytes) -> None:
    asking = Asking(is_left_open=False)
    await asking.hear(ANSWER + rest)
    await asking.task
    assert b"ok" in asking.told
    assert asking.wire.is_ended

"""The pipeline when upstreams have no room: requests wait in line, in time, and everything is given back."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from msgspec.structs import replace

from server.errors import ClientGone, DeadlineExceeded, Overloaded
from server.pipeline import Pipeline
from server.routing.dispatch.line import Line
from server.routing.load.queue import FairQueue
from server.routing.load.traffic import Traffic
from tests.stores.ledgers import KeptLedger
from tests.unit.server.piped import BODY, Script, build, call
from tests.unit.server.routing.scripted import DONE, FINISH, HI, ROLE, UNARY, Reply, whole

STREAM = (ROLE, HI, FINISH, DONE)


class Stage:
    """A pipeline whose upstreams take one call at a time."""

    def __init__(self, script: Script, places: int = 10) -> None:
        pipeline, self.ledger, self.transport = build(script)
        now_s = asyncio.get_running_loop().time
        self.traffic = Traffic(now_s, now_s, max_calls=1)
        self.line = Line(self.traffic, FairQueue(places, places))
        parts = replace(pipeline._parts, watch=self.traffic.begin, line=self.line)
        self.pipeline = Pipeline(parts)

    def assert_at_rest(self) -> None:
        assert (len(self.line), self.traffic.under_way, self.traffic.promised) == (0, 0, 0)


def held() -> tuple[Reply, asyncio.Event]:
    """An answer that comes when it is let go."""
    gate = asyncio.Event()

    class Held(Reply):
        async def chunks(self) -> AsyncIterator[bytes]:
            await gate.wait()
            for piece in self.pieces:
                assert isinstance(piece, bytes)
                yield piece

    return Held((UNARY,), 200, "application/json"), gate


async def until_queued(stage: Stage, count: int) -> None:
    while len(stage.line) != count:
        await asyncio.sleep(0)


async def test_a_request_waits_until_the_one_before_it_is_done() -> None:
    first, gate = held()
    stage = Stage([first, Reply(STREAM)])
    working = asyncio.ensure_future(stage.pipeline.complete(call(), BODY))
    stream = stage.pipeline.stream(call(), BODY)
    waiting = asyncio.ensure_future(anext(stream))
    await until_queued(stage, 1)
    assert len(stage.transport.sent) == 1
    gate.set()
    await working
    await waiting
    async for _ in stream:
        pass
    assert [record.outcome for record in stage.ledger.records] == ["ok", "ok"]
    stage.assert_at_rest()


async def test_who_leaves_the_line_is_recorded_and_never_called() -> None:
    first, gate = held()
    stage = Stage([first, whole()])
    working = asyncio.ensure_future(stage.pipeline.complete(call(), BODY))
    leaving = asyncio.ensure_future(stage.pipeline.complete(call(), BODY))
    await until_queued(stage, 1)
    leaving.cancel()
    await asyncio.wait([leaving])
    gate.set()
    await working
    assert len(stage.transport.sent) == 1
    assert sorted(record.outcome for record in stage.ledger.records) == [ClientGone.reason, "ok"]
    stage.assert_at_rest()


async def test_the_deadline_includes_the_time_in_line() -> None:
    first, gate = held()
    stage = Stage([first, whole()])
    working = asyncio.ensure_future(stage.pipeline.complete(call(), BODY))
    await asyncio.sleep(0)
    with pytest.raises(DeadlineExceeded):
        await stage.pipeline.complete(call(deadline=asyncio.get_running_loop().time() + 0.02), BODY)
    gate.set()
    await working
    stage.assert_at_rest()


async def test_without_a_place_in_line_a_request_is_refused_with_a_wait() -> None:
    first, gate = held()
    stage = Stage([first, whole()], places=0)
    working = asyncio.ensure_future(stage.pipeline.complete(call(), BODY))
    await asyncio.sleep(0)
    with pytest.raises(Overloaded) as refused:
        await stage.pipeline.complete(call(), BODY)
    assert refused.value.retry_after_s == 1
    gate.set()
    await working
    assert sorted(outcomes(stage.ledger)) == ["OVERLOADED", "ok"]
    stage.assert_at_rest()


def outcomes(ledger: KeptLedger) -> list[str]:
    return [record.outcome for record in ledger.records]


async def test_the_limits_of_the_provider_are_heard() -> None:
    stage = Stage([Reply((UNARY,), 200, "application/json", more={"x-ratelimit-remaining-requests": "1"})])
    await stage.pipeline.complete(call(), BODY)
    assert stage.traffic.limits()

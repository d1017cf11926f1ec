"""Requests that wait until an upstream has room: turns, bounds, departures, and each place given exactly once."""

import asyncio
import random
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest

from server.chat.deployment import Candidate
from server.errors import DeadlineExceeded, Overloaded
from server.routing.attempt import Attempt, Clock, Means, Trace, UsualPrices
from server.routing.dispatch.line import Line
from server.routing.load.ceiling import MIN_LIMIT
from server.routing.load.queue import FairQueue
from server.routing.load.traffic import Traffic
from tests.unit.server.routing.scripted import candidate, nano_per_token
from tests.unit.server.virtual_time import run


@dataclass(slots=True)
class Stage:
    """A line in front of upstreams that take `max_calls` calls together."""

    max_calls: int = 1
    bounds: dict[str, int] = field(default_factory=dict)
    max_wait_s: float = 10.0
    traffic: Traffic = field(init=False)
    line: Line = field(init=False)
    order: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        now_s = asyncio.get_running_loop().time
        self.traffic = Traffic(now_s, now_s, self.max_calls)
        self.line = Line(self.traffic, FairQueue(**self.bounds), self.max_wait_s)

    def begin(self, chosen: Candidate) -> Attempt:
        clock = Clock(lambda: datetime.now(UTC), asyncio.get_running_loop().time)
        return Trace(Means(clock, UsualPrices(nano_per_token), self.traffic.begin)).begin(chosen)

    def fill(self, name: str) -> list[Attempt]:
        """As many calls as an upstream takes that has just refused one."""
        refused = self.begin(candidate(name))
        refused.heard(429, {})
        refused.end("UPSTREAM_RATE_LIMITED")
        return [self.begin(candidate(name)) for _ in range(int(MIN_LIMIT))]

    async def enter(self, tenant: str, names: str = "a", within_s: float = 60.0) -> Attempt:
        """Waits for a place and begins a call."""
        deadline_s = asyncio.get_running_loop().time() + within_s
        wanted = [candidate(name) for name in names]
        if not self.line.has_room(wanted):
            wanted = [*await self.line.enter(tenant, wanted, deadline_s)]
        return self.begin(wanted[0])

    async def serve(self, tenant: str, names: str = "a", takes_s: float = 1.0, within_s: float = 60.0) -> None:
        """Waits, calls, and ends."""
        attempt = await self.enter(tenant, names, within_s)
        try:
            self.order.append(tenant)
            await asyncio.sleep(takes_s)
        finally:
            attempt.end()

    def assert_at_rest(self) -> None:
        assert (len(self.line), self.traffic.under_way, self.traffic.promised) == (0, 0, 0)


def in_virtual_time(test: Any) -> Any:
    """Runs a test where waiting takes no time."""

    def tested() -> None:
        run(test())

    tested.__name__ = test.__name__
    return tested


@in_virtual_time
async def test_tenants_take_turns() -> None:
    stage = Stage()
    async with asyncio.TaskGroup() as group:
        for tenant in "aaaabbc":
            group.create_task(stage.serve(tenant))
    assert "".join(stage.order) == "aabcaba"
    stage.assert_at_rest()


@in_virtual_time
async def test_nobody_overtakes_who_waits() -> None:
    stage = Stage()
    async with asyncio.TaskGroup() as group:
        for tenant in "ab":
            group.create_task(stage.serve(tenant))
        await asyncio.sleep(1.0)  # the first call has just ended, and its place is promised
        group.create_task(stage.serve("c"))
    assert "".join(stage.order) == "abc"


@in_virtual_time
async def test_a_candidate_without_room_is_passed_over() -> None:
    stage = Stage(max_calls=0)
    busy = stage.fill("a")
    assert not stage.line.has_room([candidate("a"), candidate("b")])
    second = await stage.enter("t", "ab")
    assert second.candidate.deployment.provider_id == "b"
    for attempt in (*busy, second):
        attempt.end()
    stage.assert_at_rest()


@in_virtual_time
async def test_who_waits_for_several_gets_the_first_that_has_room() -> None:
    stage = Stage(max_calls=0)
    working = stage.fill("a") + stage.fill("b")
    waiting = asyncio.ensure_future(stage.enter("t", "ab"))
    await asyncio.sleep(1.0)
    assert len(stage.line) == 1
    working.pop().end()
    attempt = await waiting
    assert attempt.candidate.deployment.provider_id == "b"
    for each in (attempt, *working):
        each.end()
    stage.assert_at_rest()


@in_virtual_time
async def test_an_allowance_that_is_renewed_lets_the_next_begin() -> None:
    stage, loop = Stage(max_calls=0), asyncio.get_running_loop()
    working = stage.begin(candidate("a"))
    working.heard(200, {"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "4s"})
    began_s = loop.time()
    waiting = asyncio.ensure_future(stage.enter("t"))
    attempt = await waiting
    assert loop.time() - began_s == pytest.approx(4.0)
    attempt.end()
    working.end()
    stage.assert_at_rest()


@in_virtual_time
async def test_nobody_waits_for_an_allowance_that_comes_too_late() -> None:
    stage = Stage(max_calls=0)
    working = stage.begin(candidate("a"))
    working.heard(200, {"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "40s"})
    with pytest.raises(Overloaded) as refused:
        await stage.enter("t")
    assert refused.value.retry_after_s == 40
    working.end()
    stage.assert_at_rest()


BOUNDS: list[tuple[str, dict[str, int], str, str]] = [
    ("of the queue", {"max_length": 2}, "abcd", "all the queue holds"),
    ("of a tenant", {"max_of_tenant": 2}, "aaaa", "your share"),
]


@pytest.mark.parametrize(("bounds", "tenants", "text"), [case[1:] for case in BOUNDS], ids=[c[0] for c in BOUNDS])
def test_who_finds_no_place_is_refused_at_once(bounds: dict[str, int], tenants: str, text: str) -> None:
    async def main() -> None:
        stage, loop = Stage(bounds=bounds), asyncio.get_running_loop()
        began_s = loop.time()
        tasks = [asyncio.ensure_future(stage.serve(tenant)) for tenant in tenants]
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        assert loop.time() == began_s
        error = done.pop().exception()
        assert isinstance(error, Overloaded)
        assert text in error.message
        assert error.retry_after_s == 1
        await asyncio.wait(tasks)
        assert len(stage.order) == 3
        assert stage.line.refused["queue"] + stage.line.refused["tenant"] == 1
        stage.assert_at_rest()

    run(main())


@in_virtual_time
async def test_who_would_wait_behind_a_long_wait_is_refused_at_once() -> None:
    stage, loop = Stage(max_wait_s=10.0), asyncio.get_running_loop()
    tasks = [asyncio.ensure_future(stage.serve(tenant, takes_s=8.0)) for tenant in "aa"]
    await asyncio.sleep(5.5)
    with pytest.raises(Overloaded, match=r"5\.5 s") as refused:
        await stage.enter("a")
    assert refused.value.retry_after_s == 6
    others = asyncio.ensure_future(stage.serve("b", takes_s=0.0))
    await asyncio.wait([*tasks, others])
    assert "".join(stage.order) == "aa"  # the other one's 10 s were over before its turn
    assert isinstance(others.exception(), Overloaded)
    assert stage.line.refused == {"queue": 0, "tenant": 0, "delay": 1, "wait": 1}
    assert loop.time() > 0
    stage.assert_at_rest()


@in_virtual_time
async def test_a_long_wait_for_one_upstream_says_nothing_about_another() -> None:
    stage = Stage(max_calls=0)
    working = stage.fill("a") + stage.fill("b")
    tasks = [asyncio.ensure_future(stage.serve("t", "a"))]
    await asyncio.sleep(5.5)
    tasks.append(asyncio.ensure_future(stage.serve("t", "b")))
    await asyncio.sleep(0.1)
    assert len(stage.line) == 2
    for attempt in working:
        attempt.end()
    await asyncio.wait(tasks)
    assert stage.order == ["t", "t"]
    stage.assert_at_rest()


@in_virtual_time
async def test_the_deadline_of_a_request_holds_while_it_waits() -> None:
    stage, loop = Stage(), asyncio.get_running_loop()
    busy = stage.begin(candidate("a"))
    began_s = loop.time()
    with pytest.raises(DeadlineExceeded):
        await stage.enter("a", within_s=2.0)
    assert loop.time() - began_s == pytest.approx(2.0)
    busy.end()
    stage.assert_at_rest()


@in_virtual_time
async def test_who_leaves_while_waiting_is_out_at_once() -> None:
    stage = Stage()
    busy = stage.begin(candidate("a"))
    waiting = asyncio.ensure_future(stage.enter("a"))
    await asyncio.sleep(1.0)
    waiting.cancel()
    await asyncio.wait([waiting])
    assert len(stage.line) == 0
    busy.end()
    stage.assert_at_rest()


@pytest.mark.parametrize("has_noticed", [False, True], ids=["before it was told", "in the moment when it is told"])
def test_the_place_of_who_leaves_is_given_on(has_noticed: bool) -> None:
    async def main() -> None:
        stage = Stage()
        busy = stage.begin(candidate("a"))
        leaving, staying = asyncio.ensure_future(stage.enter("a")), asyncio.ensure_future(stage.enter("b"))
        await asyncio.sleep(1.0)
        if has_noticed:
            busy.end()  # the place is promised to the one who is about to leave
            leaving.cancel()
        else:
            leaving.cancel()
            busy.end()
        attempt = await staying
        assert leaving.cancelled() or leaving.done()
        attempt.end()
        await asyncio.sleep(0)
        stage.assert_at_rest()

    run(main())


@in_virtual_time
async def test_a_promise_that_no_call_follows_is_given_on() -> None:
    stage = Stage()
    busy = stage.begin(candidate("a"))
    deadline_s = asyncio.get_running_loop().time() + 60

    async def goes_no_further() -> None:
        await stage.line.enter("a", [candidate("a")], deadline_s)

    first, second = asyncio.ensure_future(goes_no_further()), asyncio.ensure_future(stage.enter("b"))
    await asyncio.sleep(1.0)
    busy.end()
    await first
    (await second).end()
    stage.assert_at_rest()


def test_nothing_is_left_after_ten_thousand_random_joins_ends_and_departures() -> None:
    rng, fates = random.Random(5), Counter[str]()

    async def one(stage: Stage) -> None:
        names = rng.choice(["a", "b", "c", "ab", "abc", "cb"])
        task = asyncio.ensure_future(
            stage.serve(rng.choice("rstuvw"), names, rng.expovariate(8.0), rng.choice([0.5, 3.0, 60.0]))
        )
        if rng.random() < 0.3:
            asyncio.get_running_loop().call_later(rng.expovariate(5.0), task.cancel)
        if rng.random() < 0.05:
            await asyncio.sleep(0)
            task.cancel()
        try:
            await task
            fates["served"] += 1
        except asyncio.CancelledError:
            fates["left"] += 1
        except (DeadlineExceeded, Overloaded) as error:
            fates[error.reason] += 1

    async def main() -> None:
        stage = Stage(max_calls=7, bounds={"max_length": 60, "max_of_tenant": 20}, max_wait_s=2.0)
        for name in "abc":
            limited = [stage.begin(candidate(name)) for _ in range(6)]
            for attempt in limited:
                attempt.heard(429, {})
                attempt.end("UPSTREAM_RATE_LIMITED")
        async with asyncio.TaskGroup() as group:
            for _ in range(10_000):
                await asyncio.sleep(rng.expovariate(110.0))
                group.create_task(one(stage))
                assert stage.traffic.under_way + stage.traffic.promised <= 7
        await asyncio.sleep(0)
        stage.assert_at_rest()
        assert all(stage.traffic.calls_at((name, "m")) == 0 for name in "abc")
        assert stage.traffic.on_room is None

    run(main())
    assert sum(fates.values()) == 10_000
    assert min(fates[fate] for fate in ("served", "left", "DEADLINE_EXCEEDED", "OVERLOADED")) > 100

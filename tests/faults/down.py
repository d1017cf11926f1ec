"""All upstreams down for a while, under a steady load: what callers get, and what the upstreams have to bear.

Two targets stand behind one workspace. Both go away at the same moment and come back at the same moment; requests come
at a fixed rate whatever becomes of those before. What is measured is who was asked how often, until breakers opened and
after, how soon callers are told so, and how long it takes until all are served again.
"""

import asyncio
import contextlib
import math
import statistics
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import aiohttp

from cli.mock.upstream import MockUpstream
from server.routing.health.breaker import OPEN_S
from tests.faults.asking import MODEL
from tests.faults.lab import Room, open_lab

TARGETS: Final = 2
REFUSED: Final = "refused"
_REFUSAL: Final = "no_healthy_route"
_ENOUGH: Final = 50
_PATIENCE_S: Final = 30.0


@dataclass(frozen=True, slots=True)
class Plan:
    """What is done: requests a second, seconds before, seconds of the fault, and the fault: `refused` or a scenario.

    `open_s` is how long the gateway's breakers are open.
    """

    rate: float = 100.0
    before_s: float = 5.0
    down_s: float = 60.0
    fault: str = REFUSED
    open_s: float = OPEN_S


@dataclass(frozen=True, slots=True)
class Shot:
    """One request: when it was sent and how long it took, in seconds, and what came of it."""

    at_s: float
    took_s: float
    status: int
    code: str
    calls: int
    request_id: str


@dataclass(slots=True)
class Outcome:
    """What was seen. Times are seconds of one clock; `calls` are the upstream calls of a request, by target."""

    plan: Plan
    shots: list[Shot] = field(default_factory=list)
    calls: dict[str, tuple[int, ...]] = field(default_factory=dict)
    down_at_s: float = 0.0
    up_at_s: float = 0.0

    @property
    def while_down(self) -> list[Shot]:
        """Requests that were sent while all were down."""
        return [shot for shot in self.shots if self.down_at_s <= shot.at_s < self.up_at_s]

    @property
    def refusals(self) -> list[Shot]:
        """Those that were refused without a call."""
        return [shot for shot in self.while_down if shot.code == _REFUSAL and not shot.calls]

    @property
    def opened_s(self) -> float:
        """From the fault to the first such refusal."""
        return min((shot.at_s for shot in self.refusals), default=self.up_at_s) - self.down_at_s

    @property
    def recovered_s(self) -> float:
        """From the end of the fault to the first request after which all are served."""
        after = [shot for shot in self.shots if shot.at_s >= self.up_at_s]
        last = max((shot.at_s for shot in after if shot.status != 200), default=self.up_at_s)
        return min((shot.at_s for shot in after if shot.at_s > last), default=float("inf")) - self.up_at_s

    def most_calls(self, *, is_open: bool) -> int:
        """Calls of the target that was called most, before the breakers opened or after."""
        opened_at_s = self.down_at_s + self.opened_s
        asked = [shot for shot in self.while_down if (shot.at_s >= opened_at_s) is is_open]
        calls = [self.calls.get(shot.request_id, (0,) * TARGETS) for shot in asked]
        return max((sum(each) for each in zip(*calls, strict=True)), default=0)

    @property
    def most_probes(self) -> int:
        """Probes that there is time for: a breaker opens after the fault began, and then is open before each."""
        return math.ceil(self.plan.down_s / self.plan.open_s) - 1

    def problems(self, *, is_timed: bool) -> list[str]:
        """What is not as it must be; with `is_timed` how long things took counts too."""
        down, before = self.while_down, [shot for shot in self.shots if shot.at_s < self.down_at_s]
        asked = [shot for shot in down if shot.at_s < self.down_at_s + self.opened_s]
        found = {
            "a request failed before the fault": any(shot.status != 200 for shot in before),
            "a request was answered while all were down": any(shot.status == 200 for shot in down),
            "a caller was told something else than 503": any(shot.status not in (200, 503) for shot in self.shots),
            "the breakers did not open": not self.refusals,
            "a target was called more than 1.1 times a request, and the floor of the budget": (
                self.most_calls(is_open=False) > 1.1 * len(asked) + 3
            ),
            "a target was called more often than breakers let through": (
                self.most_calls(is_open=True) > self.most_probes
            ),
            "not all were served again": self.recovered_s > _PATIENCE_S,
        }
        if is_timed:
            found["half of the refusals took longer than 20 ms"] = _median_ms(self.refusals) > 20.0
            found["it took longer than the time a breaker is open until all were served"] = (
                self.recovered_s > self.plan.open_s + 1.0
            )
        return [problem for problem, is_so in found.items() if is_so]

    def figures(self) -> list[str]:
        """The figures, line by line."""
        down, refusals = self.while_down, self.refusals
        asked = [shot for shot in down if shot.at_s < self.down_at_s + self.opened_s]
        total = sum(sum(calls) for calls in (self.calls.get(shot.request_id, ()) for shot in down))
        slowest_ms = max((shot.took_s for shot in refusals), default=0.0) * 1000
        return [
            f"{len(down)} requests in {self.plan.down_s:g} s while {TARGETS} targets were down ({self.plan.fault})",
            f"upstream calls: {total}, {total / max(len(down), 1):.4f} a request",
            f"before the breakers opened: {len(asked)} requests, {self.most_calls(is_open=False)} calls of a target",
            f"after: {self.most_calls(is_open=True)} probes of a target (at most {self.most_probes} are well)",
            f"first refusal without a call: {self.opened_s * 1000:.0f} ms after the fault",
            f"refused: {len(refusals)}, in {_median_ms(refusals):.1f} ms (median), {slowest_ms:.1f} ms (longest)",
            f"all served again {self.recovered_s:.2f} s after the end of the fault",
        ]


def _median_ms(shots: list[Shot]) -> float:
    return statistics.median([shot.took_s for shot in shots]) * 1000 if shots else 0.0


class Upstreams:
    """The targets, on ports of their own."""

    def __init__(self, fault: str) -> None:
        self._fault = fault
        self._mocks = [MockUpstream() for _ in range(TARGETS)]

    async def __aenter__(self) -> "Upstreams":
        for mock in self._mocks:
            await mock.__aenter__()
        return self

    async def __aexit__(self, *exc: object) -> None:
        for mock in self._mocks:
            await mock.close()

    @property
    def urls(self) -> list[str]:
        """Where they are."""
        return [mock.base_url for mock in self._mocks]

    async def go(self) -> None:
        """Takes all of them away."""
        for mock in self._mocks:
            if self._fault == REFUSED:
                await mock.close()
            else:
                mock.play(self._fault)

    async def come_back(self) -> None:
        """Brings them back."""
        for number, mock in enumerate(self._mocks):
            if self._fault != REFUSED:
                mock.play("ok")
                continue
            self._mocks[number] = MockUpstream(port=mock.port)
            await self._mocks[number].__aenter__()


class Load:
    """Requests at a fixed rate, each a task of its own."""

    def __init__(self, room: Room, rate: float) -> None:
        self._room = room
        self._rate = rate
        self._tasks: set[asyncio.Task[None]] = set()
        self.shots: list[Shot] = []

    async def run(self, is_over: Callable[[float], bool]) -> None:
        """Sends until `is_over` says so of the seconds since the beginning."""
        loop = asyncio.get_running_loop()
        began_s, count = loop.time(), 0
        while not is_over(loop.time() - began_s):
            task = loop.create_task(self._shoot())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
            count += 1
            await asyncio.sleep(max(began_s + count / self._rate - loop.time(), 0.0))

    async def settle(self) -> None:
        """Waits for those that are under way."""
        await asyncio.gather(*self._tasks)

    def has_recovered(self, since_s: float) -> bool:
        """Whether the last ones since a time were all served."""
        last = [shot for shot in self.shots if shot.at_s >= since_s][-_ENOUGH:]
        return len(last) == _ENOUGH and all(shot.status == 200 for shot in last)

    async def _shoot(self) -> None:
        lab, loop = self._room.lab, asyncio.get_running_loop()
        body = {"model": MODEL, "messages": [{"role": "user", "content": "Hello"}]}
        headers = {"authorization": f"Bearer {self._room.key}", "x-request-timeout": "10"}
        began_s = loop.time()
        url, limit = f"{lab.url}/v1/chat/completions", aiohttp.ClientTimeout(total=30)
        async with lab.session.post(url, json=body, headers=headers, timeout=limit) as answer:
            document = await answer.json()
        code = document.get("error", {}).get("code", "")
        calls = int(answer.headers.get("x-perpetuo-attempts", "0"))
        request_id = answer.headers["x-request-id"]
        self.shots.append(Shot(began_s, loop.time() - began_s, answer.status, code, calls, request_id))


async def all_down(folder: Path, plan: Plan) -> Outcome:
    """Takes all upstreams away for a while."""
    outcome = Outcome(plan)
    async with _room(folder, plan) as (room, upstreams):
        load, now_s = Load(room, plan.rate), asyncio.get_running_loop().time
        await load.run(lambda passed_s: passed_s >= plan.before_s)
        await load.settle()
        await upstreams.go()
        outcome.down_at_s = now_s()
        await load.run(lambda passed_s: passed_s >= plan.down_s)
        await upstreams.come_back()
        outcome.up_at_s = now_s()
        await load.run(lambda passed_s: passed_s >= _PATIENCE_S or load.has_recovered(outcome.up_at_s))
        await load.settle()
        outcome.shots = load.shots
        for shot in outcome.while_down:
            if shot.calls:
                record = await room.record(shot.request_id)
                outcome.calls[shot.request_id] = tuple(len(room.attempts_at(record, index)) for index in range(TARGETS))
    return outcome


@contextlib.asynccontextmanager
async def _room(folder: Path, plan: Plan) -> AsyncIterator[tuple[Room, Upstreams]]:
    async with (
        open_lab(folder, timeout_s=10.0, breaker_open_s=plan.open_s) as lab,
        Upstreams(plan.fault) as upstreams,
        lab.room(*upstreams.urls) as room,
    ):
        yield room, upstreams

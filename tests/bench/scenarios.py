"""What is measured: kinds of requests, rounds that alternate between the systems, and the medians."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from tests.bench import payload
from tests.bench.load import Target, check, send
from tests.bench.processes import cpu_s, rss_mib

# After a load, work that is done in batches is still to come; it belongs to the load's cost.
_SETTLE_S = 1.2


@dataclass(frozen=True, slots=True)
class Scenario:
    """One kind of load. `per` is how many units an answer counts for: 1 request, or its streamed events."""

    name: str
    title: str
    kind: str
    connections: int
    per: int

    @property
    def stream(self) -> bool:
        """Whether the answers are streamed."""
        return self.kind != "whole"


SCENARIOS = (
    Scenario("unary", "not streamed, 16 connections", "whole", 16, 1),
    Scenario("sequential", "not streamed, 1 connection", "whole", 1, 1),
    Scenario("paced", "streamed one event at a time, 64 streams", "paced", 64, payload.EVENTS),
    Scenario("burst", "streamed as fast as it goes, 64 streams", "burst", 64, payload.EVENTS),
)


@dataclass(frozen=True, slots=True)
class System:
    """Something measured: its processes and, by kind of answer, where to ask."""

    name: str
    pids: tuple[int, ...]
    targets: dict[str, Target]


@dataclass(frozen=True, slots=True)
class Figures:
    """One round, or the medians of several. CPU is per 1,000 requests or streamed events; 0.0: not measured."""

    per_s: float
    cpu_s_per_1k: float
    p50_ms: float
    p99_ms: float
    rss_mib: float


@dataclass(frozen=True, slots=True)
class Plan:
    """How long and how often, and where the bodies to send are (`unary.json`, `stream.json`)."""

    rounds: int
    seconds: float
    warm_up_s: float
    load_core: int | None
    folder: Path


def measure(scenario: Scenario, systems: Sequence[System], plan: Plan) -> dict[str, list[Figures]]:
    """Figures of every round, by system. Every system is checked and warmed up, then they take turns."""
    for system in systems:
        check(system.targets[scenario.kind], stream=scenario.stream)
        _load(scenario, system, plan, plan.warm_up_s)
    rounds: dict[str, list[Figures]] = {system.name: [] for system in systems}
    for _ in range(plan.rounds):
        for system in systems:
            rounds[system.name].append(_load(scenario, system, plan, plan.seconds))
    return rounds


def medians(rounds: Sequence[Figures]) -> Figures:
    """The median of each figure by itself."""
    return Figures(
        per_s=median(figures.per_s for figures in rounds),
        cpu_s_per_1k=median(figures.cpu_s_per_1k for figures in rounds),
        p50_ms=median(figures.p50_ms for figures in rounds),
        p99_ms=median(figures.p99_ms for figures in rounds),
        rss_mib=median(figures.rss_mib for figures in rounds),
    )


def _load(scenario: Scenario, system: System, plan: Plan, seconds: float) -> Figures:
    body = plan.folder / ("stream.json" if scenario.stream else "unary.json")
    target = system.targets[scenario.kind]
    before = cpu_s(system.pids)
    load = send(target, body=body, connections=scenario.connections, seconds=seconds, core=plan.load_core)
    time.sleep(_SETTLE_S)
    spent = cpu_s(system.pids) - before
    units = load.requests * scenario.per
    return Figures(
        per_s=units / load.duration_s,
        cpu_s_per_1k=spent / units * 1000,
        p50_ms=load.p50_ms,
        p99_ms=load.p99_ms,
        rss_mib=rss_mib(system.pids),
    )

"""What is measured: kinds of requests, rounds that alternate between the systems, and the medians."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from typing import Final

from tests.bench import grpc_load, payload
from tests.bench.load import Load, Target, check, send
from tests.bench.processes import confined, cpu_s, rss_mib

# After a load, work that is done in batches is still to come; it belongs to the load's cost.
_SETTLE_S = 1.2
# 320 requests a second are so few that in a round of two seconds the first ones of the connections are more than 1 %.
_SLOW_ROUND_S: Final = 10.0
CHAT: Final = "/v1/chat/completions"


@dataclass(frozen=True, slots=True)
class Scenario:
    """One kind of load.

    `kind` is the upstream's path, `per` how many units an answer counts for: 1 request, or its streamed events. `body`
    names one of `payload.bodies()`, `path` is where the gateway is asked. `is_grpc` goes by the gateway's gRPC port.
    A round lasts `least_s` seconds even where shorter ones are asked for.
    """

    name: str
    title: str
    kind: str
    connections: int
    per: int = 1
    body: str = "unary"
    path: str = CHAT
    is_grpc: bool = False
    least_s: float = 0.0

    @property
    def stream(self) -> bool:
        """Whether the answers are streamed."""
        return self.body == "stream"


def _streamed(name: str, title: str, kind: str, connections: int, *, is_grpc: bool = False) -> Scenario:
    return Scenario(name, title, kind, connections, payload.EVENTS, "stream", is_grpc=is_grpc)


SCENARIOS: Final = (
    Scenario("unary", "1 KB, not streamed, 16 connections", "whole", 16),
    Scenario("sequential", "1 KB, not streamed, 1 connection", "whole", 1),
    Scenario("large", "60 KB, not streamed, 16 connections", "whole", 16, body="large"),
    Scenario("slow", "upstream takes 50 ms, 16 connections", "slow", 16, least_s=_SLOW_ROUND_S),
    Scenario("hit", "the same request, cached, 16 connections", "whole", 16, body="repeated"),
    Scenario("messages", "Messages in, OpenAI's dialect out, 16", "whole", 16, body="messages", path="/v1/messages"),
    _streamed("paced4", "streamed one event at a time, 4 streams", "paced", 4),
    _streamed("paced", "streamed one event at a time, 64 streams", "paced", 64),
    _streamed("burst", "streamed as fast as it goes, 64 streams", "burst", 64),
    Scenario("grpc", "gRPC, not streamed, 16 at once", "whole", 16, is_grpc=True),
    _streamed("grpc-paced", "gRPC, streamed one event at a time, 64", "paced", 64, is_grpc=True),
)


@dataclass(frozen=True, slots=True)
class System:
    """Something measured: its processes and, by kind of answer, where to ask; `grpc_targets` where it has such a face.

    A target's URL is that of chat completions; other scenarios replace the path where `has_paths`. Where it is confined
    to `cores` together with its load, the load has as many threads, and the scenario's connections on each.
    """

    name: str
    pids: tuple[int, ...]
    targets: dict[str, Target]
    grpc_targets: dict[str, Target] | None = None
    has_paths: bool = False
    cores: tuple[int, ...] = ()

    def target(self, scenario: Scenario) -> Target | None:
        """Where to send a scenario's requests; None if this system has no such face."""
        if scenario.is_grpc:
            return None if self.grpc_targets is None else self.grpc_targets[scenario.kind]
        target = self.targets.get(scenario.kind)
        if target is None or scenario.path == CHAT or not self.has_paths:
            return target
        return replace(target, url=target.url.replace(CHAT, scenario.path))


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
    """How long and how often, and a folder for what is sent."""

    rounds: int
    seconds: float
    warm_up_s: float
    load_core: int | None
    folder: Path


def measure(scenario: Scenario, systems: Sequence[System], plan: Plan) -> dict[str, list[Figures]]:
    """Figures of every round, by system. Every system is checked and warmed up, then they take turns."""
    targets = [(system, target) for system in systems if (target := system.target(scenario)) is not None]
    for system, target in targets:
        if not scenario.is_grpc:
            check(target, _body(scenario, target), stream=scenario.stream)
        _round(scenario, system, target, plan, plan.warm_up_s)
    rounds: dict[str, list[Figures]] = {system.name: [] for system, _ in targets}
    for _ in range(plan.rounds):
        for system, target in targets:
            rounds[system.name].append(_round(scenario, system, target, plan, max(plan.seconds, scenario.least_s)))
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


def _round(scenario: Scenario, system: System, target: Target, plan: Plan, seconds: float) -> Figures:
    before = cpu_s(system.pids)
    with confined(system.cores):
        load = _load(scenario, target, plan, seconds, len(system.cores) or 1)
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


def _load(scenario: Scenario, target: Target, plan: Plan, seconds: float, threads: int) -> Load:
    body = plan.folder / "body.json"
    body.write_bytes(_body(scenario, target))
    if scenario.is_grpc:
        return grpc_load.send(target, body=body, calls=scenario.connections, seconds=seconds, core=plan.load_core)
    connections = scenario.connections * threads
    return send(target, body=body, connections=connections, seconds=seconds, core=plan.load_core, threads=threads)


def _body(scenario: Scenario, target: Target) -> bytes:
    """What is sent, with the model by the name that the target knows."""
    body = payload.bodies()[scenario.body]
    return body.replace(payload.MODEL.encode(), target.model.encode()) if target.model else body

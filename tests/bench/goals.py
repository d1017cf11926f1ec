"""The goals that the benchmark is for, each beside what was measured in the same run.

A goal says how its figure is made of the medians; a figure whose scenarios or systems were not measured is left out.
"""

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from tests.bench.scenarios import Figures

Medians = Mapping[str, Mapping[str, Figures]]
"""The medians by scenario and system."""

ONE: Final = "perpetuo, one process"
TWO: Final = "perpetuo, edge and core apart"
ONE_WORKER: Final = "perpetuo, 1 worker"
TWO_WORKERS: Final = "perpetuo, 2 workers"
FLOOR: Final = "nginx"
DIRECT: Final = "upstream alone"


FLOOR_ON: Final = {1: "nginx, 1 process on 1 core", 2: "nginx, 2 processes on 2 cores"}
OURS_ON: Final = {1: "perpetuo, 1 worker on 1 core", 2: "perpetuo, 2 workers on 2 cores"}
"""Names of what was measured with so many cores for everything, load and upstream too."""


@dataclass(frozen=True, slots=True)
class Row:
    """A goal and what was measured. `goal` and `stretch` are upper bounds, in the unit that the text names.

    They are lower bounds where `is_least`. A row without them explains another and is no goal.
    """

    text: str
    goal: float | None
    stretch: float | None
    measured: float
    is_least: bool = False

    def line(self) -> str:
        """One line of the table."""
        if self.goal is None or self.stretch is None:
            return f"{self.text:<66}{'-':>8}{'-':>9}{self.measured:>10.3f}"
        verdict = "stretch" if self._is_within(self.stretch) else "met" if self._is_within(self.goal) else "missed"
        return f"{self.text:<66}{self.goal:>8g}{self.stretch:>9g}{self.measured:>10.3f}  {verdict}"

    def _is_within(self, bound: float) -> bool:
        return self.measured >= bound if self.is_least else self.measured <= bound


def _cpu(scenario: str, over: str) -> Callable[[Medians], float]:
    return lambda found: found[scenario][ONE].cpu_s_per_1k / found[scenario][over].cpu_s_per_1k


def _gained(found: Medians, names: Mapping[int, str]) -> float:
    """How many times as many requests a second two cores answered as one."""
    return found["scaling"][names[2]].per_s / found["scaling"][names[1]].per_s


_GOALS: Final[tuple[tuple[str, float, float, Callable[[Medians], float]], ...]] = (
    ("CPU per request, times nginx", 5, 3, _cpu("unary", FLOOR)),
    ("CPU per request, times TensorZero", 1 / 2, 1 / 4, _cpu("unary", "TensorZero")),
    ("CPU per request, times Portkey", 1 / 10, 1 / 20, _cpu("unary", "Portkey")),
    ("CPU per request, times LiteLLM", 1 / 100, 1 / 250, _cpu("unary", "LiteLLM")),
    ("CPU per streamed event, 64 streams, times nginx", 2.5, 1.8, _cpu("paced", FLOOR)),
    (
        "added latency, one connection, p50, ms",
        0.5,
        0.3,
        lambda found: found["sequential"][ONE].p50_ms - found["sequential"][DIRECT].p50_ms,
    ),
    (
        "added latency, 16 connections and a 50 ms upstream, p99, ms",
        3,
        2,
        lambda found: found["slow"][ONE].p99_ms - found["slow"][DIRECT].p99_ms,
    ),
    (
        "cache hit, CPU per request, times a miss",
        0.5,
        0.5,
        lambda found: found["hit"][ONE].cpu_s_per_1k / found["unary"][ONE].cpu_s_per_1k,
    ),
    ("edge and core apart, CPU-s per 1,000 requests", 0.75, 0.75, lambda found: found["unary"][TWO].cpu_s_per_1k),
    ("memory after load, one process, MiB", 90, 70, lambda found: max(each[ONE].rss_mib for each in found.values())),
)

_TWO_ON_TWO: Final = "2 workers on 2 cores, throughput, times 1 on 1; at least"
_EXPLAINING: Final[tuple[tuple[str, Callable[[Medians], float]], ...]] = (
    ("  nginx the same: what the machine itself gives", lambda found: _gained(found, FLOOR_ON)),
    ("  the gateway's gain, times nginx's", lambda found: _gained(found, OURS_ON) / _gained(found, FLOOR_ON)),
    (
        "2 workers that share a core, CPU per request, times 1 worker",
        lambda found: found["unary"][TWO_WORKERS].cpu_s_per_1k / found["unary"][ONE_WORKER].cpu_s_per_1k,
    ),
)


def rows(found: Medians, start_s: float | None, idle_kib: float | None) -> list[Row]:
    """The goals that can be told from what was measured.

    `start_s` is the time from the command to the first answer, `idle_kib` the memory of a stream that waits.
    """
    told: list[Row] = []
    for text, goal, stretch, figure in _GOALS:
        with suppress(KeyError, ValueError):
            told.append(Row(text, goal, stretch, figure(found)))
    with suppress(KeyError):
        told.append(Row(_TWO_ON_TWO, 1.8, 2, _gained(found, OURS_ON), is_least=True))
    for text, figure in _EXPLAINING:
        with suppress(KeyError):
            told.append(Row(text, None, None, figure(found)))
    if idle_kib is not None:
        told.append(Row("memory of one idle stream, KiB", 100, 60, idle_kib))
    if start_s is not None:
        told.append(Row("cold start to the first answer, s", 1.5, 0.8, start_s))
    return told


def table(told: list[Row]) -> str:
    """The goals with their figures."""
    head = f"{'goal (at most, unless it says otherwise)':<66}{'goal':>8}{'stretch':>9}{'measured':>10}"
    return "\n".join([head, *(row.line() for row in told)])

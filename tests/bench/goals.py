"""The goals that the benchmark is for, each beside what was measured in the same run.

A goal says how its figure is made of the medians; a figure whose scenarios or systems were not measured is left out.
"""

from collections.abc import Callable, Mapping
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


@dataclass(frozen=True, slots=True)
class Row:
    """A goal and what was measured. `goal` and `stretch` are upper bounds, in the unit that the text names."""

    text: str
    goal: float
    stretch: float
    measured: float

    def line(self) -> str:
        """One line of the table."""
        verdict = "stretch" if self.measured <= self.stretch else "met" if self.measured <= self.goal else "missed"
        return f"{self.text:<66}{self.goal:>8g}{self.stretch:>9g}{self.measured:>10.3f}  {verdict}"


def _cpu(scenario: str, over: str) -> Callable[[Medians], float]:
    return lambda found: found[scenario][ONE].cpu_s_per_1k / found[scenario][over].cpu_s_per_1k


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
    (
        "2 workers on one core, CPU per request, times 1 worker",
        1.11,
        1,
        lambda found: found["unary"][TWO_WORKERS].cpu_s_per_1k / found["unary"][ONE_WORKER].cpu_s_per_1k,
    ),
    ("memory after load, one process, MiB", 90, 70, lambda found: max(each[ONE].rss_mib for each in found.values())),
)


def rows(found: Medians, start_s: float | None, idle_kib: float | None) -> list[Row]:
    """The goals that can be told from what was measured.

    `start_s` is the time from the command to the first answer, `idle_kib` the memory of a stream that waits.
    """
    told: list[Row] = []
    for text, goal, stretch, figure in _GOALS:
        try:
            told.append(Row(text, goal, stretch, figure(found)))
        except (KeyError, ValueError):
            continue
    if idle_kib is not None:
        told.append(Row("memory of one idle stream, KiB", 100, 60, idle_kib))
    if start_s is not None:
        told.append(Row("cold start to the first answer, s", 1.5, 0.8, start_s))
    return told


def table(told: list[Row]) -> str:
    """The goals with their figures."""
    head = f"{'goal (at most)':<66}{'goal':>8}{'stretch':>9}{'measured':>10}"
    return "\n".join([head, *(row.line() for row in told)])

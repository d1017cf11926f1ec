"""Prints the medians as tables and keeps everything as JSON."""

import json
import os
import platform
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path

from tests.bench.goals import Row
from tests.bench.scenarios import Figures, Scenario, medians
from tests.bench.upstream import nginx_path

_LIBRARIES = ("grpcio", "protobuf", "starlette", "uvicorn", "httptools", "msgspec", "uvloop")
_FLOOR = "nginx"


@dataclass(frozen=True, slots=True)
class Result:
    """One scenario: the rounds of every system."""

    scenario: Scenario
    rounds: Mapping[str, Sequence[Figures]]


def versions() -> dict[str, str]:
    """What was measured, with what, on what."""
    nginx = subprocess.run([nginx_path() or "nginx", "-v"], capture_output=True, text=True, check=True).stderr
    # wrk prints its version and then fails for want of a URL.
    wrk = subprocess.run(["wrk", "-v"], capture_output=True, text=True, check=False).stdout
    revision = subprocess.run(["git", "describe", "--always", "--dirty"], capture_output=True, text=True, check=False)
    return {
        "perpetuo": revision.stdout.strip() or "unknown",
        "python": platform.python_version(),
        **{name: version(name) for name in _LIBRARIES},
        "nginx": nginx.strip().rpartition("/")[2],
        "wrk": wrk.split("[")[0].removeprefix("wrk").strip(),
        "machine": f"{_processor()}, {os.cpu_count()} cores, {platform.system()} {platform.release()}",
    }


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())


def table(result: Result) -> str:
    """The medians of one scenario, a line per system, with the ratio to nginx in the same run."""
    scenario = result.scenario
    unit = "events" if scenario.stream else "requests"
    head = f"{scenario.title:<42}{unit + '/s':>12}{'CPU-s / 1k ' + unit:>21}{'x nginx':>9}"
    lines = [f"{head}{'p50 ms':>9}{'p99 ms':>9}{'MiB':>7}"]
    floor = medians(result.rounds[_FLOOR]).cpu_s_per_1k if _FLOOR in result.rounds else 0.0
    for name, rounds in result.rounds.items():
        figures = medians(rounds)
        cost = (
            f"{figures.cpu_s_per_1k:>21.4f}" + (f"{figures.cpu_s_per_1k / floor:>9.2f}" if floor else f"{'':>9}")
            if figures.cpu_s_per_1k
            else f"{'':>30}"
        )
        memory = f"{figures.rss_mib:>7.0f}" if figures.rss_mib else ""
        lines.append(f"  {name:<40}{figures.per_s:>12,.0f}{cost}{figures.p50_ms:>9.2f}{figures.p99_ms:>9.2f}{memory}")
    return "\n".join(lines)


def write(path: Path, results: Sequence[Result], rows: Sequence[Row], settings: Mapping[str, object]) -> None:
    """Keeps versions, settings, goals, medians and every round as JSON."""
    document = {
        "versions": versions(),
        "settings": settings,
        "goals": [asdict(row) for row in rows],
        "scenarios": {
            result.scenario.name: {
                "title": result.scenario.title,
                "medians": {name: asdict(medians(rounds)) for name, rounds in result.rounds.items()},
                "rounds": {name: [asdict(figures) for figures in rounds] for name, rounds in result.rounds.items()},
            }
            for result in results
        },
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    sys.stdout.write(f"\nEvery round is in {path}.\n")

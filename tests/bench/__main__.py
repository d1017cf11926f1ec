"""`make bench`: what a request and a streamed event cost in CPU, beside nginx as a reverse proxy in the same run.

The measured programs have one core for themselves; load and upstream have the other. The figure to trust is CPU time,
as a ratio to nginx: requests per second depend on the machine.
"""

import argparse
import sys
import tempfile
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

from tests.bench import gateway, payload, report
from tests.bench.load import Target, wrk_path
from tests.bench.processes import cores
from tests.bench.scenarios import SCENARIOS, Plan, System, measure
from tests.bench.upstream import Upstreams, nginx_path, upstreams

MODES = {"one": gateway.one_process, "two": gateway.two_processes}
TITLES = {"one": "perpetuo, one process", "two": "perpetuo, edge and core apart"}
KINDS = ("whole", "paced", "burst")


def arguments() -> argparse.Namespace:
    """The options of the command."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="rounds per system and scenario (default: 3)")
    parser.add_argument("--seconds", type=float, default=4, help="length of a round, whole seconds (default: 4)")
    parser.add_argument("--warm-up", type=float, default=2, help="load before the first round, seconds (default: 2)")
    parser.add_argument("--gap-ms", type=float, default=5, help="time between paced events (default: 5)")
    parser.add_argument("--modes", default="one,two", help="one, two, or none for the floor alone (default: one,two)")
    parser.add_argument("--scenarios", default=",".join(scenario.name for scenario in SCENARIOS))
    parser.add_argument("--output", type=Path, default=Path("build/bench.json"))
    return parser.parse_args()


def missing() -> list[str]:
    """Debian packages to install before anything can be measured."""
    return [name for name, found in {"nginx": nginx_path(), "wrk": wrk_path()}.items() if not found]


def floor(running: Upstreams) -> list[System]:
    """The upstream itself, which says what load and upstream can do, and nginx before it."""
    suffix = "chat/completions"
    direct = {kind: Target(f"{running.base_url(kind)}/{suffix}") for kind in KINDS}
    proxied = {kind: Target(f"http://127.0.0.1:{running.proxy_port}/{kind}/{suffix}") for kind in KINDS}
    return [System("upstream alone", (), direct), System("nginx", (running.proxy_pid,), proxied)]


def run(options: argparse.Namespace, folder: Path) -> None:
    """Starts everything, measures and reports."""
    measured, load = cores()
    sys.stdout.write("".join(f"{name} {what}\n" for name, what in report.versions().items()))
    sys.stdout.write("one core for all: figures are rough\n\n" if load is None else f"core {measured} measured\n\n")
    for name, body in {"unary": payload.request(stream=False), "stream": payload.request(stream=True)}.items():
        (folder / f"{name}.json").write_bytes(body)
    plan = Plan(options.rounds, options.seconds, options.warm_up, load, folder)
    starts_s: dict[str, float] = {}
    with ExitStack() as stack:
        running = stack.enter_context(upstreams(folder, measured=measured, load=load, gap_ms=options.gap_ms))
        systems = floor(running)
        for mode in (mode for mode in options.modes.split(",") if mode in MODES):
            started = stack.enter_context(MODES[mode](folder / mode, measured))
            starts_s[TITLES[mode]] = started.start_s
            targets = {kind: gateway.target(started, running, kind) for kind in KINDS}
            systems.append(System(TITLES[mode], started.pids, targets))
        results = []
        for scenario in (scenario for scenario in SCENARIOS if scenario.name in options.scenarios.split(",")):
            results.append(report.Result(scenario, measure(scenario, systems, plan)))
            sys.stdout.write(report.table(results[-1]) + "\n\n")
            sys.stdout.flush()
    report_end(options, results, starts_s)


def report_end(options: argparse.Namespace, results: list[report.Result], starts_s: Mapping[str, float]) -> None:
    """Prints how long the gateways took to serve, and keeps the figures."""
    for name, start_s in starts_s.items():
        sys.stdout.write(f"{name}: serving {start_s:.2f} s after the command\n")
    settings = {name: str(value) for name, value in vars(options).items()}
    report.write(options.output, results, starts_s, settings)


def main() -> int:
    """Runs the benchmark, or says what is missing for it."""
    options = arguments()
    if packages := missing():
        sys.stdout.write(
            f"Skipped: {' and '.join(packages)} not found. Debian, Ubuntu: apt install {' '.join(packages)}\n"
        )
        return 0
    if not Path("/proc/self/stat").exists():
        sys.stdout.write("Skipped: CPU time is read from /proc, which this system does not have.\n")
        return 0
    with tempfile.TemporaryDirectory(prefix="perpetuo-bench-") as folder:
        run(options, Path(folder))
    return 0


if __name__ == "__main__":
    sys.exit(main())

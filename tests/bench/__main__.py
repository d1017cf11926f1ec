"""`make bench`: what a request and a streamed event cost in CPU, beside nginx as a reverse proxy in the same run.

The measured programs have one core for themselves; load and upstream have the other. The figure to trust is CPU time,
as a ratio to nginx: requests per second depend on the machine. What two cores do more than one is measured at the end,
by itself.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from functools import partial
from pathlib import Path

from tests.bench import gateway, goals, idle, payload, peers, report, scaling
from tests.bench.load import Target, call, wrk_path
from tests.bench.processes import cores
from tests.bench.scenarios import SCENARIOS, Figures, Plan, Scenario, System, measure, medians
from tests.bench.upstream import Upstreams, nginx_path, upstreams

MODES: dict[str, Callable[[Path, int | None], AbstractContextManager[gateway.Gateway]]] = {
    "one": gateway.one_process,
    "two": gateway.two_processes,
    "w1": partial(gateway.with_workers, 1),
    "w2": partial(gateway.with_workers, 2),
}
TITLES = {"one": goals.ONE, "two": goals.TWO, "w1": goals.ONE_WORKER, "w2": goals.TWO_WORKERS}
SCALING = "cores"
_OF_WORKERS = {"w1", "w2", SCALING}
KINDS = ("whole", "paced", "burst", "slow")


def arguments() -> argparse.Namespace:
    """The options of the command."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="rounds per system and scenario (default: 3)")
    parser.add_argument("--seconds", type=float, default=4, help="length of a round, whole seconds (default: 4)")
    parser.add_argument("--warm-up", type=float, default=2, help="load before the first round, seconds (default: 2)")
    parser.add_argument("--gap-ms", type=float, default=5, help="time between paced events (default: 5)")
    parser.add_argument(
        "--modes",
        default=f"one,two,w1,w2,{SCALING}",
        help="one, two, w1 and w2 (workers), cores (all of it on one and on two), or none (default: all)",
    )
    parser.add_argument("--scenarios", default=",".join(scenario.name for scenario in SCENARIOS))
    parser.add_argument("--peers", default="", help=f"also measure: {', '.join(peers.NAMES)} (default: none)")
    parser.add_argument("--idle", type=int, default=900, help="streams that wait, for their memory; 0: none")
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
    return [System(goals.DIRECT, (), direct), System(goals.FLOOR, (running.proxy_pid,), proxied)]


def ours(name: str, started: gateway.Gateway, running: Upstreams) -> System:
    """A running gateway, with a user for each kind of upstream."""
    targets = {kind: gateway.target(started, running, kind) for kind in KINDS}
    address = f"127.0.0.1:{started.grpc_port}"
    grpc_targets = {kind: Target(address, target.key) for kind, target in targets.items()}
    return System(name, started.pids, targets, grpc_targets, has_paths=True)


def modes_of(asked: str) -> list[str]:
    """The modes that were asked for and can be measured here; says which cannot."""
    modes = [mode for mode in asked.split(",") if mode in {*MODES, SCALING}]
    packages = gateway.without_servers()
    if packages and _OF_WORKERS & set(modes):
        sys.stdout.write(f"Workers are left out: {', '.join(packages)} not installed, see `make setup`\n\n")
        return [mode for mode in modes if mode not in _OF_WORKERS]
    return modes


def run(options: argparse.Namespace, folder: Path) -> None:
    """Starts everything, measures and reports."""
    measured, load = cores()
    sys.stdout.write("".join(f"{name} {what}\n" for name, what in report.versions().items()))
    sys.stdout.write("one core for all: figures are rough\n\n" if load is None else f"core {measured} measured\n\n")
    plan = Plan(options.rounds, options.seconds, options.warm_up, load, folder)
    modes = modes_of(options.modes)
    with ExitStack() as stack:
        running = stack.enter_context(upstreams(folder, measured=measured, load=load, gap_ms=options.gap_ms))
        systems = floor(running)
        for mode in (mode for mode in modes if mode in MODES):
            started = stack.enter_context(MODES[mode](folder / mode, measured))
            systems.append(ours(TITLES[mode], started, running))
        for name in (name for name in options.peers.split(",") if name):
            systems.append(peers.start(name, stack, folder, running, measured))
        results = []
        for scenario in (scenario for scenario in SCENARIOS if scenario.name in options.scenarios.split(",")):
            results.append(_told(scenario, measure(scenario, systems, plan)))
    if SCALING in modes and measured is not None and load is not None:
        results.append(_told(scaling.SCENARIO, scaling.figures(folder, plan, (measured, load))))
    extra = (_start_s(folder, measured, load), _idle_kib(options, folder, measured, load)) if "one" in modes else None
    report_end(options, results, *(extra or (None, None)))


def _told(scenario: Scenario, rounds: dict[str, list[Figures]]) -> report.Result:
    result = report.Result(scenario, rounds)
    sys.stdout.write(report.table(result) + "\n\n")
    sys.stdout.flush()
    return result


def _start_s(folder: Path, measured: int | None, load: int | None) -> float:
    """Seconds from the command to the first answer of a model, at the second start: there is a database already."""
    with upstreams(_made(folder / "start"), measured=measured, load=load, gap_ms=1) as running:
        with gateway.one_process(folder / "cold", measured) as started:
            target = gateway.target(started, running, "whole")
        began = time.monotonic()
        with gateway.one_process(folder / "cold", measured) as started:
            call(Target(started.url("/v1/chat/completions"), target.key), payload.request())
            return time.monotonic() - began


def _idle_kib(options: argparse.Namespace, folder: Path, measured: int | None, load: int | None) -> float | None:
    """KiB of one stream that waits, in a gateway that does nothing else."""
    streams = min(options.idle, idle.descriptors() // 2)
    if not streams:
        return None
    with (
        upstreams(_made(folder / "silent"), measured=measured, load=load, gap_ms=1) as running,
        gateway.one_process(folder / "idle", measured) as started,
    ):
        return idle.stream_kib(gateway.target(started, running, "idle"), started.pids, streams)


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


def report_end(
    options: argparse.Namespace, results: list[report.Result], start_s: float | None, idle_kib: float | None
) -> None:
    """Prints the goals with what was measured, and keeps the figures."""
    found = {
        result.scenario.name: {name: medians(rounds) for name, rounds in result.rounds.items()} for result in results
    }
    told = goals.rows(found, start_s, idle_kib)
    sys.stdout.write(goals.table(told) + "\n")
    settings = {name: str(value) for name, value in vars(options).items()}
    report.write(options.output, results, told, settings)


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

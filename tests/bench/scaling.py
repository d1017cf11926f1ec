"""What two workers on two cores do beside one worker on one: everything there is, doubled.

Load, upstream, gateway, PostgreSQL and Valkey are confined to one core, with one thread of the load, one process of
the upstream and one worker; then to two cores, with two of each and twice the connections. Which of the two cores each
runs on is the scheduler's choice, as for users: nobody pins a worker. nginx in the gateway's place, with one process
and with two, says what the machine itself gives when everything doubles.
"""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Final

from tests.bench import gateway, goals
from tests.bench.load import Target
from tests.bench.processes import confined
from tests.bench.scenarios import Figures, Plan, Scenario, System, measure
from tests.bench.upstream import upstreams

# Connections find a worker by a hash, so that each needs many to be busy whatever the hash says.
SCENARIO: Final = Scenario("scaling", "1 KB, all on N cores, 32 connections each", "whole", 32)


def figures(folder: Path, plan: Plan, cores: Sequence[int]) -> dict[str, list[Figures]]:
    """Figures of every round, by system: nginx and gateway, each on the first of the cores and on all."""
    with ExitStack() as stack:
        one = stack.enter_context(_systems(folder, tuple(cores[:1])))
        all_of_them = stack.enter_context(_systems(folder, tuple(cores)))
        # Whose figures are compared take turns.
        systems = [system for pair in zip(one, all_of_them, strict=True) for system in pair]
        return measure(SCENARIO, systems, replace(plan, load_core=None))


@contextmanager
def _systems(folder: Path, cores: tuple[int, ...]) -> Iterator[list[System]]:
    number = len(cores)
    own = folder / f"scaling{number}"
    own.mkdir()
    with ExitStack() as stack:
        with confined(cores):
            running = stack.enter_context(upstreams(own, measured=None, load=None, gap_ms=5, processes=number))
            started = stack.enter_context(gateway.with_workers(number, own / "gateway", None))
        proxied = Target(f"http://127.0.0.1:{running.proxy_port}/whole/chat/completions")
        ours = gateway.target(started, running, "whole")
        yield [
            System(goals.FLOOR_ON[number], (running.proxy_pid,), {"whole": proxied}, cores=cores),
            System(goals.OURS_ON[number], started.pids, {"whole": ours}, cores=cores),
        ]

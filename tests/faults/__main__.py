"""`make faults-down`: all upstreams down under load, with its figures. Exit code 1 when something is not good."""

import argparse
import asyncio
import sys
import tempfile
from pathlib import Path

from server.telemetry.logs import LogFormat, configure
from tests.faults.down import REFUSED, Plan, all_down


def arguments() -> argparse.Namespace:
    """The options of the command."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0, help="how long all are down (60)")
    parser.add_argument("--rate", type=float, default=100.0, help="requests a second (100)")
    parser.add_argument("--faults", default=f"{REFUSED},error-500", help="faults of the mock, by commas, one run each")
    return parser.parse_args()


async def run(options: argparse.Namespace) -> int:
    """Every run; how many are not good."""
    configure(LogFormat.CONSOLE, "ERROR", sys.stderr)
    bad = 0
    for fault in options.faults.split(","):
        with tempfile.TemporaryDirectory() as folder:
            outcome = await all_down(Path(folder), Plan(options.rate, down_s=options.seconds, fault=fault))
        problems = outcome.problems(is_timed=True)
        bad += bool(problems)
        lines = [*outcome.figures(), *(f"NOT GOOD: {problem}" for problem in problems)]
        sys.stdout.write("\n  ".join(lines) + "\n")
        sys.stdout.flush()
    return bad


if __name__ == "__main__":
    sys.exit(min(asyncio.run(run(arguments())), 1))

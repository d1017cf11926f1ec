"""`make faults-overload`: the long form of these tests and its figures. Exit code 1 when something is not good."""

import argparse
import asyncio
import contextlib
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from tests.bench.load import wrk_path
from tests.bench.upstream import nginx_path
from tests.overload.flood import flood
from tests.overload.run import CALM_S, STREAMS, Expected, overload
from tests.overload.stage import staged

LOOSER: Final = Expected(goodput=0.8, shed_p99_s=0.5, recovery_s=5.0, health_p99_s=0.5)
"""Where the loop itself is what there is too little of, everything in it waits for its turn."""


def arguments() -> argparse.Namespace:
    """The options of the command."""
    parser = argparse.ArgumentParser(prog="python -m tests.overload", description=__doc__)
    parser.add_argument("--seconds", type=float, default=30.0, help="how long too much is offered, seconds (30)")
    parser.add_argument("--inside", type=int, default=20, help="calls that may be inside, each of 50 ms (20)")
    parser.add_argument("--only", default="places,processor", help="which parts, by commas (both)")
    parser.add_argument("--goodput", type=float, default=0.85, help="least share of the capacity (0.85)")
    return parser.parse_args()


def say(line: str) -> None:
    """Prints a line at once."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


async def run(options: argparse.Namespace, part: str) -> bool:
    """Runs one part; says whether all was good."""
    expected = Expected(goodput=options.goodput)
    with tempfile.TemporaryDirectory(prefix="perpetuo-overload-", ignore_cleanup_errors=True) as folder:
        if part == "places":
            say(f"{options.inside} calls may be inside; three times what that allows is offered, {options.seconds:g} s")
            places = ("--max-in-flight", str(options.inside + STREAMS), "--max-lag-ms", "0")
            async with staged(Path(folder), places, CALM_S + options.seconds + 1.0) as stage:
                found = await overload(stage, options.inside, options.seconds)
        else:
            say(f"no bound but the processor; three times what it can do is offered, {options.seconds:g} s")
            expected = LOOSER
            async with staged(Path(folder), ("--max-lag-ms", "50"), 1.0, is_quick=True) as stage:
                found = await flood(stage, options.seconds)
    for line in found.lines():
        say(f"  {line}")
    wrong = [*found.faults(), *found.misses(expected)]
    for fault in wrong:
        say(f"  NOT GOOD: {fault}")
    return not wrong


def parts(options: argparse.Namespace) -> Iterator[str]:
    """The parts that can be run."""
    for part in options.only.split(","):
        if part == "processor" and (wrk_path() is None or nginx_path() is None):
            say("no bound but the processor: left out, it needs wrk and nginx")
        else:
            yield part


def main() -> int:
    """Runs everything and judges."""
    options = arguments()
    with contextlib.suppress(KeyboardInterrupt):
        good = [asyncio.run(run(options, part)) for part in parts(options)]
        return 0 if all(good) else 1
    return 130


if __name__ == "__main__":
    sys.exit(main())

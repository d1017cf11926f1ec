"""`make faults-overload`: the long form of these tests and its figures. Exit code 1 when something is not good."""

import argparse
import asyncio
import contextlib
import sys
import tempfile
from pathlib import Path

from tests.overload.run import CALM_S, STREAMS, Expected, overload
from tests.overload.stage import staged


def arguments() -> argparse.Namespace:
    """The options of the command."""
    parser = argparse.ArgumentParser(prog="python -m tests.overload", description=__doc__)
    parser.add_argument("--seconds", type=float, default=30.0, help="how long too much is offered, seconds (30)")
    parser.add_argument("--inside", type=int, default=20, help="calls that may be inside, each of 50 ms (20)")
    parser.add_argument("--goodput", type=float, default=0.85, help="least share of the capacity (0.85)")
    return parser.parse_args()


def say(line: str) -> None:
    """Prints a line at once."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


async def run(options: argparse.Namespace) -> bool:
    """Runs it; says whether all was good."""
    with tempfile.TemporaryDirectory(prefix="perpetuo-overload-", ignore_cleanup_errors=True) as folder:
        places = ("--max-in-flight", str(options.inside + STREAMS), "--max-lag-ms", "0")
        async with staged(Path(folder), places, CALM_S + options.seconds + 1.0) as stage:
            found = await overload(stage, options.inside, options.seconds)
    for line in found.lines():
        say(f"  {line}")
    wrong = [*found.faults(), *found.misses(Expected(goodput=options.goodput))]
    for fault in wrong:
        say(f"  NOT GOOD: {fault}")
    return not wrong


def main() -> int:
    """Runs everything and judges."""
    options = arguments()
    with contextlib.suppress(KeyboardInterrupt):
        say(f"{options.inside} calls may be inside; three times what that allows is offered for {options.seconds:g} s")
        return 0 if asyncio.run(run(options)) else 1
    return 130


if __name__ == "__main__":
    sys.exit(main())

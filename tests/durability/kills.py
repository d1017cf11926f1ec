"""A gateway is killed in the middle of its work, again and again; its books must hold what its clients have."""

import asyncio
import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.durability.books import Verdict, judge
from tests.durability.load import Fate, Load
from tests.durability.stage import staged


@dataclass(frozen=True, slots=True)
class Killing:
    """How often it is killed, at which load, and between how many seconds of it at least and at most."""

    kills: int
    rate: float
    least_s: float = 0.5
    most_s: float = 2.5
    seed: int = 1


@dataclass(frozen=True, slots=True)
class Killed:
    """What came of it. `starts_s` is how long each start took after a kill, `queued_s` its wait for a CPU, seconds."""

    verdict: Verdict
    fates: Counter[Fate]
    starts_s: Sequence[float]
    queued_s: Sequence[float]


async def kill_again_and_again(
    folder: Path, database_url: str, killing: Killing, options: Sequence[str] = ()
) -> Killed:
    """Runs the load over all kills, then compares."""
    rng = random.Random(killing.seed)
    async with staged(folder, database_url, ("--database-answer-s", "30", *options)) as (gateway, account):
        load = Load(gateway.port, account.key, killing.rate)
        load.start()
        for _ in range(killing.kills):
            await asyncio.sleep(rng.uniform(killing.least_s, killing.most_s))
            await gateway.kill()
            await gateway.start()
        await asyncio.sleep(killing.least_s)
        await load.stop()
        await gateway.stop()
        # What the last process left, if anything, is written down by one more start.
        await gateway.start()
        await gateway.stop()
        verdict = judge(gateway.database, load.sent)
        left = list((folder / "data" / "spool").glob("run_*"))
        if left:
            verdict.wrong.append(f"the spool still holds {[path.name for path in left]}")
        return Killed(verdict, load.fates(), gateway.starts_s[1:], gateway.queued_s[1:])

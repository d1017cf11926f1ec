"""A limit of one key over two replicas, offered three times as much, most of it to one of them, window after window.

Then Valkey is killed: each replica goes on with its share, so that no window holds more than the limit, but for the one
in which it went, which may hold a share more; and calls without a limit go on as if nothing had happened.
"""

import asyncio
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import httpx2

from tests.durability.load import Fate, Load, Sent
from tests.replicas.stage import two_replicas
from tests.unit.server.state.valkeys import Valkey

WINDOW_S: Final = 60.0
TOLERANCE: Final = 0.01
_MODEL: Final = "mock/ok"
_OUTAGES: Final = "perpetuo_state_outages_total "


@dataclass(frozen=True, slots=True)
class Offered:
    """Calls a minute that are allowed, how many times as many are made, and the share of them at the first replica."""

    per_minute: int = 600
    times: float = 3.0
    skew: float = 0.9
    free_rate: float = 5.0


@dataclass(frozen=True, slots=True)
class Seen:
    """Calls admitted in each window before and after the kill, and what became of those without a limit.

    `asked` is how many were made in each window; `outages` how often a replica took Valkey for away before the kill.
    """

    before: Sequence[int]
    after: Sequence[int]
    asked: Sequence[int]
    outages: int
    unlimited: Counter[Fate]
    others: int

    def is_good(self, offered: Offered) -> bool:
        """Whether all of it is as it should be."""
        limit = offered.per_minute
        return (
            all(abs(count - limit) <= limit * TOLERANCE for count in self.before)
            and all(0 < count <= limit for count in self.after[1:])
            and self.after[0] <= limit * 1.5
            and set(self.unlimited) == {Fate.COMPLETE}
            and not self.others
        )


async def watch(folder: Path, database_url: str, valkey: Valkey, offered: Offered, before: int, after: int) -> Seen:
    """Offers the load for so many windows before and after the kill."""
    async with two_replicas(folder, database_url, valkey, "enterprise") as replicas:
        account = await replicas.user("windows@example.com")
        key = await replicas.key(account, requests_per_minute=offered.per_minute)
        rate = offered.per_minute / 60 * offered.times
        shares = (offered.skew, 1 - offered.skew)
        loads = [Load(port, key, rate * share, 0.3, _MODEL) for port, share in zip(replicas.ports, shares, strict=True)]
        free = [Load(port, account.key, offered.free_rate, 0.3, _MODEL) for port in replicas.ports]
        began_s = asyncio.get_running_loop().time()
        for load in (*loads, *free):
            load.start()
        await asyncio.sleep(before * WINDOW_S)
        outages = sum([await outage_count(url) for url in replicas.urls])
        if after:
            await asyncio.to_thread(valkey.stop)
            await asyncio.sleep(after * WINDOW_S)
        for load in (*loads, *free):
            await load.stop()
    sent = [each for load in loads for each in load.sent]
    counts = by_window((each for each in sent if each.status == 200), began_s, before + after)
    asked = by_window(sent, began_s, before + after)
    fates = Counter(each.fate for load in free for each in load.sent)
    others = sum(each.status not in {200, 429} for each in sent)
    return Seen(counts[:before], counts[before:], asked, outages, fates, others)


async def outage_count(url: str) -> int:
    """How often a replica has taken Valkey for away."""
    async with httpx2.AsyncClient(timeout=60) as client:
        page = (await client.get(f"{url}/metrics")).text
    return sum(int(float(line.split()[1])) for line in page.splitlines() if line.startswith(_OUTAGES))


def by_window(sent: Iterable[Sent], began_s: float, windows: int) -> list[int]:
    """How many calls were made in each window."""
    found = Counter(int((each.at_s - began_s) / WINDOW_S) for each in sent)
    return [found[number] for number in range(windows)]

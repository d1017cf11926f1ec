"""There is no room for request records: neither the database takes them nor the disk has room for the spool.

Completions go on all the same, or are refused before any provider is asked, as the gateway was told.
"""

import asyncio
import contextlib
import subprocess
from collections import Counter
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

import httpx2

from tests.durability.books import Verdict, judge
from tests.durability.load import Fate, Load
from tests.durability.stage import Gateway, staged
from tests.e2e.gateway import Account

NOT_KEPT = 'perpetuo_spool_records_total{outcome="not_kept"}'

_SMALL_SPOOL = ("--spool-max-mib", "1", "--log-level", "warning")
_FELT_FOR_S = 1.0
_AT_ONCE = 100
_REFUSED = 503
_FILLER_BYTES = 64 * 1024


@dataclass(slots=True)
class Full:
    """What came of it. `asked_upstream` is how many requests the provider saw, `series` the ledger's metrics."""

    fates: Counter[Fate]
    statuses: set[int]
    asked_upstream: int
    series: dict[str, float]
    answers_again: bool
    verdict: Verdict


async def without_room(folder: Path, taken: AbstractContextManager[None], *, rate: float, requires_log: bool) -> Full:
    """Runs the load while `taken` takes the room away, until that is felt; then asks once more when it is back."""
    options = (*_SMALL_SPOOL, *(["--require-log"] if requires_log else []))
    async with staged(folder, options=options) as (gateway, account):
        load = Load(gateway.port, account.key, rate, model="mock/slow?ms=5&n=4", at_once=_AT_ONCE)
        async with httpx2.AsyncClient(base_url=gateway.upstream_url.removesuffix("/v1"), timeout=60) as upstream:
            await upstream.delete("/mock/requests")
            with taken:
                load.start()
                await _felt(gateway, load)
                await asyncio.sleep(_FELT_FOR_S)
                await load.stop()
                series = await _series(gateway)
                asked = len((await upstream.get("/mock/requests")).json()["requests"])
        during = list(load.sent)
        answers_again = await _answers_again(gateway, account)
        await gateway.stop()
        verdict = judge(gateway.database, during)
    fates = Counter(sent.fate for sent in during)
    return Full(fates, {sent.status for sent in during}, asked, series, answers_again, verdict)


@contextlib.contextmanager
def small_disk(folder: Path, mib: int) -> Iterator[Path]:
    """A file system of that size in memory; needs the right to mount one. Raises CalledProcessError without it."""
    mounted = folder / "disk"
    mounted.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={mib}m,mode=700", "tmpfs", mounted], check=True)
    try:
        yield mounted
    finally:
        subprocess.run(["umount", "-l", mounted], check=True)


@contextlib.contextmanager
def filled(disk: Path) -> Iterator[None]:
    """Nothing has room on that disk any more, to the last page."""
    filler = disk / "filler"
    for size in (_FILLER_BYTES, 4096, 1):
        with contextlib.suppress(OSError), filler.open("ab", buffering=0) as file:
            while file.write(bytes(size)) == size:
                pass
    try:
        yield
    finally:
        filler.unlink()


async def _felt(gateway: Gateway, load: Load) -> None:
    """Waits until a request was refused, or a record found no room."""
    async with asyncio.timeout(240):
        while not any(sent.status == _REFUSED for sent in load.sent):
            await asyncio.sleep(0.2)
            if (await _series(gateway))[NOT_KEPT]:
                return


async def _series(gateway: Gateway) -> dict[str, float]:
    """What the gateway counts of its records."""
    async with httpx2.AsyncClient(base_url=gateway.url, timeout=60) as client:
        lines = (await client.get("/metrics")).text.splitlines()
    wanted = (line.rpartition(" ") for line in lines if line.startswith(("perpetuo_ledger_", "perpetuo_spool_")))
    return {name: float(value) for name, _, value in wanted}


async def _answers_again(gateway: Gateway, account: Account) -> bool:
    """Whether a completion is answered, once there is room again."""
    body = {"model": "mock/ok", "messages": [{"role": "user", "content": "again"}]}
    async with httpx2.AsyncClient(base_url=gateway.url, timeout=60) as client:
        for _ in range(600):
            answer = await client.post(
                "/v1/chat/completions", json=body, headers={"authorization": f"Bearer {account.key}"}
            )
            if answer.status_code == 200:
                return True
            await asyncio.sleep(0.1)
    return False

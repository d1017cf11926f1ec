"""`python -m tests.faults.soak --streams 50000`: streams whose clients leave, and what the gateway keeps of them.

The gateway and the mock run in processes of their own. Every so many streams the gateway's memory, open files, tasks of
its metrics and connections are printed, and at the end what is different from the beginning. Exit code 1: something is.
"""

import argparse
import asyncio
import contextlib
import itertools
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import grpc.aio

from tests.e2e.gateway import Account, Gateway, add_provider, gateway, running, sign_up
from tests.faults.asking import Question
from tests.faults.leavers import GrpcLeaver, Leaver, RestLeaver

AT_A_TIME = 40
EVERY_GRPC = 4
MODEL = "mock/slow?n=500&ms=20"
WAIT_S = 60.0
HELD = (
    "perpetuo_requests_in_flight",
    "perpetuo_http_requests_open",
    "perpetuo_upstream_connections",
    "perpetuo_upstream_waiting_calls",
    "perpetuo_upstream_calls",
    "perpetuo_queued_requests",
    "perpetuo_ledger_pending_records",
)
"""The gauges that are 0 at rest."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What the gateway holds: resident memory in MiB, open files, and the sum of the gauges."""

    rss_mib: float
    files: int
    held: float

    def __str__(self) -> str:
        return f"{self.rss_mib:8.1f} MiB  {self.files:4} files  {self.held:4.0f} held"


@dataclass(slots=True)
class Soak:
    """A gateway with a mock behind it, and clients that leave."""

    running: Gateway
    account: Account
    channel: grpc.aio.Channel
    session: aiohttp.ClientSession
    count: int = 0

    async def leave(self, streams: int) -> None:
        """So many clients hear the first content and leave, some of them by gRPC."""
        left = itertools.count()

        async def client() -> None:
            while (number := next(left)) < streams:
                await self._one(is_grpc=number % EVERY_GRPC == 0)

        await asyncio.gather(*(client() for _ in range(AT_A_TIME)))
        self.count += streams

    async def _one(self, *, is_grpc: bool) -> None:
        question = Question(self.account.key, True, 60.0, MODEL, f"Stream {time.monotonic_ns()}.")
        asked: Leaver
        if is_grpc:
            asked = await GrpcLeaver.ask(self.channel, question)
        else:
            asked = await RestLeaver.ask(self.running.url, question)
        await asked.hear()
        asked.leave()
        await asked.gone()

    async def at_rest(self) -> Seen:
        """What is held once nothing is under way, or after a while in any case."""
        ends_s = time.monotonic() + WAIT_S
        while (seen := await self.seen()).held and time.monotonic() < ends_s:
            await asyncio.sleep(0.2)
        return seen

    async def seen(self) -> Seen:
        """What is held now; the request that asks is not counted."""
        async with self.session.get(f"{self.running.url}/metrics") as answer:
            lines = (await answer.text()).splitlines()
        held = sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(HELD))
        process = Path(f"/proc/{self.running.pid}")
        status = (process / "status").read_text()
        rss_kib = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS"))
        return Seen(rss_kib / 1024, len(list((process / "fd").iterdir())), held - 1)


@contextlib.asynccontextmanager
async def soaking(directory: Path) -> AsyncIterator[Soak]:
    """Everything, until the block ends."""
    async with running(directory, "--port", "0", module="cli.mock") as mock, gateway(
        directory, "--allow-private-upstreams", "--default-plan", "enterprise", "--log-level", "error"
    ) as found:  # fmt: skip
        account = await sign_up(found.url, "soak@example.com")
        await add_provider(found.url, account, mock["base_url"])
        async with grpc.aio.insecure_channel(found.target) as channel, aiohttp.ClientSession() as session:
            yield Soak(found, account, channel, session)


async def run(streams: int, step: int, directory: Path) -> tuple[Seen, Seen]:
    """Soaks, prints, and gives what was held after the first step and at the end."""
    async with soaking(directory) as soak:
        print(f"{0:8} streams  {await soak.at_rest()}")
        first: Seen | None = None
        began_s = time.monotonic()
        while soak.count < streams:
            await soak.leave(min(step, streams - soak.count))
            seen = await soak.at_rest()
            first = first or seen
            print(f"{soak.count:8} streams  {seen}  {soak.count / (time.monotonic() - began_s):6.0f}/s", flush=True)
        assert first is not None
        return first, seen


def main(arguments: Sequence[str] | None = None) -> int:
    """Reads the command line, soaks, and judges."""
    parser = argparse.ArgumentParser("tests.faults.soak", description="Streams whose clients leave.")
    parser.add_argument("--streams", type=int, default=50_000)
    parser.add_argument("--step", type=int, default=5_000)
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="perpetuo-soak-") as folder:
        first, last = asyncio.run(run(options.streams, options.step, Path(folder)))
    print(f"since the first step: {last.rss_mib - first.rss_mib:+.1f} MiB, {last.files - first.files:+} files")
    return int(bool(last.held) or last.files > first.files + AT_A_TIME)


if __name__ == "__main__":
    sys.exit(main())

"""`python -m tests.faults.siege --sockets 2000`: clients that mean no good, and what others notice of them.

The gateway and the attackers run in processes of their own. During each attack healthy clients ask for `/health/ready`
and for completions; what is printed is how long these take, what the gateway's memory grows by and what it computes,
and how many bad connections it has closed by itself. Exit code 1: a healthy request failed, or the gateway has died.
"""

import argparse
import asyncio
import contextlib
import os
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import aiohttp
import msgspec

from tests.e2e.gateway import Gateway, gateway
from tests.faults.attacks import ATTACKS
from tests.faults.figures import Spread

NOBODY: Final = "nobody"
PAUSE_S: Final = 0.02


class Told(msgspec.Struct):
    """What attackers tell in the end."""

    closed: int = 0
    sent: int = 0


@dataclass(slots=True)
class Siege:
    """A gateway, how many sockets an attack may have, how long it lasts, and what healthy clients saw go wrong."""

    running: Gateway
    sockets: int
    seconds: float
    failures: list[str] = field(default_factory=list)

    async def during(self, name: str) -> str:
        """One line about one attack."""
        rss_mib, cpu_s = self._rss_mib(), self._cpu_s()
        attacking = asyncio.ensure_future(self._attack(name))
        spread = await self._healthy(attacking)
        told = await attacking
        grown_mib, spent_s = self._rss_mib() - rss_mib, self._cpu_s() - cpu_s
        return (
            f"{name:24} {spread}  {grown_mib:+7.1f} MiB  {spent_s:5.1f} s CPU  {told.closed:5} closed"
            f"{f', {told.sent} sent' if told.sent else ''}"
        )

    async def _attack(self, name: str) -> Told:
        if name == NOBODY:
            await asyncio.sleep(self.seconds)
            return Told()
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.faults.attacks", name, "--port", str(self.running.port)),
            *("--grpc-port", str(self.running.grpc_port), "--sockets", str(self.sockets)),
            *("--seconds", str(self.seconds)),
            stdout=asyncio.subprocess.PIPE,
        )
        output, _ = await process.communicate()
        return msgspec.json.decode(output, type=Told)

    async def _healthy(self, attacking: "asyncio.Future[Told]") -> Spread:
        """How long healthy requests take while an attack goes on, each on a connection of its own."""
        times: list[float] = []
        connector = aiohttp.TCPConnector(limit=0, force_close=True)
        async with aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(30)) as session:
            while not attacking.done():
                began_s = time.perf_counter()
                try:
                    status = await self._ask(session, is_page=len(times) % 2 == 1)
                except (aiohttp.ClientError, OSError, TimeoutError) as error:
                    self.failures.append(repr(error))
                    continue
                if status != 200:
                    self.failures.append(f"status {status}")
                times.append(time.perf_counter() - began_s)
                await asyncio.sleep(PAUSE_S)
        return Spread.of(times)

    async def _ask(self, session: aiohttp.ClientSession, *, is_page: bool) -> int:
        if is_page:
            async with session.get(f"{self.running.url}/health/ready") as answer:
                return answer.status
        body = {"model": "demo/echo", "messages": [{"role": "user", "content": f"Hello {time.monotonic_ns()}!"}]}
        headers = {"authorization": f"Bearer {self.running.demo_key}"}
        async with session.post(f"{self.running.url}/v1/chat/completions", json=body, headers=headers) as answer:
            await answer.read()
            return answer.status

    def _rss_mib(self) -> float:
        status = Path(f"/proc/{self.running.pid}/status").read_text()
        return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS")) / 1024

    def _cpu_s(self) -> float:
        fields = Path(f"/proc/{self.running.pid}/stat").read_text().rpartition(") ")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextlib.asynccontextmanager
async def besieged(directory: Path, sockets: int, seconds: float) -> AsyncIterator[Siege]:
    """The gateway, until the block ends."""
    async with gateway(directory, "--log-level", "error", "--default-plan", "enterprise") as running:
        yield Siege(running, sockets, seconds)


async def run(names: Sequence[str], sockets: int, seconds: float, directory: Path) -> list[str]:
    """Every attack, one after the other; gives what healthy clients saw go wrong."""
    async with besieged(directory, sockets, seconds) as siege:
        for name in names:
            print(await siege.during(name), flush=True)
        return siege.failures


def main(arguments: Sequence[str] | None = None) -> int:
    """Reads the command line, attacks, and judges."""
    parser = argparse.ArgumentParser("tests.faults.siege", description="Clients that mean no good.")
    parser.add_argument("--sockets", type=int, default=2000)
    parser.add_argument("--seconds", type=float, default=15.0)
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="perpetuo-siege-") as folder:
        failures = asyncio.run(run([NOBODY, *ATTACKS], options.sockets, options.seconds, Path(folder)))
    for failure in failures[:20]:
        print(f"a healthy request failed: {failure}")
    return int(bool(failures))


if __name__ == "__main__":
    sys.exit(main())

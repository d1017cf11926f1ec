"""`python -m tests.bench.state_cost`: what limits that are shared in Valkey cost each request that they hold for.

A Valkey of its own on this machine. Microseconds of CPU of the gateway's side (client and event loop) and of the server
for one admission by the two windows of a plan, one after the other and 64 side by side; scripts for each admission; and
the same of limits that are counted in this process.
"""

import asyncio
import time
from typing import Any

from server.chat.rates import Quota, RateStore, Window
from server.state.memory import MemoryRates
from server.state.shared_rates import SharedRates
from tests.unit.server.state.valkeys import Valkey, client_of, opened, running_valkey

ROUNDS = 7
CALLS = 1_024
SIDE_BY_SIDE = 64
QUOTAS = (Quota("usr_1", Window.MINUTE, 10**9), Quota("usr_1", Window.DAY, 10**9))


async def best_us(store: RateStore, side_by_side: int) -> float:
    """Microseconds of CPU of one admission, in the best of the rounds."""
    best = float("inf")
    for _ in range(ROUNDS):
        began = time.process_time()
        for _ in range(CALLS // side_by_side):
            await asyncio.gather(*(store.take(QUOTAS) for _ in range(side_by_side)))
        best = min(best, time.process_time() - began)
    return best / CALLS * 1e6


async def server_side(valkey: Valkey) -> tuple[float, int]:
    """Seconds of CPU of the server so far, and how many scripts it has run."""
    client: Any = client_of(valkey)
    try:
        cpu, commands = await client.info("cpu"), await client.info("commandstats")
    finally:
        await client.aclose()
    return cpu["used_cpu_user"] + cpu["used_cpu_sys"], commands.get("cmdstat_evalsha", {"calls": 0})["calls"]


async def measure(valkey: Valkey) -> None:
    """Prints the figures."""
    memory = MemoryRates()
    print(f"in this process:                 {await best_us(memory, 1):7.1f} us of CPU")
    await memory.close()
    async with opened(valkey) as link:
        shared = SharedRates(link, 2)
        for count in (1, SIDE_BY_SIDE):
            await shared.take(QUOTAS)
            before_s, scripts = await server_side(valkey)
            own_us = await best_us(shared, count)
            after_s, scripts_after = await server_side(valkey)
            calls = ROUNDS * CALLS
            print(
                f"in Valkey, {count:2} side by side:       {own_us:7.1f} us of CPU here, "
                f"{(after_s - before_s) / calls * 1e6:6.1f} us there, {(scripts_after - scripts) / calls:.2f} scripts"
            )
        await shared.close()


def main() -> None:
    """Starts the server and measures."""
    with running_valkey() as valkey:
        asyncio.run(measure(valkey))


if __name__ == "__main__":
    main()

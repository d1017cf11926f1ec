"""`python -m tests.bench.spool_cost`: what the spool costs each request that goes to a provider.

In this process, on the file system of the directory for temporary files: microseconds of CPU to note that a request
goes upstream, and to keep its record, segments being made and removed meanwhile as with a database that keeps up.
"""

import asyncio
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from server.chat.records import OperationStart
from server.ledger.spool.spool import Spool, SpoolBounds
from tests.bench.metrics_cost import NOW, RECORD

ROUNDS = 15
CALLS = 2_000
START = OperationStart(
    "req_1", "ws_1", "usr_1", "key_1", "rest", None, "gpt-4o", "default", "simple", True, False, NOW, "prov_1",
    "openai", "gpt-4o", 1,
)  # fmt: skip


async def best_us(work: Callable[[], None], after: Callable[[], None]) -> float:
    """Microseconds of CPU of one call, in the best of the rounds; `after` each round is not counted."""
    best = float("inf")
    for _ in range(ROUNDS):
        began = time.process_time()
        for _ in range(CALLS):
            work()
        best = min(best, time.process_time() - began)
        after()
        await asyncio.sleep(0.01)
    return best / CALLS * 1e6


async def measure(folder: Path) -> None:
    """Prints the figures."""
    spool = Spool.open(folder / "spool", SpoolBounds())

    def settle() -> None:
        segment = spool.settle("prices/1", RECORD)
        assert segment is not None
        segment.waiting -= 1

    def both() -> None:
        spool.start(START)
        settle()

    settle_us = await best_us(settle, spool.tidy)
    both_us = await best_us(both, spool.tidy)
    await spool.close()
    start_bytes, record_bytes = len(msgspec.msgpack.encode(START)), len(msgspec.msgpack.encode(RECORD))
    print(f"noting that a request goes out:  {both_us - settle_us:6.2f} us of CPU, {start_bytes} bytes")
    print(f"keeping its record:              {settle_us:6.2f} us of CPU, {record_bytes} bytes")


def main() -> None:
    """Runs it in a folder for temporary files."""
    with tempfile.TemporaryDirectory(prefix="perpetuo-spool-") as folder:
        asyncio.run(measure(Path(folder)))


if __name__ == "__main__":
    main()

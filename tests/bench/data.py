"""`make bench-data`: a store with many operations, and how long what reads and writes it takes.

Operations go straight into the store, by the ledger's own way, over 30 days. Figures are medians of some calls.
"""

import argparse
import asyncio
import contextlib
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg

from server.chat.principal import Plan
from server.chat.records import AttemptRecord, OperationRecord
from server.chat.usage import Usage
from server.ledger.analytics import Analytics
from server.ledger.export import Exports
from server.ledger.log_query import DEFAULT_LIMIT, MAX_ROW, AskedLogs
from server.ledger.logs import Logs
from server.ledger.retention import Retention, RetentionRules
from server.storage.backend import StoreBounds
from server.storage.database import Database
from server.storage.selection import EVERY_OPERATION
from server.storage.users import User
from server.storage.workspaces import Workspace
from tests.stores.postgres import postgres_server

PROVIDERS = ("openai", "groq", "mistral")
MODELS = ("gpt-4o", "gpt-4o-mini", "llama-3.3-70b", "mistral-large")
BATCH = 500
DAYS = 30
CALLS = 20
RARE = 20_000
"""One operation in so many is of a model and of a key that no other has."""


def record(chance: random.Random, number: int, count: int, end: datetime) -> OperationRecord:
    """One of `count` operations, the later the higher its number."""
    moment = end - timedelta(days=DAYS) * (1 - number / count)
    provider, model, is_ok = chance.choice(PROVIDERS), chance.choice(MODELS), chance.random() < 0.98
    key_id = f"key_{chance.randrange(5)}"
    if number % RARE == RARE // 2:
        model, key_id = "rare", "key_rare"
    usage = Usage(chance.randrange(4000), 0, 0, chance.randrange(800))
    latency_ms = int(chance.lognormvariate(6.5, 0.7))
    outcome, status = ("ok", 200) if is_ok else ("UPSTREAM_TIMEOUT", 504)
    attempt = AttemptRecord(
        1, f"prov_{provider}", provider, model, outcome, status, moment, latency_ms, 90, usage, 5000
    )
    return OperationRecord(
        f"req_{number:026}", "ws_1", "usr_1", key_id, "rest", None, model, model, provider,
        f"prov_{provider}", "default", "simple", True, False, status, outcome, usage, 5000, latency_ms + 2, 91, moment,
        attempts=(attempt,),
    )  # fmt: skip


async def fill(database: Database, count: int, end: datetime) -> float:
    """Writes them all; how many in a second."""
    chance, spent_s = random.Random(1), 0.0
    async with database.write() as tx:
        await tx.users.add(User("usr_1", "a@example.com", "hash", "A", Plan.FREE, False, end, end))
        await tx.workspaces.add(Workspace("ws_1", "usr_1", "W", "default", True, end))
    for start in range(0, count, BATCH):
        batch = [record(chance, number, count, end) for number in range(start, min(count, start + BATCH))]
        began = time.perf_counter()
        async with database.append() as tx:
            await tx.operations.add_many(batch, "bench/1")
        spent_s += time.perf_counter() - began
    return count / spent_s


async def measure(name: str, call: Callable[[], Awaitable[object]]) -> None:
    """Prints the median and the 95th percentile of some calls, after one that does not count."""
    await call()
    took_ms = []
    for _ in range(CALLS):
        began = time.perf_counter()
        await call()
        took_ms.append((time.perf_counter() - began) * 1000)
    p95_ms = sorted(took_ms)[-2]
    sys.stdout.write(f"| {name:46} | {statistics.median(took_ms):7.1f} ms | {p95_ms:7.1f} ms |\n")
    sys.stdout.flush()


async def read(database: Database, count: int, end: datetime) -> None:
    """Measures what is read."""
    logs = Logs(database, PROVIDERS)
    analytics = Analytics(database, PROVIDERS, lambda outcome: outcome != "ok", now=lambda: end)
    for name, query in (await pages(logs, count, end)).items():
        await measure(name, lambda query=query: logs.page("ws_1", query))  # type: ignore[misc]
    last = AskedLogs(page=_page(count // 50))
    errors = AskedLogs(status="error", page=_page(count // 5000))
    await measure("requests, first page with its total", lambda: analytics.requests("ws_1", AskedLogs()))
    await measure("requests, errors, a late page with its total", lambda: analytics.requests("ws_1", errors))
    await measure("requests, last page with its total", lambda: analytics.requests("ws_1", last))
    for timeframe in ("24h", "7d", "30d"):
        await measure(f"overview, {timeframe}", lambda timeframe=timeframe: analytics.overview("ws_1", timeframe))  # type: ignore[misc]
    await measure("usage, all time", lambda: analytics.usage("ws_1", None))
    await measure("latency, 30 days", lambda: analytics.latency("ws_1", 30))
    await measure("cost breakdown, 30 days", lambda: analytics.by_day("ws_1", 30))
    began, size_bytes = time.perf_counter(), 0
    async for piece in Exports(database, PROVIDERS).pieces("ws_1", EVERY_OPERATION):
        size_bytes += len(piece)
    took_s = time.perf_counter() - began
    sys.stdout.write(f"  export: {count / took_s:,.0f} rows/s, {size_bytes / 1e6:,.0f} MB\n")


async def pages(logs: Logs, count: int, end: datetime) -> dict[str, AskedLogs]:
    """Pages to ask for, by their names."""
    middle = (end - timedelta(days=DAYS / 2)).isoformat()
    older = await logs.page("ws_1", AskedLogs(end_date=middle))
    rare = await logs.page("ws_1", AskedLogs(key_id="key_rare", limit=5))
    return {
        "logs, first page": AskedLogs(),
        "logs, the page after one in the middle": AskedLogs(end_date=middle, page_token=older.next_page_token),
        "logs, a page in the middle by number": AskedLogs(page=_page(count // 100)),
        "logs, the last page that has a number": AskedLogs(page=_page(count // 50)),
        "logs, status=error": AskedLogs(status="error"),
        "logs, status=504, a late page by number": AskedLogs(status="504", page=_page(count // 5000)),
        "logs, provider": AskedLogs(provider="groq"),
        "logs, model": AskedLogs(model="gpt-4o"),
        "logs, key": AskedLogs(key_id="key_1"),
        "logs, key, provider, model and error": AskedLogs(
            key_id="key_1", provider="groq", model="gpt-4o", status="error"
        ),
        f"logs, a key of one call in {RARE:,}": AskedLogs(key_id="key_rare"),
        f"logs, a model of one call in {RARE:,}": AskedLogs(model="rare"),
        "logs, the page after some of the rare key": AskedLogs(key_id="key_rare", page_token=rare.next_page_token),
        "logs, a filter that nothing agrees with": AskedLogs(model="nobody"),
        "logs, a status that there never was": AskedLogs(status="418"),
        "logs, errors of 1,000 rows": AskedLogs(status="error", limit=1000),
    }


def _page(number: int) -> int:
    """The page of that number, or the last that can be asked for by its number."""
    return min(max(1, number), MAX_ROW // DEFAULT_LIMIT)


async def run(url: str, count: int, folder: Path) -> None:
    """Fills, measures, and removes a third."""
    end = datetime.now(UTC)
    database = await Database.open(url, StoreBounds(answer_s=30.0))
    try:
        sys.stdout.write(f"{count:,} operations\n  writer: {await fill(database, count, end):,.0f} operations/s\n")
        size_bytes = sum(file.stat().st_size for file in folder.iterdir()) or await _server_size_bytes(url)
        sys.stdout.write(f"  size: {size_bytes / count:,.0f} bytes for each operation\n" if size_bytes else "")
        await read(database, count, end)
        began = time.perf_counter()
        removed = await Retention(database, RetentionRules(30, 20), lambda: end).run_once()
        took_s = time.perf_counter() - began
        sys.stdout.write(f"  retention: {removed.operations / took_s:,.0f} operations/s with its pauses\n")
    finally:
        await database.close()


async def _server_size_bytes(url: str) -> int:
    """What a database on a server takes, and what its planner has to know at last."""
    if url.startswith("sqlite"):
        return 0
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        await connection.execute("ANALYZE")
        found = await (await connection.execute("SELECT pg_database_size(current_database())")).fetchone()
    return int(found[0]) if found else 0


def main() -> int:
    """Reads the options and runs."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.data", description=__doc__)
    parser.add_argument("count", type=int, nargs="?", default=10_000_000, help="operations (10,000,000)")
    parser.add_argument("--database-url", default="", help="an empty database instead of SQLite in a scratch folder")
    parser.add_argument("--postgresql", action="store_true", help="a server of its own instead, with its defaults")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="perpetuo-data-") as folder, contextlib.ExitStack() as stack:
        url = options.database_url or f"sqlite:///{folder}/perpetuo.db"
        if options.postgresql:
            server = stack.enter_context(postgres_server(is_durable=True))
            url = server.url(server.new_database())
        asyncio.run(run(url, options.count, Path(folder)))
    return 0


if __name__ == "__main__":
    sys.exit(main())

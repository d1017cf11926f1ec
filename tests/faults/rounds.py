"""A gateway that is told to stop under load, and what its clients see of that.

Each round starts `perpetuo serve` in a process of its own before a mock, loads both faces with requests and streams,
and sends SIGTERM. What was asked before that must be answered whole, or end with an error of its own once the grace is
over; what is asked later may be refused.
"""

import asyncio
import itertools
import os
import signal
import sqlite3
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import grpc.aio
from grpc_health.v1 import health_pb2, health_pb2_grpc

from cli.mock.upstream import MockUpstream
from tests.e2e.gateway import Account, Gateway, add_provider, gateway, sign_up
from tests.faults.asking import Question, Seen, ask_grpc, ask_rest

LOAD_S = 0.8
_LOOK_S = 0.005
QUICK = "mock/slow?n=5&ms=10"
LONG = "mock/slow?n=2000&ms=50"
"""A stream that outlasts every grace."""

_PROMPTS = itertools.count()


@dataclass(slots=True)
class Asked:
    """One request: how it was asked, when, in seconds of the monotonic clock, and what came of it."""

    how: str
    at_s: float
    seen: Seen | None = None
    failure: str = ""


@dataclass(slots=True)
class Round:
    """What a round brought. Times in milliseconds after the signal.

    `late_ms` is how late the clients' own loop was at most until all was known, which the others have in them.
    """

    not_serving_ms: float = 0.0
    late_ms: float = 0.0
    not_ready_ms: float = 0.0
    exit_ms: float = 0.0
    told_at_s: float = 0.0
    asked: list[Asked] = field(default_factory=list)
    rows: Counter[str] = field(default_factory=Counter)

    def outcome(self, asked: Asked) -> str:
        """In a word. A request that was asked before the signal and is neither answered nor told why is `lost`."""
        seen = asked.seen
        if seen is not None and seen.is_complete:
            return "answered"
        is_told = seen is not None and seen.reason == "DRAINING"
        if is_told and asked.how.startswith("long"):
            return "given up with an error"
        if asked.at_s < self.told_at_s:
            return "lost"
        return "refused after the signal"

    @property
    def counts(self) -> Counter[str]:
        """How many of each outcome."""
        return Counter(self.outcome(asked) for asked in self.asked)


@dataclass(slots=True)
class Load:
    """Clients that ask again and again until they are told to stop, or refused."""

    url: str
    account: Account
    session: aiohttp.ClientSession
    channel: grpc.aio.Channel
    asked: list[Asked] = field(default_factory=list)
    is_over: bool = False

    async def repeat(self, how: str, ask: Callable[[Question], Awaitable[Seen]], question: Question) -> None:
        """Asks until the load is over."""
        while not self.is_over:
            await self.once(how, ask, question)
            last = self.asked[-1]
            if last.failure or (last.seen is not None and not last.seen.is_complete):
                await asyncio.sleep(0.02)

    async def once(self, how: str, ask: Callable[[Question], Awaitable[Seen]], question: Question) -> None:
        """Asks once, and keeps what came of it."""
        question = Question(question.key, question.is_stream, 60.0, question.model, f"Prompt {next(_PROMPTS)}.")
        asked = Asked(how, time.monotonic())
        self.asked.append(asked)
        try:
            asked.seen = await ask(question)
        except (aiohttp.ClientError, ConnectionError) as error:
            asked.failure = repr(error)

    async def rest(self, question: Question) -> Seen:
        """By REST."""
        return await ask_rest(self.session, self.url, question)

    async def grpc(self, question: Question) -> Seen:
        """By gRPC."""
        return await ask_grpc(self.channel, question)

    def clients(self, each: int, long: int) -> "list[asyncio.Task[None]]":
        """`each` clients of every face and form, and `long` streams by each face."""
        ways = ((name, ask, is_stream) for name, ask in (("rest", self.rest), ("grpc", self.grpc))
                for is_stream in (False, True))  # fmt: skip
        found = []
        for name, ask, is_stream in ways:
            question = Question(self.account.key, is_stream, 60.0, QUICK)
            how = f"{name} {'stream' if is_stream else 'unary'}"
            found += [asyncio.ensure_future(self.repeat(how, ask, question)) for _ in range(each)]
            if is_stream:
                endless = Question(self.account.key, is_stream, 60.0, LONG)
                found += [asyncio.ensure_future(self.once(f"long {name}", ask, endless)) for _ in range(long)]
        return found


async def play_round(directory: Path, grace_s: float, *, each: int = 4, long: int = 2) -> Round:
    """One round, with its data in `directory`."""
    found = Round()
    options = ("--grace-s", f"{grace_s}", "--allow-private-upstreams", "--default-plan", "enterprise")
    async with MockUpstream() as mock, gateway(directory, *options) as running:
        account = await sign_up(running.url, "rounds@example.com")
        await add_provider(running.url, account, mock.base_url)
        async with (
            aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session,
            grpc.aio.insecure_channel(running.target) as channel,
        ):
            load = Load(running.url, account, session, channel, found.asked)
            clients = load.clients(each, long)
            watching = asyncio.ensure_future(_not_serving(channel))
            await asyncio.sleep(LOAD_S)
            found.told_at_s = time.monotonic()
            looking = asyncio.ensure_future(_look(found))
            os.kill(running.pid, signal.SIGTERM)
            ready_at_s = await _not_ready(running.url)
            found.not_ready_ms = (ready_at_s - found.told_at_s) * 1000
            found.not_serving_ms = (await watching - found.told_at_s) * 1000
            looking.cancel()
            await asyncio.sleep(grace_s / 2)
            load.is_over = True
            await asyncio.gather(*clients)
        found.exit_ms = (await _ended(running) - found.told_at_s) * 1000
    found.rows = _rows(running.data_dir)
    return found


async def _look(found: Round) -> None:
    """Keeps how late this loop is at most, until it is cancelled."""
    while True:
        began_s = time.monotonic()
        await asyncio.sleep(_LOOK_S)
        found.late_ms = max(found.late_ms, (time.monotonic() - began_s - _LOOK_S) * 1000)


async def _not_serving(channel: grpc.aio.Channel) -> float:
    """When the health service says so; or the port refuses, which says the same."""
    stub: Any = health_pb2_grpc.HealthStub(channel)
    with suppress(grpc.aio.AioRpcError):
        async for answer in stub.Watch(health_pb2.HealthCheckRequest()):
            if answer.status == health_pb2.HealthCheckResponse.NOT_SERVING:
                break
    return time.monotonic()


async def _not_ready(url: str) -> float:
    """When the page says 503, on a connection of its own each time."""
    while await _is_ready(url):
        await asyncio.sleep(0.005)
    return time.monotonic()


async def _is_ready(url: str) -> bool:
    try:
        async with aiohttp.ClientSession() as session, session.get(f"{url}/health/ready") as answer:
            return answer.status == 200
    except (aiohttp.ClientError, ConnectionError):
        return False


async def _ended(running: Gateway) -> float:
    """When the process has ended, and nobody has waited for it yet."""
    while Path(f"/proc/{running.pid}").exists():
        state = Path(f"/proc/{running.pid}/stat").read_text().rpartition(") ")[2][:1]
        if state == "Z":
            break
        await asyncio.sleep(0.005)
    return time.monotonic()


def _rows(data_dir: Path) -> Counter[str]:
    with closing(sqlite3.connect(data_dir / "perpetuo.db")) as database:
        return Counter(dict(database.execute("SELECT outcome, count(*) FROM operations GROUP BY outcome").fetchall()))

"""The database goes away under load and comes back: completions go on, all else is told so, everything lands."""

import asyncio
import contextlib
import sqlite3
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from pathlib import Path

import httpx2
from sqlalchemy.engine import make_url

from tests.durability.books import Verdict, judge
from tests.durability.load import Load, Sent
from tests.durability.stage import Gateway, staged
from tests.e2e.gateway import PASSWORD
from tests.stores.gate import gate_to

_LOG_IN = {"email": "durable@example.com", "password": PASSWORD}
_PAUSE_S = 0.25

Away = Callable[[float], AbstractAsyncContextManager[None]]
"""Takes the database away within the block, which lasts so many seconds."""


@dataclass(slots=True)
class Outage:
    """What came of it. `asked` are the requests of the time without a database; times are seconds.

    `answers_s` is how long each log-in took then to be refused, `others` the statuses that were not 503.
    """

    asked: list[Sent] = field(default_factory=list)
    answers_s: list[float] = field(default_factory=list)
    others: list[int] = field(default_factory=list)
    back_after_s: float = 0.0
    verdict: Verdict = field(default_factory=Verdict)


async def postgresql_away(folder: Path, database_url: str, rate: float, away_s: float, answer_s: float) -> Outage:
    """First it answers nothing any more, then nobody is there; half of the time each."""
    port = make_url(database_url).port
    assert port is not None
    async with gate_to(port) as gate:
        through = make_url(database_url).set(port=gate.port).render_as_string(hide_password=False)

        @contextlib.asynccontextmanager
        async def away(length_s: float) -> AsyncIterator[None]:
            gate.freeze()
            closing = asyncio.get_running_loop().call_later(length_s / 2, lambda: asyncio.ensure_future(gate.close()))
            try:
                yield
            finally:
                closing.cancel()
                await gate.close()
                gate.thaw()
                await gate.open()

        async with staged(folder, through, ("--database-answer-s", "30")) as (gateway, account):
            # A sign-up that the database is too late for may be there all the same: only what comes now is cut short.
            await gateway.stop()
            gateway.options = ("--database-answer-s", str(answer_s))
            await gateway.start()
            outage = await _outage(gateway, Load(gateway.port, account.key, rate), away, away_s)
        outage.verdict = judge(database_url, outage.asked)
    return outage


async def sqlite_away(folder: Path, rate: float, away_s: float) -> Outage:
    """Another program holds the lock of the file."""

    @contextlib.asynccontextmanager
    async def away(length_s: float) -> AsyncIterator[None]:
        other = sqlite3.connect(folder / "data" / "perpetuo.db", isolation_level=None, timeout=30)
        other.execute("BEGIN IMMEDIATE")
        try:
            yield
        finally:
            other.close()

    async with staged(folder) as (gateway, account):
        outage = await _outage(gateway, Load(gateway.port, account.key, rate), away, away_s)
    outage.verdict = judge(folder / "data" / "perpetuo.db", outage.asked)
    return outage


async def _outage(gateway: Gateway, load: Load, away: Away, away_s: float) -> Outage:
    outage = Outage()
    async with httpx2.AsyncClient(base_url=gateway.url, timeout=60) as client:
        # To make a client takes long; under load it would hold up the load, and be measured.
        await client.get("/health")
        load.start()
        await load.is_served()
        await asyncio.sleep(1.0)
        before = len(load.sent)
        async with away(away_s):
            await asyncio.gather(asyncio.sleep(away_s), _sign_ups(client, outage, time.monotonic() + away_s))
        outage.asked = load.sent[before:]
        outage.back_after_s = await _back(client)
    await load.stop()
    return outage


async def _sign_ups(client: httpx2.AsyncClient, outage: Outage, until: float) -> None:
    """Asks for what needs the database, over and over: both to read and to write."""
    number = 0
    while time.monotonic() < until:
        number += 1
        body = {"email": f"late{number}@example.com", "password": PASSWORD, "name": "Late"}
        began = time.monotonic()
        answer = await client.post("/auth/signup", json=body)
        outage.answers_s.append(time.monotonic() - began)
        if answer.status_code != 503:
            outage.others.append(answer.status_code)
        await asyncio.sleep(_PAUSE_S)


async def _back(client: httpx2.AsyncClient) -> float:
    """How long it takes until one can log in again, seconds."""
    began = time.monotonic()
    async with asyncio.timeout(60):
        while (await client.post("/api/auth/login", json=_LOG_IN)).status_code != 200:
            await asyncio.sleep(0.02)
    return time.monotonic() - began

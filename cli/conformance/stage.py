"""The two upstreams behind the gateway, and one fault at a time played on them while the gateway is asked."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

import msgspec

from cli.conformance.caller import Outcome, Target, ask
from cli.conformance.evidence import Evidence
from cli.conformance.rows import PLAIN, TEXT, Row
from cli.conformance.verdict import Judgement, judge
from cli.mock.record import Recorded
from cli.mock.upstream import MockUpstream

PRIMARY_MODEL: Final = "mock-primary"
FALLBACK_MODEL: Final = "mock-fallback"
PLAIN_LIMIT_S: Final = 15.0
"""How long a plain request may take."""

SETTLE_PAUSE_S: Final = 1.0


class _Body(msgspec.Struct):
    model: str = ""
    messages: list[dict[str, object]] = []


@dataclass(slots=True)
class Stage:
    """Plays the faults. `ports` are those of the primary and the fallback, 0 for free ones.

    `settle_s` is how long to wait before each fault for the gateway to trust the primary again, in seconds.
    """

    target: Target
    ports: tuple[int, int]
    settle_s: float
    primary: MockUpstream = field(init=False)
    fallback: MockUpstream = field(init=False)
    _asked: int = 0

    def __post_init__(self) -> None:
        self.primary = self._primary(self.ports[0])
        self.fallback = MockUpstream(port=self.ports[1], plain=f"{PLAIN}+named?value={FALLBACK_MODEL}")

    async def __aenter__(self) -> "Stage":
        await self.primary.__aenter__()
        await self.fallback.__aenter__()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.primary.close()
        await self.fallback.close()

    async def run(self, rows: tuple[Row, ...], tell: Callable[[Judgement], None]) -> list[Judgement]:
        """Every fault in turn; each judgement is told as soon as it stands."""
        found: list[Judgement] = []
        for row in rows:
            await self.settle()
            found.append(judge(row, await self._try(row)))
            tell(found[-1])
        return found

    async def settle(self) -> bool:
        """Lets plain requests through until the primary serves them again; whether it does."""
        deadline_s = time.monotonic() + self.settle_s
        while True:
            self._play("", "")
            outcome = await self._ask(PLAIN_LIMIT_S)
            if not outcome.error and outcome.text == TEXT and self.primary.requests and not self.fallback.requests:
                return True
            if time.monotonic() >= deadline_s:
                return False
            await asyncio.sleep(SETTLE_PAUSE_S)

    async def _try(self, row: Row) -> Evidence:
        if row.primary == "refused":
            port = self.primary.port
            await self.primary.close()
            self._play("", row.fallback)
            outcomes = await self._send(row)
            self.primary = self._primary(port)
            await self.primary.__aenter__()
        else:
            self._play(f"{row.primary}+named?value={PRIMARY_MODEL}", row.fallback)
            outcomes = await self._send(row)
        seen = self._seen(outcomes, row)
        self._play("", "")
        plain = await self._ask(PLAIN_LIMIT_S)
        seen.is_alive = not plain.error and plain.text == TEXT
        return seen

    async def _send(self, row: Row) -> list[Outcome]:
        """The requests of a fault, at their times whether the ones before have ended or not."""
        began_s = time.monotonic()
        calls: list[asyncio.Task[Outcome]] = []
        for number in range(row.requests):
            await asyncio.sleep(max(0.0, began_s + number * row.pause_s - time.monotonic()))
            calls.append(asyncio.create_task(self._ask(row.limit_s)))
        return list(await asyncio.gather(*calls))

    async def _ask(self, limit_s: float) -> Outcome:
        self._asked += 1
        return await asyncio.to_thread(ask, self.target, self._asked, limit_s)

    def _play(self, primary: str, fallback: str) -> None:
        self.primary.play(*([primary] if primary else ()))
        self.fallback.play(*([f"{fallback}+named?value={FALLBACK_MODEL}"] if fallback else ()))
        self.primary.clear()
        self.fallback.clear()

    def _seen(self, outcomes: list[Outcome], row: Row) -> Evidence:
        # The mocks tell the loop's time, which is that of time.monotonic here; see asyncio.BaseEventLoop.time.
        began_s = outcomes[0].began_s
        first, second = completions(self.primary), completions(self.fallback)
        bodies = [msgspec.json.decode(record.body, type=_Body) for record in second]
        return Evidence(
            outcomes,
            [record.received_at_s - began_s for record in first],
            [record.received_at_s - began_s for record in second],
            sum(bool(body.messages) and body.messages[-1].get("role") == "assistant" for body in bodies),
            {PRIMARY_MODEL} | {msgspec.json.decode(record.body, type=_Body).model for record in first},
            {FALLBACK_MODEL} | {body.model for body in bodies},
            down_s=row.down_s,
        )

    @staticmethod
    def _primary(port: int) -> MockUpstream:
        return MockUpstream(port=port, plain=f"{PLAIN}+named?value={PRIMARY_MODEL}")


def completions(mock: MockUpstream) -> list[Recorded]:
    """The completions that were asked of an upstream."""
    return [record for record in mock.requests if record.path.partition("?")[0].endswith("/chat/completions")]

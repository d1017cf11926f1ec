"""Limits of keys through the whole pipeline: what was used counts, the rest is given back, nothing is held at rest."""

import asyncio
import json
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from server import errors
from server.cache.kept import Answers
from server.chat.deployment import Deployment
from server.chat.principal import Call, KeyLimits, Plan, Principal
from server.chat.rates import Measure, Moment, Quota, Window
from server.chat.wire import Timeouts, WireRequest
from server.errors import PerpetuoError
from server.limits.admission import Admission
from server.limits.plans import PLAN_LIMITS
from server.parts import Parts
from server.pipeline import Pipeline
from server.providers.openai import OpenAiDialect
from server.routing.candidates import ProviderFacts
from server.routing.dispatch import Dispatcher, Surroundings
from server.routing.health import Health
from server.routing.health.records import EntryRecord, Records
from server.routing.patience import Patience
from server.routing.router import Router, Sources
from server.sharing import Sharing
from server.state.memory import MemoryRates
from server.telemetry.requests import RequestMetrics
from tests.stores.ledgers import KeptLedger
from tests.unit.server.routing.scripted import (
    DONE,
    FINISH,
    HI,
    ROLE,
    USAGE,
    Reply,
    clock,
    nano_per_token,
    whole,
)

BODY = {"model": "m", "messages": [{"role": "user", "content": "hi"}], "max_tokens": 50}
MANY = KeyLimits(tokens_per_minute=1_000_000, tokens_per_day=1_000_000)
SUBJECT = "usr_1/key_1"


@dataclass(slots=True)
class Upstream:
    """Answers what it is told next, and the last of it again and again."""

    script: list[Reply | PerpetuoError] = field(default_factory=list)
    sent: int = 0

    async def send(self, request: WireRequest, timeouts: Timeouts) -> Reply:
        self.sent += 1
        entry = self.script.pop(0) if len(self.script) > 1 else self.script[0]
        if isinstance(entry, PerpetuoError):
            raise entry
        return entry

    async def close(self) -> None:
        return None


class Forgetful(Records):
    """Holds nothing against any upstream, however often it fails."""

    def find(self, deployment: Deployment) -> None:
        return None

    def get(self, deployment: Deployment, now_s: float) -> EntryRecord:
        return EntryRecord(deployment, now_s)


class Gateway:
    """A pipeline with everything of it that a test looks at."""

    def __init__(self) -> None:
        self.upstream = Upstream()
        self.ledger = KeptLedger()
        self.records = self.ledger.records
        self.rates = MemoryRates(now=lambda: Moment(0.0, 0.0))
        self.admission = Admission(self.rates, PLAN_LIMITS)
        self.metrics = RequestMetrics()
        entries = [
            Deployment(f"p{number}", "ws_1", "openai", "https://x.example/v1", "sk-secret", priority=number)
            for number in (1, 2)
        ]

        async def deployments_of(workspace_id: str) -> Sequence[Deployment]:
            return entries

        around = Surroundings(health=Health(records=Forgetful()), draw=lambda: 0.0)
        dispatcher = Dispatcher(
            self.upstream, lambda *_: OpenAiDialect(), Patience(), lambda entry, reason: None, around
        )
        sharing = Sharing(Answers(1_000_000, 60.0), asyncio.get_running_loop().time)
        router = Router(Sources(deployments_of, lambda _: ProviderFacts(), clock(), lambda: 0.5))
        parts = Parts(
            router, sharing, dispatcher, self.ledger, clock(), nano_per_token, self.admission, metrics=self.metrics
        )
        self.pipeline = Pipeline(parts)

    async def ask(self, limits: KeyLimits, *, stream: bool = False, leaves: bool = False, **members: Any) -> None:
        body = json.dumps({**BODY, **members}).encode()
        call = self.call(limits)
        if not stream:
            await self.pipeline.complete(call, body)
            return
        pieces = self.pipeline.stream(call, body)
        async for _ in pieces:
            if leaves:
                await pieces.aclose()
                return

    def call(self, limits: KeyLimits) -> Call:
        now = asyncio.get_running_loop().time()
        principal = Principal("usr_1", "ws_1", Plan.ENTERPRISE, "key_1", limits=limits)
        return Call("req_1", principal, now, now + 10)

    async def used(self, window: Window) -> int:
        """Tokens that the key has used."""
        quota = Quota(SUBJECT, window, 1_000_000, Measure.TOKENS, 0)
        return 1_000_000 - (await self.rates.take([quota])).standings[0].remaining

    def is_at_rest(self) -> bool:
        return (self.admission.open_count, self.admission.held_tokens, self.metrics.in_flight) == (0, 0, 0)


def streamed() -> Reply:
    return Reply([ROLE, HI, FINISH, USAGE, DONE])


ENDS: list[tuple[str, list[Reply | PerpetuoError], dict[str, Any], int]] = [
    ("an answer", [whole()], {}, 5),
    ("a stream", [streamed()], {"stream": True}, 5),
    ("an answer after a failure", [errors.UpstreamTimeout("slow"), whole()], {}, 5),
    ("nobody answers", [errors.UpstreamUnavailable("down"), errors.UpstreamUnavailable("down")], {}, 0),
    ("a provider that blames the request", [whole(b"{}", 400)], {}, 0),
    ("a stream that breaks after two pieces", [Reply([HI, HI, errors.UpstreamReset("x")])], {"stream": True}, 11),
    ("a client that leaves a stream", [Reply([HI, HI, 60.0])], {"stream": True, "leaves": True}, 10),
]


@pytest.mark.parametrize(("script", "how", "used"), [case[1:] for case in ENDS], ids=[case[0] for case in ENDS])
async def test_tokens_that_were_used_count_and_all_others_are_given_back(
    script: list[Reply | PerpetuoError], how: dict[str, Any], used: int
) -> None:
    gateway = Gateway()
    gateway.upstream.script = list(script)
    with_outcome = await asyncio.gather(gateway.ask(MANY, **how), return_exceptions=True)
    assert all(outcome is None or isinstance(outcome, PerpetuoError) for outcome in with_outcome)
    [record] = gateway.records
    taken = 0 if record.usage is None else record.usage.total_tokens
    assert await gateway.used(Window.MINUTE) == await gateway.used(Window.DAY) == taken
    assert taken == pytest.approx(used, abs=3)
    assert gateway.is_at_rest()


async def test_a_call_is_refused_before_any_provider_when_its_tokens_do_not_fit() -> None:
    gateway = Gateway()
    gateway.upstream.script = [whole()] * 9
    limits = KeyLimits(tokens_per_minute=100)
    await gateway.ask(limits)
    with pytest.raises(errors.RateLimited, match="100 tokens per minute"):
        await gateway.ask(limits, max_tokens=99)
    assert gateway.upstream.sent == 1
    assert (gateway.records[-1].outcome, gateway.records[-1].attempts) == ("RATE_LIMITED", ())
    await gateway.ask(limits, max_tokens=80)
    assert gateway.upstream.sent == 2


async def test_an_answer_from_the_cache_is_a_call_without_tokens() -> None:
    gateway = Gateway()
    gateway.upstream.script = [whole()]
    limits = KeyLimits(requests_per_minute=4, tokens_per_minute=60)
    for _ in range(4):
        await gateway.ask(limits, temperature=0)
    assert (gateway.upstream.sent, await gateway.used(Window.MINUTE)) == (1, 5)
    with pytest.raises(errors.RateLimited, match="4 model calls per minute"):
        await gateway.ask(limits, temperature=0)
    assert gateway.is_at_rest()


async def test_those_who_follow_anothers_call_use_no_tokens() -> None:
    gateway = Gateway()
    gateway.upstream.script = [whole()]
    await asyncio.gather(*(gateway.ask(MANY, temperature=0) for _ in range(20)))
    assert (gateway.upstream.sent, await gateway.used(Window.DAY)) == (1, 5)
    assert gateway.is_at_rest()


async def test_refusals_beyond_a_number_leave_no_record() -> None:
    gateway = Gateway()
    gateway.upstream.script = [whole()]
    limits = KeyLimits(requests_per_minute=1)
    await gateway.ask(limits)
    for _ in range(100):
        with pytest.raises(errors.RateLimited):
            await gateway.ask(limits)
    assert [record.outcome for record in gateway.records].count("RATE_LIMITED") == 60
    assert gateway.is_at_rest()


async def test_nothing_is_held_after_a_thousand_calls_with_random_ends() -> None:
    """Failures, breaks, cancellations at any moment and clients that leave: every token is accounted for."""
    draw, gateway = random.Random(26), Gateway()

    def reply() -> Reply | PerpetuoError:
        return draw.choice(
            (
                whole(),
                whole(b"{}", 500),
                errors.UpstreamReset("x"),
                Reply([ROLE, 0.001, HI, 0.001, FINISH, USAGE, DONE]),
                Reply([HI, errors.UpstreamTimeout("x")]),
                Reply([ROLE, 60.0]),
            )
        )

    async def one(number: int) -> None:
        stream = draw.random() < 0.5
        members = {"temperature": 0} if draw.random() < 0.3 else {"user": str(number)}
        task = asyncio.ensure_future(gateway.ask(MANY, stream=stream, leaves=draw.random() < 0.3, **members))
        done, _ = await asyncio.wait({task}, timeout=draw.choice((0, 0.001, 0.003, 0.02)))
        if not done:
            task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    for number in range(0, 1_000, 50):
        gateway.upstream.script = [reply() for _ in range(200)]
        await asyncio.gather(*(one(number + each) for each in range(50)))
    async with asyncio.timeout(60):
        while not gateway.is_at_rest():
            await asyncio.sleep(0.01)
    charged = [record.usage for record in gateway.records if not record.is_cache_hit]
    taken = sum(usage.total_tokens for usage in charged if usage is not None)
    print(f"{len(gateway.records)} records, {taken} tokens, {gateway.upstream.sent} upstream calls; nothing is held")
    assert len(gateway.records) > 900
    assert await gateway.used(Window.DAY) == await gateway.used(Window.MINUTE) == taken
    assert taken > 500

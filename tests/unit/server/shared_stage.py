"""A pipeline over one upstream, with a cache: what tests of shared answers ask and look at."""

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from server.cache.kept import Answers
from server.chat.deployment import Deployment
from server.chat.principal import Call, Plan, Principal
from server.chat.records import OperationRecord, OperationStart
from server.chat.wire import Timeouts, WireRequest
from server.errors import PerpetuoError
from server.parts import Parts
from server.pipeline import Pipeline
from server.providers.openai import OpenAiDialect
from server.routing.candidates import ProviderFacts
from server.routing.dispatch import Dispatcher
from server.routing.known import Known
from server.routing.patience import Patience
from server.routing.router import Router, Sources
from server.sharing import Sharing
from tests.stores.ledgers import Nowhere
from tests.unit.server.routing.admitting import unlimited
from tests.unit.server.routing.scripted import (
    DONE,
    FINISH,
    HI,
    ROLE,
    USAGE,
    Reply,
    clock,
    nano_per_token,
)

COLD = b'{"model":"m","temperature":0,"messages":[{"role":"user","content":"hi"}]}'
WARM = b'{"model":"m","messages":[{"role":"user","content":"hi"}]}'
STREAMED = COLD[:-1] + b',"stream":true}'


class Gate:
    """An upstream that answers from a script once it is opened."""

    def __init__(self, script: Sequence[Reply | PerpetuoError]) -> None:
        self.script = list(script)
        self.sent: list[WireRequest] = []
        self.is_open = asyncio.Event()

    async def send(self, request: WireRequest, timeouts: Timeouts) -> Reply:
        self.sent.append(request)
        entry = self.script[len(self.sent) - 1]
        await self.is_open.wait()
        if isinstance(entry, PerpetuoError):
            raise entry
        return entry

    async def close(self) -> None:
        return None


@dataclass
class Stage(Nowhere):
    """A pipeline over one upstream, what it wrote down and what it knows of workspaces: nothing at first."""

    gate: Gate
    pipeline: Pipeline
    sharing: Sharing
    parts: Parts
    known: dict[str, Known] = field(default_factory=dict)
    records: list[OperationRecord] = field(default_factory=list)
    starts: list[OperationStart] = field(default_factory=list)

    def begin(self, start: OperationStart) -> None:
        self.starts.append(start)

    def record(self, operation: OperationRecord) -> None:
        self.records.append(operation)


def stage(*script: Reply | PerpetuoError, is_open: bool = True) -> Stage:
    gate = Gate(script)
    if is_open:
        gate.is_open.set()

    async def deployments_of(workspace_id: str) -> Sequence[Deployment]:
        return [Deployment("p", workspace_id, "openai", "https://x.example/v1", f"sk-{workspace_id}")]

    facts = ProviderFacts()
    sharing = Sharing(Answers(1_000_000, 60.0), clock().monotonic)
    known: dict[str, Known] = {}
    router = Router(Sources(deployments_of, lambda _: facts, clock(), lambda: 0.5, known_of=known.get))
    dispatcher = Dispatcher(gate, lambda *_: OpenAiDialect(), Patience(), lambda entry, reason: None)
    made = Stage(gate, None, sharing, None, known)  # type: ignore[arg-type]
    made.parts = Parts(router, sharing, dispatcher, made, clock(), nano_per_token, unlimited())
    made.pipeline = Pipeline(made.parts)
    return made


def call(workspace: str = "ws_1", seconds: float = 10.0, **knobs: str) -> Call:
    now = asyncio.get_running_loop().time()
    principal = Principal("usr_1", workspace, Plan.FREE, "key_1")
    return Call("req_1", principal, now, now + seconds, knobs={name.replace("_", "-"): knobs[name] for name in knobs})


async def complete(on: Stage, body: bytes = COLD, **change: Any) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(await on.pipeline.complete(call(**change), body))
    return found


async def collect(on: Stage, body: bytes = STREAMED, **change: Any) -> list[dict[str, Any]]:
    return [json.loads(event) async for events in on.pipeline.stream(call(**change), body) for event in events]


def text_of(events: Sequence[dict[str, Any]]) -> str:
    return "".join(choice["delta"].get("content") or "" for event in events for choice in event.get("choices", []))


def streamed() -> Reply:
    return Reply([ROLE, HI, HI, FINISH, USAGE, DONE])


async def under_way(on: Stage, calls: int = 1) -> None:
    """Waits until that many upstream calls have begun."""
    async with asyncio.timeout(60):
        while len(on.gate.sent) < calls:
            await asyncio.sleep(0)


async def until_joined(on: Stage, waiting: int) -> None:
    """Waits until the one call under way has that many who wait for it."""
    async with asyncio.timeout(60):
        while not any(flight._waiting >= waiting for flight in on.sharing.flights._open.values()):
            await asyncio.sleep(0)

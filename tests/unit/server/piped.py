"""A pipeline over upstreams that answer from a script, for its tests."""

import asyncio
from collections.abc import Sequence
from typing import Any

from msgspec.structs import replace

from server import errors
from server.cache.kept import Answers
from server.chat.deployment import Deployment
from server.chat.policy import RoutingPolicy
from server.chat.principal import Call, Plan, Principal
from server.chat.rates import Moment
from server.errors import PerpetuoError
from server.ledger.contents import ContentKeeper, NoContent
from server.limits.admission import Admission
from server.limits.plans import PLAN_LIMITS
from server.parts import Parts
from server.pipeline import Pipeline
from server.providers.openai import OpenAiDialect
from server.routing.candidates import ProviderFacts
from server.routing.dispatch import Dispatcher
from server.routing.patience import Patience
from server.routing.router import Router, Sources
from server.sharing import Sharing
from server.state.memory import MemoryRates
from tests.stores.ledgers import KeptLedger
from tests.unit.server.routing.scripted import Reply, ScriptedTransport, clock, nano_per_token

BODY = b'{"model":"m","messages":[{"role":"user","content":"hi"}]}'
ASKS_USAGE = BODY[:-1] + b',"stream_options":{"include_usage":true}}'
Script = list[Reply | PerpetuoError]
DOWN = errors.UpstreamUnavailable("x", details={"phase": "connect"})
LIMITS = Reply((b"{}",), 429, "application/json", more={"retry-after": "9"})


def build(
    script: Script, policy: RoutingPolicy | None = None, contents: ContentKeeper | None = None
) -> tuple[Pipeline, KeptLedger, ScriptedTransport]:
    transport, ledger = ScriptedTransport(script), KeptLedger()
    entries = [
        Deployment(f"p{number}", "ws_1", "openai", "https://x.example/v1", "sk-secret", priority=number + 1)
        for number in range(max(1, len(script)))
    ]

    async def deployments_of(workspace_id: str) -> Sequence[Deployment]:
        assert workspace_id == "ws_1"
        return entries

    dispatcher = Dispatcher(transport, lambda *_: OpenAiDialect(), Patience(), lambda entry, reason: None)
    facts = ProviderFacts()
    admission = Admission(MemoryRates(now=lambda: Moment(0.0, 0.0)), PLAN_LIMITS)
    sharing = Sharing(Answers(1_000_000, 60.0), asyncio.get_running_loop().time)

    async def policy_of(workspace_id: str) -> RoutingPolicy:
        return policy or RoutingPolicy()

    router = Router(Sources(deployments_of, lambda _: facts, clock(), lambda: 0.5, policy_of=policy_of))
    parts = Parts(router, sharing, dispatcher, ledger, clock(), nano_per_token, admission)
    return Pipeline(replace(parts, contents=contents or NoContent())), ledger, transport


def call(**change: Any) -> Call:
    now = asyncio.get_running_loop().time()
    principal = Principal("usr_1", "ws_1", Plan.FREE, "key_1")
    return Call(**{"request_id": "req_1", "principal": principal, "received_at": now, "deadline": now + 10, **change})

"""`python -m tests.bench.cache_cost`: microseconds of CPU of an answer from the cache against one from an upstream.

Both go through the whole pipeline in this process; the upstream answers from memory, so what is compared is the
gateway's own work, without sockets.
"""

import asyncio
import json
import time
from collections.abc import Sequence
from datetime import UTC, datetime

from server.cache.kept import Answers
from server.chat.deployment import Deployment
from server.chat.principal import Call, Plan, Principal
from server.chat.wire import Timeouts, WireRequest
from server.parts import Parts
from server.pipeline import Pipeline
from server.providers.openai import OpenAiDialect
from server.routing.attempt import Clock
from server.routing.candidates import ProviderFacts
from server.routing.dispatch import Dispatcher
from server.routing.patience import Patience
from server.routing.router import Router, Sources
from server.sharing import Sharing
from tests.bench.payload import answer
from tests.stores.ledgers import Nowhere
from tests.unit.server.routing.admitting import unlimited
from tests.unit.server.routing.scripted import Reply, whole

ROUNDS = 7
CALLS = 500


class Upstream:
    """Answers at once, from memory."""

    async def send(self, request: WireRequest, timeouts: Timeouts) -> Reply:
        return whole(answer())

    async def close(self) -> None:
        return None


def pipeline() -> Pipeline:
    """A pipeline over the upstream in memory. Made in the event loop."""
    entries = [Deployment("p", "ws_1", "openai", "https://x.example/v1", "sk-1")]

    async def deployments_of(workspace_id: str) -> Sequence[Deployment]:
        return entries

    clock = Clock(lambda: datetime.now(UTC), asyncio.get_running_loop().time)
    facts = ProviderFacts()
    router = Router(Sources(deployments_of, lambda _: facts, clock, lambda: 0.5))
    dispatcher = Dispatcher(Upstream(), lambda *_: OpenAiDialect(), Patience(), lambda entry, reason: None)
    sharing = Sharing(Answers(64 << 20, 3600.0), clock.monotonic)
    return Pipeline(Parts(router, sharing, dispatcher, Nowhere(), clock, lambda provider, model, usage: 1, unlimited()))


async def cost_us(body: bytes, **knobs: str) -> float:
    """The least CPU of a call in several rounds, in microseconds, after one call to begin with."""
    serving = pipeline()
    now = asyncio.get_running_loop().time()
    call = Call("req_1", Principal("usr_1", "ws_1", Plan.FREE, "key_1"), now, now + 600, knobs=knobs)
    await serving.complete(call, body)
    best = float("inf")
    for _ in range(ROUNDS):
        began = time.process_time()
        for _ in range(CALLS):
            await serving.complete(call, body)
        best = min(best, (time.process_time() - began) / CALLS * 1e6)
    return best


async def costs() -> dict[str, float]:
    """Microseconds by what is measured."""
    messages = [{"role": "user", "content": "What is the weather in Paris, and should I bring a coat? " * 10}]
    warm = json.dumps({"model": "m", "messages": messages}).encode()
    cold = json.dumps({"model": "m", "messages": messages, "temperature": 0}).encode()
    return {
        "not kept": await cost_us(warm),
        "hit": await cost_us(cold),
        "miss that is kept": await cost_us(cold, cache="no-cache"),
    }


if __name__ == "__main__":
    for name, microseconds in asyncio.run(costs()).items():
        print(f"{name:20} {microseconds:8.1f} us")

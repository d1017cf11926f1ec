"""The live router: what it reads of a request, and that an explanation is what happens."""

import asyncio
import json
import random
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pytest

from server import errors
from server.cache.kept import Answers
from server.chat.deployment import Deployment
from server.chat.knobs import knobs_from
from server.chat.policy import RoutingPolicy, Weights
from server.chat.principal import Call, Plan, Principal
from server.chat.records import AttemptRecord, OperationRecord
from server.chat.request import parse_chat_request
from server.chat.usage import Usage
from server.chat.view import GatewayKnobs, Strategy
from server.chat.wire import Timeouts, WireRequest
from server.errors import PerpetuoError
from server.parts import Parts
from server.pipeline import Pipeline
from server.providers.openai import OpenAiDialect
from server.routing.attempt import Clock
from server.routing.complexity import Complexity
from server.routing.course import MAX_CALLS
from server.routing.dispatch import Dispatcher, Surroundings
from server.routing.known import Known
from server.routing.measured import NOTHING, Measured, Measurements
from server.routing.patience import Patience
from server.routing.plan import Resting
from server.routing.router import Router, Sources
from server.routing.world import PriceOf
from server.sharing import Sharing
from tests.stores.ledgers import Nowhere
from tests.unit.server.routing.admitting import unlimited
from tests.unit.server.routing.scripted import Reply, clock, nano_per_token
from tests.unit.server.routing.worlds import entry, facts_of, model_of, price_of, random_entries

USUAL = RoutingPolicy()
ROUNDS = 10_000
# So many are one test: all of them at once are too long for a machine that does much else.
AT_ONCE = 1_000
NOON, NOW_S = datetime(2026, 1, 1, 12, tzinfo=UTC), 10_000.0
STRATEGIES: tuple[Strategy, ...] = ("default", "fastest", "cheapest", "reliable", "balanced")
TEXTS = (
    "Hi",
    "Explain recursion in a few words",
    "Compare and analyse both designs",
    "Prove the theorem",
    "漢字" * 4000,
)


def caller(allowed: tuple[str, ...] = (), now_s: float | None = None) -> Call:
    now = asyncio.get_running_loop().time() if now_s is None else now_s
    principal = Principal("usr_1", "ws_1", Plan.FREE, "key_1", None, allowed)
    return Call("req_1", principal, now, now + 60)


def router_over(entries: Sequence[Deployment], policy: RoutingPolicy = USUAL, **change: Any) -> Router:
    async def deployments_of(workspace_id: str) -> Sequence[Deployment]:
        return entries

    async def policy_of(workspace_id: str) -> RoutingPolicy:
        return policy

    async def prices_of(workspace_id: str) -> PriceOf:
        return price_of

    time = change.pop("time", None) or clock()
    parts: dict[str, Any] = {"draw": lambda: 0.5, "model_of": model_of, "prices_of": prices_of, **change}
    return Router(Sources(deployments_of, facts_of, time, policy_of=policy_of, **parts))


async def read(router: Router, body: dict[str, Any], allowed: tuple[str, ...] = ()) -> Any:
    request = parse_chat_request(json.dumps(body).encode())
    return await router.read(request, knobs_from(request, {}), caller(allowed))


class _Prices:
    def cost_nanousd(self, provider: str, model: str, usage: Usage) -> int | None:
        return None

    def blended_nanousd(self, provider: str, model: str) -> int | None:
        return price_of(provider, model)

    def version_of(self, provider: str, model: str) -> str:
        return ""


async def test_a_request_is_read_into_an_ask() -> None:
    policy = RoutingPolicy("balanced", Weights(1, 0, 0))
    body = {"messages": [{"role": "user", "content": "Prove the theorem"}], "stream": True, "max_tokens": 7}
    asked = await read(router_over([], policy), body, ("a",))
    assert asked.ask.model == ""
    assert asked.ask.strategy == "balanced"
    assert asked.ask.weights == Weights(1, 0, 0)
    assert asked.ask.complexity is asked.judgement.level is Complexity.EXPERT
    assert (asked.ask.is_stream, asked.ask.needs.output_tokens, asked.ask.allowed_models) == (True, 7, ("a",))


async def test_what_is_remembered_of_a_body_is_what_would_be_worked_out_again() -> None:
    router, knobs = router_over([]), GatewayKnobs()
    policy = RoutingPolicy()
    bodies = [json.dumps({"messages": [{"role": "user", "content": text}]}).encode() for text in ("hi", "Prove it. ")]
    for body in (*bodies, *bodies):
        request = parse_chat_request(body)
        fresh = await router.read(request, knobs, caller(), policy)
        assert await router.read(request, knobs, caller(), policy, is_repeatable=True) == fresh


SAID = [{"role": "user", "content": "hi"}]
PICTURE = [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "https://x/y.png"}}]}]
OF_ONE_CANDIDATE: dict[str, tuple[dict[str, Any], bool, str]] = {
    "a model of which nothing is known": ({"model": "x-1", "messages": SAID}, False, ""),
    "a model that may not be asked now": ({"model": "x-1", "messages": SAID}, True, "NO_HEALTHY_ROUTE"),
    "a prompt that certainly fits": ({"model": "small", "messages": SAID, "max_tokens": 7}, False, ""),
    "a prompt that fits once it is counted": (
        {"model": "small", "messages": [{"role": "user", "content": "word " * 4_000}]},
        False,
        "",
    ),
    "an answer that is too long with it, which may be an error of the estimate": (
        {"model": "small", "messages": SAID, "max_tokens": 9_000},
        False,
        "",
    ),
    "a prompt that is too long": (
        {"model": "small", "messages": [{"role": "user", "content": "word " * 40_000}]},
        False,
        "CONTEXT_TOO_LONG",
    ),
    "a picture for a model that takes them": ({"model": "best", "messages": PICTURE}, False, ""),
    "a picture for one that takes none": ({"model": "small", "messages": PICTURE}, False, "PARAM_UNSUPPORTED"),
    "a tool for a model that calls none": (
        {"model": "plain", "messages": SAID, "tools": [{"type": "function", "function": {"name": "f"}}]},
        False,
        "PARAM_UNSUPPORTED",
    ),
    "a choice that is left": ({"messages": SAID}, False, ""),
}


@pytest.mark.parametrize(("body", "rests", "refusal"), OF_ONE_CANDIDATE.values(), ids=OF_ONE_CANDIDATE)
async def test_one_candidate_alone_is_asked_as_the_decision_says(
    body: dict[str, Any], *, rests: bool, refusal: str
) -> None:
    resting = Resting(5.0, 5.0, "of a test") if rests else None
    entries = [entry("a", "openai")]
    router = router_over(entries, rests_at=lambda candidate, now_s: resting)
    known, request = Known(USUAL, entries, _Prices(), {}), parse_chat_request(json.dumps(body).encode())
    weighed = router.weigh(request, GatewayKnobs(), caller(), USUAL, is_repeatable=False)
    what = weighed, request, caller(), USUAL
    decision = await router.decide(router.ask(*what), "ws_1")
    for _ in range(2):  # the plan is made, and then it is there
        if decision.error is None:
            assert list(router.candidates(*what, known)) == list(decision.candidates)
        else:
            with pytest.raises(PerpetuoError) as told:
                router.candidates(*what, known)
            assert (told.value.reason, told.value.message) == (decision.error.reason, decision.error.message)
    assert (decision.error.reason if decision.error else "") == refusal


async def test_the_router_goes_by_what_is_measured() -> None:
    entries, seen = [entry("a", "openai", 1), entry("b", "openai", 2)], dict[str, Measured]()
    measured_of = lambda provider_id, model, is_stream: seen.get(provider_id, NOTHING)  # noqa: E731
    router = router_over(entries, RoutingPolicy("reliable"), measured_of=measured_of)
    asked = await read(router, {"model": "best", "messages": [{"role": "user", "content": "hi"}]})
    assert (await router.decide(asked.ask, "ws_1")).candidates[0].deployment.provider_id == "a"
    seen["a"] = Measured(calls=5.0, error_rate=1.0)
    assert (await router.decide(asked.ask, "ws_1")).candidates[0].deployment.provider_id == "b"


LONG = {"model": "best", "messages": [{"role": "user", "content": "word " * 2_000}]}


async def test_a_long_conversation_stays_where_it_was_served() -> None:
    entries = [entry(name, "openai") for name in "abcd"]
    router = router_over(entries, draw=random.Random(7).random)
    asked = await read(router, LONG)
    own = [(await router.decide(asked.ask, "ws_1")).candidates[0].deployment.provider_id for _ in range(20)]
    assert len(set(own)) == 1
    other = next(name for name in "abcd" if name != own[0])
    router.note([failed(own[0]), failed(other, outcome="ok")], asked.ask.bond)
    decision = await router.decide(asked.ask, "ws_1", in_full=True)
    assert decision.candidates[0].deployment.provider_id == other
    assert decision.stay is not None
    assert (decision.stay.provider_id, decision.stay.by) == (other, "conversation")
    short = await read(router, {**LONG, "messages": [{"role": "user", "content": "hi"}]})
    drawn = {(await router.decide(short.ask, "ws_1")).candidates[0].deployment.provider_id for _ in range(40)}
    assert len(drawn) > 1


def failed(provider_id: str, model: str = "best", outcome: str = "UPSTREAM_TIMEOUT", ms: int = 50) -> AttemptRecord:
    return AttemptRecord(1, provider_id, "openai", model, outcome, None, clock().now(), ms, ms)


class DownTransport:
    """Refuses every connection."""

    async def send(self, request: WireRequest, timeouts: Timeouts) -> Reply:
        raise errors.UpstreamUnavailable("refused", details={"phase": "connect"})

    async def close(self) -> None:
        return None


class LastLedger(Nowhere):
    """Keeps the last record."""

    last: OperationRecord

    def record(self, operation: OperationRecord) -> None:
        self.last = operation


def random_body(rng: random.Random) -> dict[str, Any]:
    """A request that names a model, or leaves the choice, with any needs."""
    content: Any = rng.choice(TEXTS)
    if rng.random() < 0.15:
        image = {"type": "image_url", "image_url": {"url": "https://x/y.png"}}
        content = [{"type": "text", "text": content}, image]
    body: dict[str, Any] = {"messages": [{"role": "user", "content": content}]}
    names = [None, "auto", "auto:fast", "auto:cheap", "auto:best", "best", "small", "fast", "groq/fast", "demo/echo"]
    name = rng.choice([*names, "x-1", "nobody-knows"])
    if name is not None:
        body["model"] = name
    if rng.random() < 0.4:
        body["gateway"] = {"strategy": rng.choice(STRATEGIES)}
    if rng.random() < 0.2:
        body["tools"] = [{"type": "function", "function": {"name": "f"}}]
    if rng.random() < 0.2:
        body["max_tokens"] = rng.choice([5, 2_000, 20_000])
    if rng.random() < 0.3:
        body["prompt_cache_key"] = f"key {rng.randint(0, 9)}"
    if rng.random() < 0.3:
        body["user"] = f"user {rng.randint(0, 9)}"
    return body


def random_measurements(rng: random.Random, now_s: float) -> Any:
    seen = dict[tuple[str, str], Measurements]()
    for _ in range(rng.randint(0, 6)):
        model = rng.choice(["best", "small", "fast", "big", "echo"])
        of_it = seen.setdefault((f"prov_{rng.randint(0, 4)}", model), Measurements())
        then_s = now_s - rng.choice([0, 1, 400])
        if rng.random() < 0.33:
            of_it.called(then_s, has_failed=True)
        else:
            of_it.answered((rng.random() * 9.0,), (then_s,))

    def measured_of(provider_id: str, model: str, is_stream: bool) -> Measured:
        found = None if is_stream else seen.get((provider_id, model))
        return NOTHING if found is None else found.at(now_s)

    return measured_of


def random_rests(rng: random.Random) -> Any:
    resting = {f"prov_{number}": random_rest(rng) for number in range(5) if rng.random() < 0.2}
    return lambda candidate, now_s: resting.get(candidate.deployment.provider_id)


def random_rest(rng: random.Random) -> Resting:
    rests_s = 0.1 + rng.random() * 9
    return Resting(rests_s, rng.choice([0.0, rests_s, rests_s, rests_s]), "of a test", rng.random() < 0.3)


def random_loads(rng: random.Random) -> Any:
    loads = {f"prov_{number}": rng.choice([0.0, 0.1, 0.1, 2.0]) for number in range(5)}
    return lambda provider_id, model, is_stream: loads[provider_id]


def random_fullness(rng: random.Random) -> Any:
    full = {f"prov_{number}" for number in range(5) if rng.random() < 0.2}
    return lambda provider_id, model: provider_id in full


async def one_round(seed: int) -> str:
    """Explains and serves one random request over one random state; answers what kind of outcome it was."""
    rng = random.Random(seed)
    entries, body = random_entries(rng), random_body(rng)
    policy = RoutingPolicy(rng.choice(STRATEGIES), Weights(rng.random(), rng.random(), rng.random() + 0.01))
    # A clock that stands still: the state that is explained is the state that is served from.
    still = Clock(lambda: NOON, lambda: NOW_S)
    parts: dict[str, Any] = {"rests_at": random_rests(rng), "measured_of": random_measurements(rng, NOW_S)}
    parts["time"] = still
    parts |= {"load_of": random_loads(rng), "is_full": random_fullness(rng)}
    allowed = rng.choice([(), (), (), ("best", "fast", "echo"), ("groq/fast",)])
    explaining = router_over(entries, policy, draw=random.Random(seed).random, **parts)
    serving = router_over(entries, policy, draw=random.Random(seed).random, **parts)
    asked = await read(explaining, body, allowed)
    if rng.random() < 0.5 and asked.ask.bond is not None:
        served_last = [failed(f"prov_{rng.randint(0, 4)}", rng.choice(["best", "small", "fast"]), "ok")]
        for router in (explaining, serving):
            router.note(served_last, asked.ask.bond)
    explained = await explaining.decide(asked.ask, "ws_1", in_full=True)

    around = Surroundings(draw=lambda: 0.0)
    dispatcher = Dispatcher(DownTransport(), lambda *_: OpenAiDialect(), Patience(), lambda entry, reason: None, around)
    ledger = LastLedger()
    sharing = Sharing(Answers(0, 1.0), still.monotonic)
    pipeline = Pipeline(Parts(serving, sharing, dispatcher, ledger, still, nano_per_token, unlimited()))
    try:
        await pipeline.complete(caller(allowed, NOW_S), json.dumps(body).encode())
    except PerpetuoError as error:
        told = error
    tried = [(attempt.provider_id, attempt.model) for attempt in ledger.last.attempts]
    ranked = [(item.candidate.deployment.provider_id, item.candidate.model) for item in explained.ranked]
    assert tried == ranked[:MAX_CALLS]
    assert ledger.last.complexity == asked.judgement.level.value
    assert ledger.last.strategy == asked.ask.strategy
    if explained.error is not None:
        assert (told.reason, told.message) == (explained.error.reason, explained.error.message)
        return explained.error.reason
    return "served"


@pytest.mark.parametrize("first", range(0, ROUNDS, AT_ONCE))
async def test_what_is_explained_is_what_happens(first: int) -> None:
    seen = [await one_round(seed) for seed in range(first, first + AT_ONCE)]
    assert {
        "served",
        "MODEL_UNKNOWN",
        "MODEL_NOT_ALLOWED",
        "CONTEXT_TOO_LONG",
        "NO_HEALTHY_ROUTE",
        "UPSTREAM_RATE_LIMITED",
    } <= set(seen)
    assert seen.count("served") > AT_ONCE // 3

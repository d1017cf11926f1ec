"""What is prepared is the same whether all is known of the workspace, or has to be loaded."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from server.cache.kept import Answers
from server.chat.deployment import Deployment
from server.chat.policy import RoutingPolicy
from server.chat.principal import Call
from server.chat.request import parse_chat_request
from server.errors import ModelUnknown, PerpetuoError, RequestInvalid
from server.limits.admission import Admission
from server.parts import Parts
from server.prepared import Prepared
from server.preparing import Preparing
from server.providers.openai import OpenAiDialect
from server.recall import Recall
from server.routing.candidates import ProviderFacts
from server.routing.dispatch import Dispatcher
from server.routing.known import Known
from server.routing.operation import Operation
from server.routing.patience import Patience
from server.routing.router import Router, Sources
from server.sharing import Sharing
from tests.stores.ledgers import KeptLedger
from tests.unit.server.piped import call
from tests.unit.server.routing.admitting import unlimited
from tests.unit.server.routing.scripted import ScriptedTransport, clock, means, nano_per_token

HELLO = b'"messages":[{"role":"user","content":"Hi"}]'
ENTRY = Deployment("p0", "ws_1", "openai", "https://x.example/v1", "sk-secret", models=("m",))


class _Prices:
    def cost_nanousd(self, provider: str, model: str, usage: object) -> int | None:
        return 7

    def version_of(self, provider: str, model: str) -> str:
        return "v"

    def blended_nanousd(self, provider: str, model: str) -> int | None:
        return 7


PRICES = _Prices()


def preparing(policy: RoutingPolicy, *, is_known: bool, entries: Sequence[Deployment] = (ENTRY,)) -> Preparing:
    """What prepares, and a trace for an operation of it."""

    async def deployments_of(workspace_id: str) -> Sequence[Deployment]:
        return entries

    async def policy_of(workspace_id: str) -> RoutingPolicy:
        return policy

    async def prices_of(workspace_id: str) -> _Prices:
        return PRICES

    known = Known(policy, entries, PRICES, {})
    sources = Sources(
        deployments_of,
        lambda _: ProviderFacts(),
        clock(),
        lambda: 0.5,
        policy_of=policy_of,
        known_of=lambda _: known if is_known else None,
    )
    dispatcher = Dispatcher(ScriptedTransport([]), lambda *_: OpenAiDialect(), Patience(), lambda entry, reason: None)
    sharing = Sharing(Answers(1_000_000, 60.0), asyncio.get_running_loop().time)
    admission: Admission = unlimited()
    parts = Parts(Router(sources), sharing, dispatcher, KeptLedger(), clock(), nano_per_token, admission, prices_of)

    async def complete(asked: Call, body: bytes, read: object) -> bytes:
        raise AssertionError("nothing is asked for the gateway itself")

    return Preparing(parts, Recall(parts), complete)


async def prepared(policy: RoutingPolicy, body: bytes, *, is_known: bool, **said: str) -> Prepared:
    made = preparing(policy, is_known=is_known)
    operation = Operation(call(knobs=said), means(), False)
    return await made.prepared(operation, body, parse_chat_request)


def seen(made: Prepared) -> dict[str, Any]:
    """What the later steps go by."""
    operation = made.operation
    return {
        "ask": operation.ask,
        "policy": made.policy,
        "mode": made.mode,
        "hedges": made.hedges,
        "is_shared": made.share is not None,
        "is_strict": made.request.is_strict,
        "requested": operation.model_requested,
        "strategy": operation.ask.strategy,
        "complexity": operation.ask.complexity,
        "candidates": [(one.deployment.provider_id, one.model) for one in operation.candidates],
        "content": operation.content_policy,
        "price": operation.prices.version_of("openai", "m"),
    }


CASES: dict[str, tuple[RoutingPolicy, bytes, dict[str, str], dict[str, Any]]] = {
    "an ordinary request": (RoutingPolicy(), b'{"model":"m",%b}', {}, {"candidates": [("p0", "m")], "price": "v"}),
    "one that leaves the choice": (RoutingPolicy(), b"{%b}", {}, {"requested": "", "candidates": [("p0", "m")]}),
    "a choice by price": (RoutingPolicy(), b'{"model":"auto:cheap",%b}', {}, {"strategy": "cheapest"}),
    "a name that begins like a choice": (RoutingPolicy(), b'{"model":"m","n":1,%b}', {}, {"requested": "m"}),
    "what the workspace wants": (
        RoutingPolicy("fastest", hedges=True, stream_mode="buffered", content="off"),
        b'{"model":"m",%b}',
        {},
        {"strategy": "fastest", "hedges": True, "mode": "buffered", "content": "off"},
    ),
    "what the body wants instead": (
        RoutingPolicy("fastest", hedges=True, stream_mode="buffered"),
        b'{"model":"m","gateway":{"strategy":"reliable","hedge":false,"stream_mode":"direct","strict":true},%b}',
        {},
        {"strategy": "reliable", "hedges": False, "mode": "direct", "is_strict": True},
    ),
    "what a header wants instead": (
        RoutingPolicy("fastest"),
        b'{"model":"m",%b}',
        {"strategy": "balanced", "strict": "1"},
        {"strategy": "balanced", "is_strict": True},
    ),
    "headers that are no knobs": (RoutingPolicy(), b'{"model":"m",%b}', {"other": "x"}, {"is_shared": False}),
    "one at temperature 0": (RoutingPolicy(), b'{"model":"m","temperature":0,%b}', {}, {"is_shared": True}),
    "one that must not be kept": (
        RoutingPolicy(),
        b'{"model":"m","temperature":0,%b}',
        {"cache-control": "no-store"},
        {"is_shared": False},
    ),
}


@pytest.mark.parametrize(("policy", "body", "said", "expected"), CASES.values(), ids=CASES.keys())
async def test_is_the_same_whether_it_is_known_or_loaded(
    policy: RoutingPolicy, body: bytes, said: dict[str, str], expected: dict[str, Any]
) -> None:
    known = seen(await prepared(policy, body % HELLO, is_known=True, **said))
    loaded = seen(await prepared(policy, body % HELLO, is_known=False, **said))
    assert known == loaded
    assert {name: known[name] for name in expected} == expected


async def test_an_ordinary_request_is_prepared_without_a_wait() -> None:
    made = preparing(RoutingPolicy(), is_known=True)
    operation = Operation(call(), means(), False)
    assert isinstance(made.prepare(operation, b'{"model":"m",%b}' % HELLO, parse_chat_request), Prepared)


REFUSED: dict[str, tuple[bytes, type[PerpetuoError]]] = {
    "a body that is wrong": (b"{}", RequestInvalid),
    "a choice that is unknown": (b'{"model":"auto:none",%b}' % HELLO, RequestInvalid),
    "an option that is unknown": (b'{"model":"m","gateway":{"x":1},%b}' % HELLO, RequestInvalid),
    "nobody to serve it": (b'{"model":"m",%b}' % HELLO, ModelUnknown),
}


@pytest.mark.parametrize("is_known", [True, False], ids=["known", "loaded"])
@pytest.mark.parametrize(("body", "error"), REFUSED.values(), ids=REFUSED.keys())
async def test_is_refused_alike(body: bytes, error: type[PerpetuoError], is_known: bool) -> None:
    made = preparing(RoutingPolicy(), is_known=is_known, entries=())
    operation = Operation(call(), means(), False)
    with pytest.raises(error):
        await made.prepared(operation, body, parse_chat_request)


async def test_of_a_name_that_is_long_the_beginning_is_written_down() -> None:
    operation = Operation(call(), means(), False)
    with pytest.raises(ModelUnknown):
        await preparing(RoutingPolicy(), is_known=True).prepared(
            operation, b'{"model":"%b",%b}' % (b"m" * 300, HELLO), parse_chat_request
        )
    assert operation.model_requested == operation.record().model_requested == "m" * 200

"""What is known of a workspace is put together from memory, and no longer than all of it is good."""

import asyncio
from dataclasses import dataclass, field
from typing import Any, cast

import pytest

from server.accounts.forgetting import Forgetting
from server.accounts.loading_cache import Bounds, LoadingCache
from server.chat.deployment import Deployment
from server.chat.policy import RoutingPolicy
from server.knowing import Knowing
from server.ledger.prices import PriceBook
from server.ledger.workspace_prices import WorkspacePrices
from tests.unit.server.accounts.clock import Clock

WS = "ws_1"
ENTRY = Deployment("prov_1", WS, "openai", "https://a.example/v1", "sk")
PARTS = ("policy", "entries", "prices")


@dataclass
class Kept:
    """One of the caches, and what it loads."""

    value: Any
    clock: Clock
    fresh_s: float = 10.0
    cache: LoadingCache[str, Any] = field(init=False)

    def __post_init__(self) -> None:
        self.cache = LoadingCache(self._load, Bounds(self.fresh_s), self.clock)

    async def _load(self, workspace_id: str) -> Any:
        return self.value


class Stage:
    """Three caches and what is known from them."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.forgetting = Forgetting()
        self.parts = {
            "policy": Kept(RoutingPolicy(), self.clock, 5.0),
            "entries": Kept((ENTRY,), self.clock, 30.0),
            "prices": Kept(WorkspacePrices(PriceBook({})), self.clock),
        }
        policies, entries, prices = (cast(Any, part) for part in self.parts.values())
        self.knowing = Knowing(policies, entries, prices, self.forgetting, self.clock)

    async def load(self) -> None:
        for part in self.parts.values():
            await part.cache.get(WS)


@pytest.fixture
def stage() -> Stage:
    return Stage()


async def test_nothing_is_known_until_all_is_loaded(stage: Stage) -> None:
    for part in stage.parts.values():
        assert stage.knowing.of(WS) is None
        await part.cache.get(WS)
    known = stage.knowing.of(WS)
    assert known is not None
    assert (known.policy, known.deployments) == (RoutingPolicy(), (ENTRY,))
    assert known.prices.blended_nanousd("openai", "x") is None
    assert stage.knowing.of(WS) is known
    assert stage.knowing.of("ws_2") is None


@pytest.mark.parametrize("name", PARTS)
async def test_what_is_forgotten_is_not_known_any_more(stage: Stage, name: str) -> None:
    await stage.load()
    assert stage.knowing.of(WS) is not None
    stage.parts[name].cache.discard(WS)
    assert stage.knowing.of(WS) is None


@pytest.mark.parametrize("name", PARTS)
async def test_what_is_loaded_anew_counts_at_once(stage: Stage, name: str) -> None:
    await stage.load()
    before = stage.knowing.of(WS)
    part = stage.parts[name]
    part.cache.discard(WS)
    await part.cache.get(WS)
    now = stage.knowing.of(WS)
    assert now is not None
    assert now is not before


async def test_what_nobody_asks_for_is_known_no_longer_than_it_is_fresh(stage: Stage) -> None:
    await stage.load()
    assert stage.knowing.of(WS) is not None
    stage.clock.now_s += 5.0
    assert stage.knowing.of(WS) is None


async def test_what_is_asked_for_is_loaded_anew_before_it_is_too_old(stage: Stage) -> None:
    await stage.load()
    stage.parts["policy"].value = RoutingPolicy(strategy="cheapest")
    for _ in range(4):
        stage.clock.now_s += 1.0
        assert stage.knowing.of(WS) is not None
        await asyncio.sleep(0)
        await asyncio.sleep(0)
    known = stage.knowing.of(WS)
    assert known is not None
    assert known.policy.strategy == "cheapest"


async def test_plans_go_with_the_entries_and_stay_with_them(stage: Stage) -> None:
    await stage.load()
    first = stage.knowing.of(WS)
    assert first is not None
    stage.parts["policy"].cache.discard(WS)
    await stage.parts["policy"].cache.get(WS)
    same = stage.knowing.of(WS)
    assert same is not None
    assert same.plans is first.plans
    stage.parts["entries"].value = (ENTRY, ENTRY)
    stage.parts["entries"].cache.discard(WS)
    await stage.parts["entries"].cache.get(WS)
    other = stage.knowing.of(WS)
    assert other is not None
    assert other.plans is not first.plans


async def test_nothing_of_a_workspace_that_was_forgotten_stays_in_memory(stage: Stage) -> None:
    await stage.load()
    assert stage.knowing.of(WS) is not None
    assert len(stage.knowing) == 1
    stage.forgetting.forget("workspace", WS)
    assert len(stage.knowing) == 0

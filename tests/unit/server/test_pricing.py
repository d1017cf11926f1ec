"""The prices of workspaces from memory: changes here count at once, others soon, and the database may be away."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from types import SimpleNamespace
from typing import Any, cast

import pytest

from server.chat.usage import Usage
from server.errors import StoreUnavailable
from server.ledger.prices import PriceBook, PriceRow
from server.pricing import FRESH_S, STALE_S, Pricing
from server.storage.prices import NO_PRICES, PriceLine, PriceList
from tests.unit.server.accounts.clock import Clock

PUBLISHED = PriceBook({("openai", "gpt-4o"): PriceRow(Decimal(1), Decimal(1))})
MILLION = Usage(input_tokens=1_000_000)


class Store:
    """Price lists by workspace; counts how often they are read."""

    def __init__(self) -> None:
        self.lists: dict[str, PriceList] = {}
        self.reads = 0
        self.is_away = False

    @asynccontextmanager
    async def read(self) -> AsyncIterator[Any]:
        if self.is_away:
            raise StoreUnavailable("away")
        self.reads += 1
        yield SimpleNamespace(prices=SimpleNamespace(of=self._of))

    async def _of(self, workspace_id: str) -> PriceList:
        return self.lists.get(workspace_id, NO_PRICES)


def listed(version: int, nanousd: int) -> PriceList:
    return PriceList(version, None, "usr_1", (PriceLine("openai", "gpt-4o", nanousd, nanousd),))


async def cost(pricing: Pricing, workspace_id: str = "ws_1") -> int | None:
    return (await pricing.of(workspace_id)).cost_nanousd("openai", "gpt-4o", MILLION)


@pytest.fixture
def store() -> Store:
    return Store()


@pytest.fixture
def pricing(store: Store, clock: Clock) -> Pricing:
    return Pricing(cast(Any, store), PUBLISHED, clock)


@pytest.fixture
def clock() -> Clock:
    return Clock()


async def test_own_prices_hold_in_their_workspace_alone(pricing: Pricing, store: Store) -> None:
    store.lists["ws_1"] = listed(1, 5)
    assert (await cost(pricing), await cost(pricing, "ws_2")) == (5, 1_000_000_000)
    price_of = await pricing.routing_prices_of("ws_1")
    assert price_of("openai", "gpt-4o") == 0
    assert (await pricing.routing_prices_of("ws_2"))("openai", "gpt-4o") == 4_000_000


async def test_a_change_here_counts_at_once_for_cost_and_for_routing(pricing: Pricing, store: Store) -> None:
    assert await cost(pricing) == 1_000_000_000
    assert (await pricing.routing_prices_of("ws_1"))("openai", "gpt-4o") == 4_000_000
    store.lists["ws_1"] = listed(1, 2_000_000_000)
    assert await cost(pricing) == 1_000_000_000
    pricing.forget("ws_1")
    assert await cost(pricing) == 2_000_000_000
    assert (await pricing.routing_prices_of("ws_1"))("openai", "gpt-4o") == 8_000_000
    assert (await pricing.of("ws_1")).version_of("openai", "gpt-4o") == "workspace/1"


async def test_a_change_elsewhere_counts_soon(pricing: Pricing, store: Store, clock: Clock) -> None:
    await cost(pricing)
    store.lists["ws_1"] = listed(1, 5)
    clock.now_s += FRESH_S - 0.1
    assert (await cost(pricing), store.reads) == (1_000_000_000, 1)
    clock.now_s += 0.2
    assert (await cost(pricing), store.reads) == (5, 2)


async def test_prices_that_were_seen_outlive_the_database_for_a_while(
    pricing: Pricing, store: Store, clock: Clock
) -> None:
    store.lists["ws_1"] = listed(1, 5)
    await cost(pricing)
    store.is_away = True
    clock.now_s += FRESH_S + 1
    assert await cost(pricing) == 5
    with pytest.raises(StoreUnavailable):
        await cost(pricing, "ws_new")
    clock.now_s += STALE_S
    with pytest.raises(StoreUnavailable):
        await cost(pricing)


async def test_what_is_remembered_of_published_prices_is_forgotten_in_time(pricing: Pricing, clock: Clock) -> None:
    first = await pricing.of("ws_1")
    assert await pricing.of("ws_2") is first
    clock.now_s += 601
    later = await pricing.of("ws_1")
    assert later is not first
    assert await pricing.of("ws_2") is later

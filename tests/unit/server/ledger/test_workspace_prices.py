"""Prices of a workspace: its own first, exactly, and each with where it comes from."""

from decimal import Decimal

import pytest

from server.chat.usage import Usage
from server.ledger.prices import EVERY_MODEL, PriceBook, PriceRow
from server.ledger.workspace_prices import WorkspacePrices
from server.storage.prices import PriceLine

PUBLISHED = PriceBook({("openai", "gpt-4o"): PriceRow(Decimal("2.5"), Decimal(10))})
LINES = (
    PriceLine("openai", "gpt-4o", 1_000_000_000, 2_000_000_000, 100_000_000, 0),
    PriceLine("groq", EVERY_MODEL, 0, 0),
    PriceLine("groq", "dear", 7, 3),
)
OWN = WorkspacePrices(PUBLISHED, LINES, 3)
USAGE = Usage(input_tokens=1_000, cache_read_tokens=500, cache_write_tokens=200, output_tokens=100, reasoning_tokens=10)

CASES = [
    ("a price of its own", "openai", "gpt-4o", 1_000 * 1_000 + 500 * 100 + 110 * 2_000),
    ("every model of a provider", "groq", "llama", 0),
    ("a model goes before every model", "groq", "dear", 0),  # 12,230 millionths of a nano-dollar
]


@pytest.mark.parametrize(("provider", "model", "cost"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_what_a_call_costs_by_own_prices(provider: str, model: str, cost: int) -> None:
    assert OWN.cost_nanousd(provider, model, USAGE) == cost
    assert OWN.version_of(provider, model) == "workspace/3"


def test_a_fraction_of_a_nano_dollar_is_rounded_at_the_end() -> None:
    assert OWN.cost_nanousd("groq", "dear", Usage(input_tokens=1_000_000, output_tokens=500_000)) == 8  # 8.5, to even


def test_other_models_cost_what_is_published() -> None:
    usage = Usage(input_tokens=1_000)
    for provider, model in (("openai", "gpt-4o-2024-11-20"), ("anthropic", "claude-sonnet-4-5"), ("openai", "nothing")):
        assert OWN.cost_nanousd(provider, model, usage) == PUBLISHED.cost_nanousd(provider, model, usage)
        assert OWN.version_of(provider, model) == PUBLISHED.version
    assert OWN.cost_nanousd("openai", "nothing", usage) is None


def test_a_usual_mix_is_priced_by_own_prices_too() -> None:
    assert OWN.blended_nanousd("openai", "gpt-4o") == 3_000 * 1_000 + 1_000 * 2_000
    assert WorkspacePrices(PUBLISHED).blended_nanousd("openai", "gpt-4o") == 3_000 * 2_500 + 1_000 * 10_000


def test_what_is_remembered_of_mixes_is_bounded() -> None:
    prices = WorkspacePrices(PUBLISHED, (PriceLine("x", EVERY_MODEL, 1, 1),), 1)
    for number in range(5_000):
        prices.blended_nanousd("x", f"model {number}")
    assert len(prices._blended) <= 4096


@pytest.mark.parametrize("tier", ["", "flex"])
def test_a_model_without_a_price_has_none_however_often_it_is_asked_for(tier: str) -> None:
    book = PriceBook()
    prices, usage = WorkspacePrices(book), Usage(input_tokens=1_000, tier=tier)
    assert [prices.cost_nanousd("openai", "nothing", usage) for _ in range(3)] == [None] * 3
    assert book.cached == {("openai", "nothing"): None}

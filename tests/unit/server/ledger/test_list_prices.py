"""Prices per million tokens, as vendors publish them."""

import pytest

from server.chat.usage import Usage
from server.ledger.list_prices import ListPrice, blended_nanousd, blended_usd_per_1m, list_price
from server.ledger.prices import PriceBook

BOOK = PriceBook()


def test_the_list_price_of_a_model() -> None:
    assert list_price(BOOK.cost_nanousd, "openai", "gpt-4o-mini") == ListPrice(0.15, 0.6, 0.075)


def test_what_a_call_costs_beside_its_tokens_is_no_part_of_it() -> None:
    def cost(provider: str, model: str, usage: Usage) -> int | None:
        return 5_000_000 + usage.total_tokens * 1_000

    assert list_price(cost, "p", "m") == ListPrice(1.0, 1.0, 1.0)


def test_a_model_without_a_price() -> None:
    assert list_price(BOOK.cost_nanousd, "openai", "no-such-model") == ListPrice(None, None, None)
    assert blended_nanousd(BOOK.cost_nanousd, "openai", "no-such-model") is None
    assert blended_usd_per_1m(None) is None


def test_the_blend_is_three_to_one() -> None:
    nanousd = blended_nanousd(BOOK.cost_nanousd, "openai", "gpt-4o-mini")
    assert blended_usd_per_1m(nanousd) == pytest.approx((3 * 0.15 + 0.6) / 4)

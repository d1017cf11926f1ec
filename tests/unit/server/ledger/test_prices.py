"""Prices: exact integers, equal to the published ones, and never a guess."""

from datetime import UTC, datetime
from decimal import ROUND_HALF_EVEN, Decimal, localcontext

import genai_prices
import pytest
from genai_prices.data import providers

from server.chat.usage import Usage
from server.ledger.prices import PriceBook, PriceRow

DEMO = PriceRow(Decimal("0.15"), Decimal("0.60"), cache_read_usd=Decimal("0.075"))


@pytest.fixture(scope="module")
def book() -> PriceBook:
    return PriceBook({("demo", "*"): DEMO, ("openai", "gpt-custom"): PriceRow(Decimal(1), Decimal(2))})


@pytest.mark.parametrize(
    ("provider", "model", "usage", "nanousd"),
    [
        pytest.param("openai", "gpt-4o-mini", Usage(600, 400, 0, 200), 240_000, id="cached tokens cost half"),
        pytest.param(
            "openai", "gpt-4o-mini", Usage(600, 0, 400, 200), 270_000, id="without a write price, input's holds"
        ),
        pytest.param("openai", "gpt-4o-mini", Usage(0, 0, 0, 150, 50), 120_000, id="reasoning is paid as output"),
        pytest.param("openai", "gpt-4o-mini-2024-07-18", Usage(1000), 150_000, id="a dated name is the same model"),
        pytest.param("openai", "gpt-4o-mini", Usage(), 0, id="nothing used costs nothing"),
        pytest.param("demo", "echo", Usage(600, 400, 100, 200), 255_000, id="the demo provider has its pretend price"),
        pytest.param("openai", "gpt-custom", Usage(3, 0, 0, 4), 11_000, id="a row of the operator's for one model"),
        pytest.param("openai", "gpt-nobody-knows", Usage(1000), None, id="an unknown model costs None, not 0"),
        pytest.param("nobody", "gpt-4o-mini", Usage(1000), None, id="an unknown provider costs None"),
        pytest.param(
            "openai-compatible", "gpt-4o-mini", Usage(1000), None, id="a similar provider's name is not guessed"
        ),
        pytest.param("openai", "text-embedding-3-small", Usage(1000), 20_000, id="a model that takes input alone"),
        pytest.param("openai", "text-embedding-3-small", Usage(1000, 0, 0, 1), None, id="output that has no price"),
    ],
)
def test_a_call_costs_what_its_tokens_cost(
    book: PriceBook, provider: str, model: str, usage: Usage, nanousd: int | None
) -> None:
    assert book.cost_nanousd(provider, model, usage) == nanousd


def test_a_million_of_the_smallest_costs_add_up_exactly(book: PriceBook) -> None:
    total = 0
    for _ in range(1_000_000):
        cost = book.cost_nanousd("openai", "gpt-4o-mini", Usage(1))
        assert cost is not None
        total += cost
    assert total == 150_000_000


@pytest.mark.parametrize(
    ("tokens", "nanousd"),
    [
        pytest.param(1, 0, id="half of one goes to the even zero"),
        pytest.param(3, 2, id="one and a half goes to the even two"),
        pytest.param(5, 2, id="two and a half goes to the even two"),
        pytest.param(4, 2, id="what is whole stays"),
    ],
)
def test_rounding_is_half_to_even_and_happens_once(tokens: int, nanousd: int) -> None:
    book = PriceBook({("own", "*"): PriceRow(Decimal("0.0005"), Decimal("0.0005"))})
    assert book.cost_nanousd("own", "m", Usage(tokens)) == nanousd
    assert book.cost_nanousd("own", "m", Usage(0, 0, 0, tokens)) == nanousd
    assert book.cost_nanousd("own", "m", Usage(tokens, 0, 0, tokens)) == tokens


def test_a_large_prompt_is_paid_at_its_tier(book: PriceBook) -> None:
    small = book.cost_nanousd("google", "gemini-2.5-pro", Usage(200_000, 0, 0, 10))
    large = book.cost_nanousd("google", "gemini-2.5-pro", Usage(200_001, 0, 0, 10))
    assert small == 250_100_000
    assert large == 500_152_500


HOURS = [
    pytest.param("claude-sonnet-4-5", Usage(0, 0, 1000), 3_750_000, id="five minutes cost a quarter more than input"),
    pytest.param("claude-sonnet-4-5", Usage(0, 0, 1000, cache_write_1h_tokens=1000), 6_000_000, id="an hour, twice"),
    pytest.param("claude-sonnet-4-5", Usage(0, 0, 1000, cache_write_1h_tokens=400), 4_650_000, id="some of each"),
]


@pytest.mark.parametrize(("model", "usage", "nanousd"), HOURS)
def test_what_is_kept_for_an_hour_has_its_own_price(book: PriceBook, model: str, usage: Usage, nanousd: int) -> None:
    assert book.cost_nanousd("anthropic", model, usage) == nanousd


TIERS = [
    pytest.param("gpt-5.1", "", 11_250_000, id="the usual tier"),
    pytest.param("gpt-5.1", "flex", 5_625_000, id="flex costs half"),
    pytest.param("gpt-5.1", "priority", 22_500_000, id="priority costs twice"),
    pytest.param("gpt-5.1", "no-such-tier", 11_250_000, id="a tier without a price of its own costs the usual"),
    pytest.param("gpt-4.1-nano", "flex", 500_000, id="a model without that tier costs the usual"),
]


@pytest.mark.parametrize(("model", "tier", "nanousd"), TIERS)
def test_the_tier_that_answered_is_paid(book: PriceBook, model: str, tier: str, nanousd: int) -> None:
    moment = datetime(2026, 11, 1, 12, tzinfo=UTC)
    assert book.cost_nanousd("openai", model, Usage(1000, 0, 0, 1000, tier=tier), moment) == nanousd


def test_the_operators_price_holds_for_every_tier() -> None:
    book = PriceBook({("openai", "*"): PriceRow(Decimal(1), Decimal(1))})
    assert book.cost_nanousd("openai", "gpt-5.1", Usage(1000, tier="priority")) == 1_000_000


def test_an_alias_names_the_provider_as_the_price_list_does() -> None:
    book = PriceBook(aliases={"xai": "x-ai"})
    assert book.cost_nanousd("xai", "grok-3", Usage(1000)) == PriceBook().cost_nanousd("x-ai", "grok-3", Usage(1000))
    assert book.cost_nanousd("xai", "grok-3", Usage(1000)) is not None


@pytest.mark.parametrize("hour", [3, 12, 18])
def test_prices_that_depend_on_the_hour_follow_the_call(book: PriceBook, hour: int) -> None:
    moment = datetime(2025, 3, 15, hour, 45, tzinfo=UTC)
    usage = Usage(1000, 0, 0, 500)
    expected = genai_prices.calc_price(
        genai_prices.Usage(input_tokens=1000, output_tokens=500),
        "deepseek-chat",
        provider_id="deepseek",
        genai_request_timestamp=moment,
    )
    assert book.cost_nanousd("deepseek", "deepseek-chat", usage, moment) == _nanousd(expected.total_price)


def test_every_published_model_that_has_both_prices_costs_what_the_list_says(book: PriceBook) -> None:
    moment = datetime(2026, 11, 1, 12, tzinfo=UTC)
    compared = 0
    usages = [
        Usage(600, 400, 70, 150, 50, cache_write_1h_tokens=30),
        Usage(
            150_000,
            120_000,
            31_000,
            999,
            1,
            audio_input_tokens=700,
            audio_cache_read_tokens=500,
            audio_output_tokens=300,
        ),
    ]
    for provider in providers:
        for model in provider.models:
            if provider.find_model(model.id, all_providers=providers) is not model:
                continue
            prices = model.get_prices(moment)
            if prices.input_mtok is None or prices.output_mtok is None:
                continue
            for usage in usages:
                expected = model.calc_price(
                    genai_prices.Usage(
                        input_tokens=usage.prompt_tokens,
                        cache_read_tokens=usage.cache_read_tokens,
                        cache_write_tokens=usage.cache_write_tokens,
                        cache_write_1h_tokens=usage.cache_write_1h_tokens,
                        input_audio_tokens=usage.audio_input_tokens + usage.audio_cache_read_tokens,
                        cache_audio_read_tokens=usage.audio_cache_read_tokens,
                        output_audio_tokens=usage.audio_output_tokens,
                        output_tokens=usage.completion_tokens,
                        output_reasoning_tokens=usage.reasoning_tokens,
                    ),
                    provider,
                    genai_request_timestamp=moment,
                )
                cost = book.cost_nanousd(provider.id, model.id, usage, moment)
                assert cost == _nanousd(expected.total_price), (provider.id, model.id)
                compared += 1
    assert compared > 2000


def test_a_model_that_is_not_sold_by_tokens_has_no_price(book: PriceBook) -> None:
    assert book.cost_nanousd("groq", "whisper-large-v3", Usage(1000)) is None


def test_names_that_nobody_has_do_not_fill_the_memory(book: PriceBook) -> None:
    fresh = PriceBook({("demo", "*"): DEMO})
    for number in range(5000):
        assert fresh.cost_nanousd("demo", f"model-{number}", Usage(1)) == 150
    assert len(fresh.cached) <= 4096


def test_the_version_names_the_source_of_the_prices(book: PriceBook) -> None:
    assert book.version == f"genai-prices/{genai_prices.__version__}"


def _nanousd(dollars: Decimal) -> int:
    with localcontext() as context:
        context.prec = 60
        return int((dollars * 10**9).quantize(Decimal(1), ROUND_HALF_EVEN))

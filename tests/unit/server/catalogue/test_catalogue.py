"""The catalogue: plausible rows, names that are found, and models that it must not lack."""

from datetime import date

import msgspec
import pytest

from server.catalogue.catalogue import Catalogue, Model
from server.chat.usage import Usage
from server.ledger.prices import PriceBook
from server.providers.registry import PROVIDERS
from tests.unit.server.routing.worlds import model

CATALOGUE = Catalogue.load()
PRICES = PriceBook(aliases=CATALOGUE.price_names)
# Providers whose wire is not spoken yet, or which have no row of their own: listed, but nothing is sent there.
WITHOUT_A_ROW = {"bedrock", "cerebras", "minimax", "moonshot", "perplexity", "zai"}


def test_there_are_many_models_of_many_providers() -> None:
    assert len(CATALOGUE.models) >= 120
    assert len(CATALOGUE.providers) >= 12


def test_a_provider_is_in_the_registry_or_known_to_be_without_a_row() -> None:
    assert set(CATALOGUE.providers) - set(PROVIDERS) <= WITHOUT_A_ROW


@pytest.mark.parametrize("row", CATALOGUE.models, ids=lambda row: f"{row.provider}/{row.id}")
def test_a_row_is_plausible(row: Model) -> None:
    assert 0 < row.max_output_tokens <= row.context_window_tokens
    assert 4_000 <= row.context_window_tokens <= 10_000_000
    assert row.inputs[0] == "text"
    assert len(set(row.inputs)) == len(row.inputs)
    assert 1 <= row.speed_tier <= 5
    assert 1 <= row.quality_tier <= 5
    assert row.display_name == row.display_name.strip() != ""
    assert row.id not in row.aliases
    assert row.retires_on is None or date(2026, 1, 1) < row.retires_on < date(2030, 1, 1)


@pytest.mark.parametrize("row", CATALOGUE.models, ids=lambda row: f"{row.provider}/{row.id}")
def test_a_row_has_a_price_and_the_answer_costs_no_less_than_the_prompt(row: Model) -> None:
    prompt = PRICES.cost_nanousd(row.provider, row.id, Usage(input_tokens=1000))
    answer = PRICES.cost_nanousd(row.provider, row.id, Usage(output_tokens=1000))
    assert prompt is not None
    assert answer is not None
    assert 0 < prompt <= answer
    assert answer < 1_000_000_000


def test_names_are_unique() -> None:
    names = [(row.provider, name) for row in CATALOGUE.models for name in (row.id, *row.aliases)]
    assert len(names) == len(set(names))
    assert len(CATALOGUE.by_name) == len(CATALOGUE.models)


def test_nothing_was_retired_when_the_catalogue_was_made() -> None:
    as_of = date.fromisoformat(CATALOGUE.version.rpartition("/")[2])
    assert [row.id for row in CATALOGUE.models if row.is_retired(as_of)] == []


def test_the_usual_models_of_the_registry_are_in_the_catalogue() -> None:
    usual = [(row.name, name) for row in PROVIDERS.values() if not row.is_builtin for name in row.default_models]
    assert [names for names in usual if CATALOGUE.find(*names) is None] == []


FOUND = [
    ("its own name", "openai", "gpt-4o-mini", "gpt-4o-mini"),
    ("a dated snapshot", "openai", "gpt-4o-mini-2024-07-18", "gpt-4o-mini"),
    ("a snapshot dated without dashes", "anthropic", "claude-haiku-4-5-20251001", "claude-haiku-4-5"),
    ("an alias", "mistral", "codestral-latest", "codestral-2508"),
    ("another provider's model", "groq", "gpt-4o-mini", None),
    ("a name that only begins alike", "openai", "gpt-4o-minimal", None),
]


@pytest.mark.parametrize(
    ("provider", "name", "expected"), [case[1:] for case in FOUND], ids=[case[0] for case in FOUND]
)
def test_finding(provider: str, name: str, expected: str | None) -> None:
    found = CATALOGUE.find(provider, name)
    assert (found.id if found else None) == expected


def test_a_name_that_two_providers_have_carries_the_provider() -> None:
    names = {CATALOGUE.name_of(row) for row in CATALOGUE.models if row.id == "openai/gpt-oss-120b"}
    assert names == {"groq/openai/gpt-oss-120b", "together/openai/gpt-oss-120b"}
    assert {CATALOGUE.named(name) is not None for name in names} == {True}
    assert CATALOGUE.named("openai/gpt-4o-mini") is CATALOGUE.named("gpt-4o-mini")


def test_retirement_counts_from_its_day() -> None:
    row = model("m", retires_on=date(2026, 5, 1))
    assert not row.is_retired(date(2026, 4, 30))
    assert row.is_retired(date(2026, 5, 1))


def test_a_row_with_a_tier_out_of_range_is_refused() -> None:
    raw = msgspec.json.encode(model("m")).replace(b'"speed_tier":3', b'"speed_tier":6')
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(raw, type=Model)


@pytest.mark.parametrize("row", CATALOGUE.models, ids=lambda row: f"{row.provider}/{row.id}")
def test_the_knobs_of_a_row_fit_each_other(row: Model) -> None:
    knobs = row.knobs
    assert row.reasoning or not (knobs.thinking or knobs.efforts or knobs.thinks_unasked)
    assert len(set(knobs.thinking)) == len(knobs.thinking)
    assert len(set(knobs.efforts)) == len(knobs.efforts)
    if knobs.budget_tokens:
        least, most = knobs.budget_tokens
        assert 0 <= least < most < row.context_window_tokens
    assert row.facts.max_output_tokens == row.max_output_tokens
    assert row.facts.knobs is knobs
    assert row.facts.reasons is row.reasoning


@pytest.mark.parametrize(
    ("provider", "name", "found"),
    [
        ("openai-responses", "gpt-4o-mini", "gpt-4o-mini"),
        ("azure", "gpt-4o-mini-2024-07-18", "gpt-4o-mini"),
        ("bedrock", "us.amazon.nova-pro-v1:0", "amazon.nova-pro-v1:0"),
        ("bedrock", "global.anthropic.claude-haiku-5-5", "anthropic.claude-haiku-5-5"),
    ],
    ids=["another face of a vendor", "a resale", "a part of the world", "the whole world"],
)
def test_finds_models_that_are_the_same_under_another_roof(provider: str, name: str, found: str) -> None:
    model = CATALOGUE.find(provider, name)
    assert model is not None
    assert model.id == found

"""The rows of the registry."""

import pytest

from server.catalogue.catalogue import Catalogue
from server.providers.registry import PROVIDERS, Provider, closest_providers
from server.upstream.egress import check_base_url

NAMES = list(PROVIDERS)
KNOWN = [
    *("openai", "groq", "together", "fireworks", "deepseek", "xai", "openrouter", "perplexity", "cerebras", "nvidia"),
    *("huggingface", "moonshot", "qwen", "zai", "mistral"),
    "anthropic",
    "google",
    *("anthropic", "google", "openai-responses", "bedrock"),
    *("openai-compatible", "ollama", "vllm", "lmstudio", "llamacpp"),
    "demo",
]
UNLISTED = {"nvidia", "huggingface", "qwen"}
"""Vendors of whose models the catalogue knows none."""


def test_has_the_known_providers() -> None:
    assert set(KNOWN) <= set(NAMES)
    assert len(NAMES) == len(set(NAMES))


@pytest.mark.parametrize("row", PROVIDERS.values(), ids=lambda row: row.name)
def test_its_usual_models_stand_in_the_catalogue(row: Provider) -> None:
    catalogue = Catalogue.load()
    missing = [model for model in row.default_models if catalogue.find(row.name, model) is None]
    assert row.is_builtin or missing == []
    assert row.is_builtin or bool(row.default_models) is (
        catalogue.same_models.get(row.name, row.name) in catalogue.providers
    )


@pytest.mark.parametrize("row", PROVIDERS.values(), ids=lambda row: row.name)
def test_a_base_url_is_in_its_one_spelling(row: Provider) -> None:
    if row.default_base_url and not row.is_builtin:
        is_local = row.default_base_url.startswith("http:")
        assert check_base_url(row.default_base_url, allow_private=is_local) == row.default_base_url


@pytest.mark.parametrize("name", NAMES)
def test_a_vendor_has_models_and_a_variable_for_its_key(name: str) -> None:
    row = PROVIDERS[name]
    is_vendor = row.default_base_url.startswith("https:") or bool(row.base_url_form)
    assert bool(row.key_env) is is_vendor
    assert bool(row.default_models) is ((is_vendor and name not in UNLISTED) or row.is_builtin)
    assert row.display_name


@pytest.mark.parametrize("row", [row for row in PROVIDERS.values() if row.base_url_form], ids=lambda row: row.name)
def test_whose_entries_name_their_own_address_says_how_it_is_written(row: Provider) -> None:
    assert row.default_base_url == ""
    assert row.base_url_form.startswith("https://")


def test_only_the_demo_is_built_in() -> None:
    assert [name for name in NAMES if PROVIDERS[name].is_builtin] == ["demo"]


@pytest.mark.parametrize(
    ("name", "closest"),
    [
        ("OpenIA", "openai"),
        ("grok", "groq"),
        ("mistrall", "mistral"),
        ("deep-seek", "deepseek"),
        ("togetherai", "together"),
        (" Olama ", "ollama"),
    ],
)
def test_finds_what_was_probably_meant(name: str, closest: str) -> None:
    assert closest_providers(name)[0] == closest


def test_finds_nothing_for_nonsense() -> None:
    assert closest_providers("zzzzzz") == ()
